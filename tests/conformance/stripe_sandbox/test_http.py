"""The protocol around the resources: access, versions, encodings, refusals, expansion, paging."""

import base64
import contextlib
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import stripe
from counterfoil_sandbox.stripe import forms
from counterfoil_sandbox.stripe.errors import StripeError
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.stripe_sandbox.running import PIN, Running
from tests.conformance.stripe_sandbox.test_payments import pay, settled


def test_headers_of_an_answer(sandbox: Running) -> None:
    answer = sandbox.http.get("/v1/account", headers={"Stripe-Account": sandbox.sandbox.account})
    assert answer.json()["id"] == sandbox.sandbox.account
    assert answer.headers["request-id"].startswith("req_")
    assert answer.headers["stripe-version"] == PIN
    assert answer.headers["stripe-account"] == sandbox.sandbox.account
    assert "date" in answer.headers
    assert len(answer.headers.get_list("date")) == 1


@pytest.mark.parametrize("scheme", ["Bearer {key}", "Basic {basic}"])
def test_both_schemes_of_access(sandbox: Running, scheme: str) -> None:
    for key in (sandbox.sandbox.secret_key, sandbox.sandbox.restricted_key):
        value = scheme.format(key=key, basic=base64.b64encode(f"{key}:".encode()).decode())
        assert httpx.get(f"{sandbox.url}/v1/customers", headers={"Authorization": value}).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "message"),
    [(None, "You did not provide an API key"), ("Bearer sk_test_wrongwrong", "Invalid API Key provided: sk_test_")],
)
def test_refused_access(sandbox: Running, authorization: str | None, message: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = httpx.get(f"{sandbox.url}/v1/customers", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].startswith(message)
    assert "wrongwrong" not in answer.text


def test_another_account_is_out_of_reach(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.PermissionError):
        client.v1.customers.list(options={"stripe_account": "acct_1Other"})


@pytest.mark.parametrize(
    ("version", "status"),
    [
        (PIN, 200),
        ("2024-06-20", 200),
        ("2025-03-31.basil", 200),
        ("latest", 400),
        ("2026-10-28", 400),
        ("2027-01-01.x", 400),
    ],
)
def test_versions(sandbox: Running, version: str, status: int) -> None:
    answer = sandbox.http.get("/v1/payment_intents", headers={"Stripe-Version": version})
    assert answer.status_code == status


def test_older_versions_show_what_they_had(sandbox: Running, client: stripe.StripeClient) -> None:
    intent = pay(client)
    path = f"/v1/payment_intents/{intent.id}?expand[]=latest_charge"
    old = sandbox.http.get(path, headers={"Stripe-Version": "2024-06-20"}).json()
    new = sandbox.http.get(path).json()
    assert (old["invoice"], old["latest_charge"]["invoice"]) == (None, None)
    assert "payment_record" not in old
    assert "invoice" not in new


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/customers/", 404, "remove the trailing slash"),
        ("GET", "/v1/nothing", 404, "Unrecognized request URL (GET: /v1/nothing)"),
        ("DELETE", "/v1/payment_intents/pi_1", 404, "Unrecognized request URL"),
        ("GET", "/v1/topups", 501, "does not imitate GET /v1/topups"),
        ("POST", "/v1/quotes", 501, "does not imitate POST /v1/quotes"),
        ("GET", "/v1/subscriptions/search", 501, "does not imitate"),
        ("GET", "/v2/core/events", 501, "does not imitate"),
        ("GET", "/v1/customers/cus_0", 404, "No such customer: 'cus_0'"),
        ("GET", "/v1/payment_intents/pi_0", 404, "No such payment_intent: 'pi_0'"),
        ("GET", "/v1/events/evt_0", 404, "No such event: 'evt_0'"),
    ],
)
def test_what_is_not_there(sandbox: Running, method: str, path: str, status: int, words: str) -> None:
    answer = sandbox.http.request(method, path)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("data", "status", "code", "param"),
    [
        ({"colour": "red", "amount": "500", "currency": "usd"}, 400, "parameter_unknown", "colour"),
        ({"shipping[colour]": "red", "amount": "500", "currency": "usd"}, 400, "parameter_unknown", "shipping[colour]"),
        ({"currency": "usd"}, 400, "parameter_missing", "amount"),
        ({"amount": "5.5", "currency": "usd"}, 400, "parameter_invalid_integer", "amount"),
        ({"amount": "", "currency": "usd"}, 400, "parameter_invalid_empty", "amount"),
        ({"amount": "500", "currency": "usd", "metadata": "x"}, 400, None, "metadata"),
        ({"amount": "500", "currency": "usd", "capture_method": "x"}, 400, None, "capture_method"),
        ({"amount": "500", "currency": "usd", "application_fee_amount": "1"}, 501, "not_imitated", None),
        ({"amount": "500", "currency": "usd", "off_session": "true"}, 400, None, "off_session"),
        (
            {"amount": "500", "currency": "usd", "payment_method": "pm_card_createIssuerFraudRecord"},
            501,
            "not_imitated",
            None,
        ),
        ({"amount": "500", "currency": "usd", "payment_method": "pm_0"}, 400, "resource_missing", "payment_method"),
    ],
)
def test_parameters_are_never_ignored(
    sandbox: Running, data: dict[str, str], status: int, code: str | None, param: str | None
) -> None:
    answer = sandbox.http.post("/v1/payment_intents", data=data)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error.get("param")) == (status, code, param)
    assert error["request_log_url"].startswith("https://dashboard.stripe.com/")
    assert sandbox.http.get("/v1/payment_intents").json()["data"] == []


