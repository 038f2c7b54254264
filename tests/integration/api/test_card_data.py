"""A card number is refused at the gRPC door with its field named, and taken out of Salesforce's events unstored."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2
from sqlalchemy import text

from service.clock import SystemClock
from service.db import Database, Wakes, open_database
from service.domain.cards import REMOVED
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.intake import StreamBatch, StreamEvent, StreamIntake
from tests.integration.api.payments_door import OPPORTUNITY, PaymentsDoor, detail_of, info_of, status_of
from tests.support.postgres import drop_database, fresh_database

CARD = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (api.CreatePaymentRequest(entity="acme", record_id=OPPORTUNITY, request_id=CARD), "request_id"),
        (
            api.CreatePaymentRequest(
                entity="acme", record_id=OPPORTUNITY, off_session=api.OffSession(payment_method_id=CARD)
            ),
            "off_session.payment_method_id",
        ),
    ],
)
async def test_a_call_with_a_card_number_is_refused_with_its_field(
    payments: PaymentsDoor, request_: api.CreatePaymentRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(request_)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert info_of(raised.value).reason == "CARD_DATA"
    request = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert request is not None
    assert [one.field for one in request.field_violations] == [field]
    assert "4242" not in str(raised.value.details()) + str(raised.value.trailing_metadata())
    assert payments.commands.requests == []


async def test_a_text_that_no_table_can_hold_is_refused_with_its_field(payments: PaymentsDoor) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.ListPayments(api.ListPaymentsRequest(entity="acme", page_token="a\x00"))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    request = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert request is not None
    assert [one.field for one in request.field_violations] == ["page_token"]


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = open_database(fresh_database(postgres_url), pool_size=4)
    yield opened
    await opened.close()
    drop_database(postgres_url, opened.url)


async def test_an_event_is_stored_without_it(database: Database) -> None:
    intake = StreamIntake(database, Wakes(database.url), SystemClock())
    topic = "/event/Payment_Request__e"
    lease = await intake.claim_stream("main", topic, "me", timedelta(minutes=1), feed="pubsub")
    assert lease is not None
    payload = json.dumps({"Record_Id__c": OPPORTUNITY, "Payment_Method_Id__c": f"use {CARD}"})
    events = (StreamEvent("e-1", topic, payload, b"\1", None),)
    assert await intake.record_stream(StreamBatch("main", topic, b"\1", events), lease) == 1
    async with database.read() as tx:
        (stored,) = (await tx.execute(text("SELECT payload FROM inbox"))).scalars()
    assert json.loads(stored) == {"Record_Id__c": OPPORTUNITY, "Payment_Method_Id__c": f"use {REMOVED}"}
