"""The Stripe client over a real socket: what it sends, what it believes, and what it makes of every way to fail."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe

from service.clients import StripeApi
from service.clients.stripe import API_VERSION
from service.clock import SystemClock
from service.config import SecretRef, StripeAccount
from service.errors import (
    ConfigurationError,
    PaymentDeclined,
    VendorDenied,
    VendorError,
    VendorRejected,
    VendorUnavailable,
)
from tests.support.scripted_vendor import Reply, Request, Vendor, vendor
from tests.support.waiting import until

DATE = {"Date": "Mon, 23 Nov 2026 11:00:00 GMT", "Request-Id": "req_1"}
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 5000,
    "status": "a_status_of_next_year",
    "client_secret": "pi_1_secret_2",
    "metadata": {"a": "b"},
    "last_payment_error": None,
    "latest_charge": {"id": "ch_1", "object": "charge", "refunds": {"object": "list", "data": [], "has_more": False}},
    "exchange_rate": 0.917,
}


def account(url: str, folder: Path, **settings: Any) -> StripeAccount:
    (folder / "key").write_text(settings.pop("key", "sk_test_1"))
    secret = SecretRef(file=folder / "key")
    values = {"livemode": False, "secret_key": secret, "webhook_secrets": (secret,), "timeout_seconds": 1, **settings}
    return StripeAccount(api_base=url, **values)


@pytest.fixture
async def server() -> AsyncIterator[Vendor]:
    async with vendor(lambda _: Reply(INTENT, headers=DATE)) as it:
        yield it


@pytest.fixture
def api(server: Vendor, tmp_path: Path) -> StripeApi:
    return StripeApi("acme", account(server.url, tmp_path), SystemClock())


async def create(api: StripeApi) -> Any:
    return await api.create("payment_intent", {"amount": 5000, "currency": "eur"}, idempotency_key="k1")


async def test_a_create_is_sent_once_with_key_and_version_and_comes_back_whole(api: StripeApi, server: Vendor) -> None:
    answer = await api.create(
        "payment_intent",
        {"amount": 5000, "excluded_payment_method_types": ["card"], "metadata": {"a": "b"}},
        idempotency_key="k1",
    )
    assert answer.body == INTENT
    assert answer.as_of == datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert (answer.request_id, answer.replayed) == ("req_1", False)
    assert "secret" not in repr(answer)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/payment_intents")
    assert request.headers["idempotency-key"] == "k1"
    assert request.headers["stripe-version"] == API_VERSION == api.api_version
    assert request.headers["authorization"] == "Bearer sk_test_1"
    assert "x-stripe-client-telemetry" not in request.headers
    assert request.form == {"amount": "5000", "excluded_payment_method_types[0]": "card", "metadata[a]": "b"}


async def test_no_call_reports_the_one_before(api: StripeApi, server: Vendor) -> None:
    await create(api)
    await create(api)
    assert not any("x-stripe-client-telemetry" in request.headers for request in server.requests)


async def test_a_replayed_answer_says_so(api: StripeApi, server: Vendor) -> None:
    server.answer = lambda _: Reply(INTENT, headers={**DATE, "Idempotent-Replayed": "true"})
    assert (await create(api)).replayed


async def test_an_answer_without_a_date_takes_ours_in_whole_seconds(api: StripeApi, server: Vendor) -> None:
    server.answer = lambda _: Reply(INTENT)
    answer = await create(api)
    assert abs(datetime.now(UTC) - answer.as_of).total_seconds() < 5
    assert answer.as_of.microsecond == 0


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_write_without_a_usable_key_never_leaves(api: StripeApi, server: Vendor, key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        await api.create("payment_intent", {}, idempotency_key=key)
    assert server.requests == []


async def test_an_unknown_type_is_refused_not_guessed(api: StripeApi, server: Vendor) -> None:
    with pytest.raises(VendorRejected):
        await api.retrieve("quantum_intent", "qi_1")
    assert server.requests == []


@pytest.mark.parametrize(
    ("object_type", "path"),
    [("checkout.session", "/v1/checkout/sessions/x_1"), ("balance_transaction", "/v1/balance_transactions/x_1")],
)
async def test_retrieve_expands(api: StripeApi, server: Vendor, object_type: str, path: str) -> None:
    await api.retrieve(object_type, "x_1", expand=["a.b", "c"])
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", path)
    assert request.query == {"expand[0]": ["a.b"], "expand[1]": ["c"]}


@pytest.mark.parametrize(("limit", "found", "calls"), [(250, 250, 3), (100, 100, 1), (7, 7, 1), (1000, 260, 3)])
async def test_a_list_pages_up_to_its_limit(api: StripeApi, server: Vendor, limit: int, found: int, calls: int) -> None:
    ids = [f"ch_{number}" for number in range(260)]

    def answer(request: Request) -> Reply:
        start = ids.index(request.query["starting_after"][0]) + 1 if "starting_after" in request.query else 0
        page = ids[start : start + int(request.query["limit"][0])]
        data = [{"id": name, "object": "charge"} for name in page]
        more = page[-1] != ids[-1]
        return Reply({"object": "list", "url": "/v1/charges", "has_more": more, "data": data}, headers=DATE)

    server.answer = answer
    answers = await api.list("charge", {"customer": "cus_1"}, limit=limit)
    assert [one.body["id"] for one in answers] == ids[:found]
    assert len(server.requests) == calls
    assert all(request.query["customer"] == ["cus_1"] for request in server.requests)


async def test_account(api: StripeApi, server: Vendor) -> None:
    server.answer = lambda _: Reply({"id": "acct_1", "object": "account"}, headers=DATE)
    assert (await api.account())["id"] == "acct_1"
    assert server.requests[0].path == "/v1/account"


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (Reply(gone=True), VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (Reply(INTENT, headers=DATE, cut=True), VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (Reply(b"<html>", headers=DATE), VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (Reply(b"<html>", 502), VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (Reply({"error": {"type": "api_error"}}, 500), VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (Reply({"error": {"code": "lock_timeout"}}, 429), VendorUnavailable, "STRIPE_LOCKED"),
        (Reply({"error": {"code": "idempotency_key_in_use"}}, 409), VendorUnavailable, "STRIPE_LOCKED"),
        (Reply({"error": {"message": "bad key sk_test_1"}}, 401), VendorDenied, "STRIPE_DENIED"),
        (Reply({"error": {"code": "resource_missing", "type": "x"}}, 404), VendorRejected, "STRIPE_REJECTED"),
        (Reply({"error": {"type": "idempotency_error"}}, 400), VendorRejected, "STRIPE_IDEMPOTENCY_MISMATCH"),
        (Reply({"error": {"type": "card_error", "payment_intent": INTENT}}, 402), PaymentDeclined, "PAYMENT_DECLINED"),
    ],
)
async def test_every_failure_is_one_of_ours_after_one_try(
    api: StripeApi, server: Vendor, reply: Reply, kind: type[VendorError], reason: str
) -> None:
    server.answer = lambda _: reply
    with pytest.raises(VendorError) as caught:
        await create(api)
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert len(server.requests) == 1
    assert "sk_test_1" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_silent_stripe_ends_by_the_time_out(api: StripeApi, server: Vendor) -> None:
    server.answer = lambda _: Reply(wait=asyncio.Event().wait)
    with pytest.raises(VendorUnavailable):
        await create(api)


async def test_nobody_listens(tmp_path: Path) -> None:
    async with vendor(lambda _: Reply()) as gone:
        pass
    api = StripeApi("acme", account(gone.url, tmp_path), SystemClock())
    with pytest.raises(VendorUnavailable):
        await create(api)


async def test_many_calls_share_few_threads(api: StripeApi, server: Vendor) -> None:
    gate = asyncio.Event()
    server.answer = lambda _: Reply(INTENT, headers=DATE, wait=gate.wait)
    calls = [asyncio.create_task(create(api)) for _ in range(40)]
    await until(lambda: len(server.requests) == 16)
    assert len(server.requests) == 16
    gate.set()
    assert len(await asyncio.gather(*calls)) == 40


async def test_a_missing_permission_is_named_and_nothing_else_of_the_message(api: StripeApi, server: Vendor) -> None:
    message = "The key 'rk_test_***last' may not. Having the 'rak_charge_write' permission would allow it, Jane Doe."
    server.answer = lambda _: Reply({"error": {"message": message}}, 403)
    with pytest.raises(VendorDenied, match="it lacks rak_charge_write") as caught:
        await create(api)
    assert caught.value.metadata["permission"] == "rak_charge_write"
    assert "Jane" not in str(caught.value.metadata) + caught.value.message
    assert "last" not in caught.value.message


@pytest.mark.parametrize(
    ("key", "livemode"),
    [
        ("sk_live_1", False),
        ("rk_test_1", True),
        ("sk_org_live_1", False),
        ("sk_org_live_1", True),
        ("pk_test_1", False),
        ("whsec_1", False),
    ],
)
def test_a_key_of_the_other_mode_is_refused_at_once(tmp_path: Path, key: str, livemode: bool) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StripeApi("acme", account("http://127.0.0.1:1", tmp_path, key=key, livemode=livemode), SystemClock())
    assert caught.value.field == "entities.acme.stripe.secret_key"
    assert key not in str(caught.value)


def test_the_pinned_version_is_the_one_the_library_was_made_for() -> None:
    assert stripe.api_version == API_VERSION