def test_json_is_not_v1s_encoding(sandbox: Running) -> None:
    answer = sandbox.http.post("/v1/customers", json={"name": "A"})
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_metadata_may_be_numbered_and_parts_multiple(sandbox: Running) -> None:
    assert sandbox.http.post("/v1/customers", data={"metadata[0]": "a"}).json()["metadata"] == {"0": "a"}
    parts = {"name": (None, "A"), "metadata[k]": (None, "v")}
    made = sandbox.http.post("/v1/customers", files=parts).json()
    assert (made["name"], made["metadata"]) == ("A", {"k": "v"})


def test_brackets_bare_and_encoded(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client)
    for query in ("expand[]=data.latest_charge", "expand%5B%5D=data.latest_charge", "expand[0]=data.latest_charge"):
        body = sandbox.http.get(f"/v1/payment_intents?{query}").json()
        assert body["data"][0]["latest_charge"]["object"] == "charge"


NAMES = st.text(st.characters(categories=["L", "N"], exclude_characters="[]"), min_size=1, max_size=6)
LEAVES = st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(NAMES.filter(lambda name: not name.isdecimal()), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def _flatten(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return [pair for key, item in pairs for pair in _flatten(f"{name}[{key}]", item)]


def _indexed(value: Any) -> Any:
    """Return a value with each list as a dict of its indexes, which is how it travels."""
    if isinstance(value, str):
        return value
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return {str(key): _indexed(item) for key, item in pairs}


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_encoded_is_decoded(params: dict[str, Any]) -> None:
    pairs = [pair for name, value in params.items() for pair in _flatten(name, value)]
    deep = max((name.count("[") for name, _ in pairs), default=0)
    if deep < 8:
        assert forms.decode(urlencode(pairs)) == _indexed(params)


@given(st.text(max_size=40))
def test_any_body_is_decoded_or_refused(body: str) -> None:
    with contextlib.suppress(StripeError):
        assert isinstance(forms.decode(body), dict)


def test_expansion_four_levels_deep(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "deep@example.com"})
    intent = pay(client, customer=customer.id)
    settled(client, intent)
    shown = client.v1.payment_intents.retrieve(
        intent.id, {"expand": ["latest_charge.balance_transaction.source.customer", "customer"]}
    )
    assert isinstance(shown.latest_charge, stripe.Charge)
    entry = shown.latest_charge.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert isinstance(entry.source, stripe.Charge)
    assert isinstance(entry.source.customer, stripe.Customer)
    assert isinstance(shown.customer, stripe.Customer)
    again = client.v1.payment_intents.retrieve(intent.id)
    assert (again.customer, again.latest_charge) == (customer.id, shown.latest_charge.id)


@pytest.mark.parametrize("path", ["amount", "latest_charge.amount", "colour", "customer.default_source.customer"])
def test_wrong_expansion_has_no_effect(client: stripe.StripeClient, path: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="This property cannot be expanded"):
        pay(client, expand=[path])
    with pytest.raises(stripe.InvalidRequestError, match=r"data\.customer"):
        client.v1.payment_intents.list({"expand": ["customer"]})
    with pytest.raises(stripe.InvalidRequestError, match="4 levels"):
        client.v1.charges.list({"expand": ["data.payment_intent.latest_charge.balance_transaction.source.customer"]})
    assert client.v1.payment_intents.list().data == []


def test_paging_both_ways(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": str(number)}).id for number in range(7)]
    newest_first = made[::-1]
    page = client.v1.customers.list({"limit": 3})
    assert ([row.id for row in page.data], page.has_more, page.url) == (newest_first[:3], True, "/v1/customers")
    assert [row.id for row in page.auto_paging_iter()] == newest_first
    last = client.v1.customers.list({"limit": 3, "starting_after": newest_first[3]})
    assert ([row.id for row in last.data], last.has_more) == (newest_first[4:], False)
    upwards = client.v1.customers.list({"limit": 2, "ending_before": newest_first[-1]})
    assert ([row.id for row in upwards.data], upwards.has_more) == (newest_first[4:6], True)
    assert [row.id for row in upwards.auto_paging_iter()] == made[1:]
    for params in ({"limit": 0}, {"limit": 101}, {"starting_after": "cus_0"}):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.list(params)  # type: ignore[arg-type]


def test_lists_filter_by_creation(client: stripe.StripeClient, sandbox: Running) -> None:
    first = client.v1.customers.create({"name": "early"})
    sandbox.ask("/stripe/settings", {"clock_offset_s": 100})
    second = client.v1.customers.create({"name": "late"})
    cases: tuple[tuple[Any, list[str]], ...] = (
        ({"gt": first.created}, [second.id]),
        ({"gte": first.created}, [second.id, first.id]),
        ({"lt": second.created}, [first.id]),
        ({"lte": second.created}, [second.id, first.id]),
        (second.created, [second.id]),
    )
    for bounds, found in cases:
        assert [row.id for row in client.v1.customers.list({"created": bounds}).data] == found


def test_ids_are_never_given_twice_even_after_a_reset(sandbox: Running) -> None:
    seen = set()
    for _ in range(3):
        seen |= {sandbox.http.post("/v1/customers").json()["id"] for _ in range(5)}
        sandbox.ask("/reset")
        assert sandbox.http.get("/v1/customers").json()["data"] == []
    assert len(seen) == 15


def test_requests_are_on_record(sandbox: Running) -> None:
    sandbox.http.post("/v1/customers", headers={"Idempotency-Key": "k"})
    entry = sandbox.ask("/stripe/requests", method="GET")["requests"][-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/customers", 200)
    assert (entry["idempotency_key"], entry["executed"], entry["replayed"]) == ("k", True, False)
