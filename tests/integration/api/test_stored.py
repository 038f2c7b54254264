"""The doors before the real intake, commands, projection and PostgreSQL."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import grpc
import pytest
from stripe import WebhookSignature

from service import migrations
from service.bootstrap import open_store
from service.clients import StripeApi
from service.config import Settings
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from tests.integration.api.payments_door import OPPORTUNITY, info_of
from tests.integration.api.stored import SECRET, StoredDoors, open_stored_doors

PATH = "/webhooks/stripe/acme"


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with open_store(Settings(data_dir=tmp_path_factory.mktemp("stored"))) as store:
        migrations.upgrade(store.url)
        yield store.url


@pytest.fixture(scope="module")
async def doors(database_url: str) -> AsyncIterator[StoredDoors]:
    async with open_stored_doors(database_url) as doors:
        yield doors


def event_of(intent_id: str, *, created: int, **intent: object) -> bytes:
    """An event about a payment intent, which the mirror then holds."""
    body = {"id": intent_id, "object": "payment_intent", "created": created, "status": "succeeded", "livemode": False}
    return json.dumps(
        {
            "id": f"evt_{uuid4().hex}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": created,
            "livemode": False,
            "api_version": StripeApi.api_version,
            "data": {"object": {**body, "amount": 1050, "amount_received": 1050, "currency": "usd", **intent}},
        }
    ).encode()


def asking(*, entity: str = "acme", version: str = "", request_id: str = "") -> api.CreatePaymentRequest:
    return api.CreatePaymentRequest(
        entity=entity,
        record_id=OPPORTUNITY,
        unconfirmed=api.Unconfirmed(),
        version=version,
        request_id=request_id,
    )


def signed(body: bytes) -> dict[str, str]:
    moment = int(time.time())
    return {"stripe-signature": WebhookSignature.generate_signature_header(body.decode(), SECRET, moment)}


async def count(doors: StoredDoors, body: bytes) -> object:
    statement = "SELECT count(*) FROM inbox WHERE event_id = :id"
    return await doors.scalar(statement, id=json.loads(body)["id"])


async def test_an_acknowledged_event_is_committed(doors: StoredDoors) -> None:
    body = event_of("pi_committed", created=1_790_000_000)
    answer = await doors.web.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()) == (200, {"receipt": "new"})
    assert await count(doors, body) == 1


async def test_of_many_copies_at_once_one_is_new(doors: StoredDoors) -> None:
    body = event_of("pi_copies", created=1_790_000_000)
    answers = await asyncio.gather(*(doors.web.post(PATH, content=body, headers=signed(body)) for _ in range(40)))
    receipts = [answer.json()["receipt"] for answer in answers]
    assert (receipts.count("new"), receipts.count("duplicate")) == (1, 39)
    assert await count(doors, body) == 1


async def test_an_event_of_the_wrong_mode_is_kept_aside(doors: StoredDoors) -> None:
    body = event_of("pi_live", created=1_790_000_000).replace(b'"livemode": false', b'"livemode": true', 1)
    answer = await doors.web.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()) == (200, {"receipt": "quarantined"})
    assert await doors.scalar("SELECT count(*) FROM mirror WHERE object_id = 'pi_live'") == 0


async def test_a_refused_event_leaves_no_row(doors: StoredDoors) -> None:
    body = event_of("pi_refused", created=1_790_000_000)
    answer = await doors.web.post(PATH, content=body, headers={"stripe-signature": "t=1,v1=0"})
    assert (answer.status_code, await count(doors, body)) == (400, 0)


@pytest.mark.parametrize("depth", [190, 199, 255, 900, 1500])
async def test_a_deep_object_is_never_a_fault(doors: StoredDoors, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    for extra in ({}, {"client_secret": "pi_deep_secret_x"}):
        body = event_of(f"pi_deep_{depth}", created=1_790_000_000, nested="here", **extra)
        body = body.replace(b'"here"', nested)
        answer = await doors.web.post(PATH, content=body, headers=signed(body))
        assert answer.status_code == (200 if depth == 190 else 400)


async def test_nul_characters_and_odd_text_are_never_a_fault(doors: StoredDoors) -> None:
    for text in ("\u0000", "\ud800", "\uffff", "\U0001f4b3", "x" * 100_000):
        body = event_of("pi_odd", created=1_790_000_000, description=text, metadata={text: text})
        answer = await doors.web.post(PATH, content=body, headers=signed(body))
        assert answer.status_code in {200, 400}


async def test_a_request_is_accepted_once_and_refused_with_other_content(doors: StoredDoors) -> None:
    ask = api.CreatePaymentRequest(
        entity="acme", record_id=OPPORTUNITY, request_id="once", unconfirmed=api.Unconfirmed()
    )
    first = await doors.stub.CreatePayment(ask, timeout=0.5)
    again = await doors.stub.CreatePayment(ask, timeout=0.5)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.payment.payment_id == again.payment.payment_id
    assert first.payment.request_state == payment.REQUEST_STATE_ACCEPTED
    assert first.payment.state == payment.Payment.STATE_REQUESTED
    read = await doors.stub.GetPayment(api.GetPaymentRequest(entity="acme", payment_id=first.payment.payment_id))
    assert read.payment == first.payment
    for change in (
        api.CreatePaymentRequest(hosted_checkout=api.HostedCheckout()),
        api.CreatePaymentRequest(version="2"),
    ):
        other = api.CreatePaymentRequest()
        other.CopyFrom(ask)
        other.MergeFrom(change)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await doors.stub.CreatePayment(other, timeout=0.5)
        assert (raised.value.code(), info_of(raised.value).reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "COMMAND_CONFLICT",
        )


async def test_many_at_once_ask_for_one_payment(doors: StoredDoors) -> None:
    ask = asking(version="many")
    asked = await asyncio.gather(*(doors.stub.CreatePayment(ask, timeout=1.5) for _ in range(10)))
    assert [one.replayed for one in asked].count(False) == 1
    assert len({one.payment.payment_id for one in asked}) == 1


async def test_an_unknown_entity_is_not_found(doors: StoredDoors) -> None:
    ask = asking(entity="nobody")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await doors.stub.CreatePayment(ask, timeout=0.5)
    assert (raised.value.code(), info_of(raised.value).reason) == (grpc.StatusCode.NOT_FOUND, "ENTITY_UNKNOWN")


async def test_payments_made_in_stripe_are_listed_newest_first(doors: StoredDoors) -> None:
    for number in range(7):
        body = event_of(
            f"pi_listed{number}", created=1_790_000_100 + number // 2, customer="cus_1" if number % 2 else "cus_2"
        )
        path = "/webhooks/stripe/other"
        assert (await doors.web.post(path, content=body, headers=signed(body))).status_code == 200
    seen: list[payment.Payment] = []
    request = api.ListPaymentsRequest(entity="other", page_size=3)
    while True:
        page = await doors.stub.ListPayments(request)
        seen += page.payments
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert [one.payment_id for one in seen] == [f"pi_listed{number}" for number in reversed(range(7))]
    assert {one.amount.amount_minor for one in seen} == {1050}
    some = await doors.stub.ListPayments(api.ListPaymentsRequest(entity="other", customer_id="cus_1"))
    assert [one.payment_id for one in some.payments] == ["pi_listed5", "pi_listed3", "pi_listed1"]
    read = await doors.stub.GetPayment(api.GetPaymentRequest(entity="other", payment_id="pi_listed3"))
    assert read.payment == some.payments[1]


async def test_a_closed_intake_asks_for_another_try(doors: StoredDoors) -> None:
    doors.intake.close()
    body = event_of("pi_closed", created=1_790_000_000)
    answer = await doors.web.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert await count(doors, body) == 0
