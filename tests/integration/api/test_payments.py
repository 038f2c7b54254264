"""The payments API over a real channel: outcomes, errors, pages."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import grpc
import pytest
from google.rpc import error_details_pb2

from service.commands import CommandState
from service.errors import Conflict, NotFound, Overloaded, VendorUnavailable
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.projection import PaymentStatus
from tests.integration.api.payments_door import (
    NOW,
    OPPORTUNITY,
    PaymentsDoor,
    detail_of,
    facts,
    info_of,
    status_of,
)

ASK = api.CreatePaymentRequest(entity="acme", record_id=OPPORTUNITY, hosted_checkout=api.HostedCheckout())


def asking(**changes: object) -> api.CreatePaymentRequest:
    request = api.CreatePaymentRequest(**changes)  # type: ignore[arg-type]  # the fields of the message
    full = api.CreatePaymentRequest()
    full.CopyFrom(ASK)
    full.MergeFrom(request)
    return full


async def test_a_payment_is_asked_for_once_and_replayed(payments: PaymentsDoor) -> None:
    payments.reader.payments = [facts(status=PaymentStatus.PAID, amount_minor=1050, currency="USD")]
    first = await payments.stub.CreatePayment(ASK)
    again = await payments.stub.CreatePayment(ASK)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.payment == again.payment
    assert first.payment.state == payment.Payment.STATE_PAID
    assert first.payment.request_state == payment.REQUEST_STATE_SUCCEEDED
    assert first.payment.amount == payment.MinorAmount(amount_minor=1050, currency_code="USD")
    assert first.client_secret == ""


async def test_the_request_reaches_commands_in_their_words(payments: PaymentsDoor) -> None:
    off_session = api.OffSession(payment_method_id="pm_1")
    await payments.stub.CreatePayment(
        asking(record_id="006000000000001", off_session=off_session, version="2", request_id="a-b")
    )
    asked = payments.commands.requests[0]
    assert (asked.entity, asked.operation, asked.record_id) == ("acme", "create_payment", OPPORTUNITY)
    assert asked.arguments == {"method": "off_session", "payment_method_id": "pm_1"}
    assert (asked.version, asked.request_id) == ("2", "a-b")
    assert (asked.requested_by, asked.source) == (None, "grpc")


async def test_a_decline_is_an_outcome(payments: PaymentsDoor) -> None:
    payments.commands.outcome = {
        "state": CommandState.DECLINED,
        "reason": "PAYMENT_DECLINED",
        "message": "The card has insufficient funds.",
        "payment_intent_id": "pi_1",
    }
    response = await payments.stub.CreatePayment(ASK)
    assert response.payment.state == payment.Payment.STATE_FAILED
    assert response.payment.request_state == payment.REQUEST_STATE_DECLINED
    assert response.payment.failure.code == "PAYMENT_DECLINED"
    payments.reader.payments = [
        facts(status=PaymentStatus.FAILED, failure_code="insufficient_funds", failure_message="Too little there.")
    ]
    response = await payments.stub.CreatePayment(ASK)
    assert response.payment.failure == payment.Failure(code="insufficient_funds", message="Too little there.")


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        (CommandState.REFUSED, "RECORD_NOT_PAYABLE", grpc.StatusCode.FAILED_PRECONDITION),
        (CommandState.FAILED, "STRIPE_UNAVAILABLE", grpc.StatusCode.FAILED_PRECONDITION),
        (CommandState.FAILED, "INTERNAL", grpc.StatusCode.INTERNAL),
    ],
)
async def test_a_request_that_ended_without_a_payment_is_an_error(
    payments: PaymentsDoor, state: CommandState, reason: str, code: grpc.StatusCode
) -> None:
    payments.commands.outcome = {"state": state, "reason": reason, "message": "The opportunity is lost."}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(ASK)
    assert (raised.value.code(), raised.value.details()) == (code, "The opportunity is lost.")
    info = info_of(raised.value)
    assert info.reason == reason
    assert dict(info.metadata) == {"payment_id": "cmd_" + "0" * 32, "request_state": state.name}
    assert detail_of(status_of(raised.value), error_details_pb2.RetryInfo) is None


async def test_the_client_secret_is_told_for_unconfirmed_payments_only(payments: PaymentsDoor) -> None:
    unconfirmed = asking(unconfirmed=api.Unconfirmed())
    assert (await payments.stub.CreatePayment(unconfirmed)).client_secret == "pi_1_secret_x"
    payments.commands.secret_fails = VendorUnavailable("no answer", vendor="stripe")
    response = await payments.stub.CreatePayment(unconfirmed)
    assert (response.payment.payment_intent_id, response.client_secret) == ("pi_1", "")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (NotFound("No such entity.", reason="ENTITY_UNKNOWN"), grpc.StatusCode.NOT_FOUND, "ENTITY_UNKNOWN"),
        (Conflict("Asked before."), grpc.StatusCode.ALREADY_EXISTS, "COMMAND_CONFLICT"),
        (Overloaded("Full.", retry_after=timedelta(seconds=3)), grpc.StatusCode.UNAVAILABLE, "OVERLOADED"),
    ],
)
async def test_errors_carry_their_reason(
    payments: PaymentsDoor, error: Exception, code: grpc.StatusCode, reason: str
) -> None:
    payments.commands.fails = error
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(ASK)
    assert (raised.value.code(), info_of(raised.value).reason) == (code, reason)
    retry = detail_of(status_of(raised.value), error_details_pb2.RetryInfo)
    assert (retry.retry_delay.seconds if retry else None) == (3 if reason == "OVERLOADED" else None)


async def test_a_fault_of_ours_tells_nothing_of_its_cause(payments: PaymentsDoor) -> None:
    payments.commands.fails = RuntimeError("postgresql://user:password@host")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(ASK)
    assert (raised.value.code(), info_of(raised.value).reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "password" not in str(status_of(raised.value))


async def test_every_violation_is_told_at_once(payments: PaymentsDoor) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(api.CreatePaymentRequest(version="a b", request_id="\n"))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert bad is not None
    fields = {violation.field for violation in bad.field_violations}
    assert fields == {"entity", "record_id", "method", "version", "request_id"}
    assert payments.commands.requests == []


async def test_one_payment_is_read_with_everything_known(payments: PaymentsDoor) -> None:
    payments.reader.payments = [
        facts(
            "pi_1",
            status=PaymentStatus.PAID,
            stripe_status="succeeded",
            method="off_session",
            amount_minor=5000,
            amount_received_minor=5000,
            currency="JPY",
            settlement_amount_minor=3105,
            fee_minor=142,
            net_minor=2963,
            settlement_currency="USD",
            exchange_rate=Decimal("0.00621"),
            paid_at=NOW,
            livemode=True,
            request_state=CommandState.SUCCEEDED.value,
        )
    ]
    read = (await payments.stub.GetPayment(api.GetPaymentRequest(entity="acme", payment_id="pi_1"))).payment
    assert read.settlement.net == payment.MinorAmount(amount_minor=2963, currency_code="USD")
    assert (read.settlement.fee.amount_minor, read.settlement.exchange_rate) == (142, "0.00621")
    assert (read.amount.amount_minor, read.amount.currency_code) == (5000, "JPY")
    assert (read.method, read.livemode) == (payment.METHOD_OFF_SESSION, True)
    assert read.request_state == payment.REQUEST_STATE_SUCCEEDED
    assert (read.create_time.ToDatetime(NOW.tzinfo), read.pay_time.ToDatetime(NOW.tzinfo)) == (NOW, NOW)
    assert not read.HasField("failure")


async def test_a_failed_request_is_read_with_its_failure(payments: PaymentsDoor) -> None:
    payments.reader.payments = [facts(status=PaymentStatus.FAILED, reason="AMOUNT_MISSING", message="m" * 300)]
    request = api.GetPaymentRequest(entity="acme", payment_id="cmd_" + "0" * 32)
    read = (await payments.stub.GetPayment(request)).payment
    assert (read.failure.code, len(read.failure.message)) == ("AMOUNT_MISSING", 255)


@pytest.mark.parametrize(
    ("entity", "payment_id", "reason"),
    [("acme", "pi_2", "NOT_FOUND"), ("other", "pi_1", "NOT_FOUND"), ("nobody", "pi_1", "ENTITY_UNKNOWN")],
)
async def test_what_is_not_there_is_not_found(
    payments: PaymentsDoor, entity: str, payment_id: str, reason: str
) -> None:
    payments.reader.payments = [facts("pi_1")]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.GetPayment(api.GetPaymentRequest(entity=entity, payment_id=payment_id))
    assert (raised.value.code(), info_of(raised.value).reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_pages_hold_every_payment_once_while_new_ones_come(payments: PaymentsDoor) -> None:
    made = [facts(f"pi_{number:02}", created_at=NOW + timedelta(seconds=number // 3)) for number in range(10)]
    payments.reader.payments = list(made)
    seen: list[str] = []
    request = api.ListPaymentsRequest(entity="acme", page_size=4)
    while True:
        page = await payments.stub.ListPayments(request)
        seen += [one.payment_id for one in page.payments]
        payments.reader.payments.append(facts(f"pi_new{len(seen)}", created_at=NOW + timedelta(hours=1)))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [one.payment_id for one in reversed(made)]


async def test_filters_reach_the_reader(payments: PaymentsDoor) -> None:
    payments.reader.payments = [
        facts("pi_1", status=PaymentStatus.PAID, customer_id="cus_1"),
        facts("pi_2", status=PaymentStatus.FAILED, customer_id="cus_1"),
        facts("pi_3", status=PaymentStatus.PAID, customer_id="cus_2"),
        replace(facts("pi_4", status=PaymentStatus.PAID, customer_id="cus_1"), record_id="801000000000001AAA"),
    ]
    request = api.ListPaymentsRequest(
        entity="acme", record_id="006000000000001", state=payment.Payment.STATE_PAID, customer_id="cus_1"
    )
    assert [one.payment_id for one in (await payments.stub.ListPayments(request)).payments] == ["pi_1"]


async def test_a_page_token_belongs_to_its_filters(payments: PaymentsDoor) -> None:
    payments.reader.payments = [facts("pi_1"), facts("pi_2")]
    token = (await payments.stub.ListPayments(api.ListPaymentsRequest(entity="acme", page_size=1))).next_page_token
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.ListPayments(api.ListPaymentsRequest(entity="other", page_token=token))
    bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert bad is not None
    assert [violation.field for violation in bad.field_violations] == ["page_token"]
