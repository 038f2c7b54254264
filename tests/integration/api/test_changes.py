"""Capture, cancel and refund at the gRPC door: what reaches the commands, and what the caller is told."""

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from service.commands import CommandState
from service.errors import VendorUnavailable
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.projection import PaymentStatus
from tests.integration.api.payments_door import PaymentsDoor, detail_of, facts, info_of, status_of

CMD, INTENT = "cmd_" + "0" * 32, "pi_1"
TEN = payment.MinorAmount(amount_minor=1050, currency_code="USD")


def known(door: PaymentsDoor, **changes: Any) -> None:
    shown = {"payment_intent_id": INTENT, "status": PaymentStatus.PAID, **changes}
    door.reader.payments = [facts(CMD, **shown), facts(INTENT, **shown)]


async def test_a_refund_reaches_the_commands_in_their_words(payments: PaymentsDoor) -> None:
    known(payments, amount_refunded_minor=1050, currency="USD")
    payments.commands.outcome = {"state": CommandState.SUCCEEDED, "result_id": "re_1"}
    request = api.RefundPaymentRequest(
        entity="acme", payment_id=CMD, amount=TEN, reason=api.REASON_DUPLICATE, version="2", request_id="a-b"
    )
    answer = await payments.stub.RefundPayment(request)
    [asked] = payments.commands.requests
    assert (asked.entity, asked.operation, asked.target_id, asked.record_id) == ("acme", "refund_payment", INTENT, None)
    assert asked.arguments == {"amount": "10.5", "currency": "USD", "reason": "duplicate"}
    assert (asked.version, asked.request_id, asked.source) == ("2", "a-b", "grpc")
    assert (answer.refund_id, answer.replayed, answer.request_state) == ("re_1", False, payment.REQUEST_STATE_SUCCEEDED)
    assert answer.payment.amount_refunded == payment.MinorAmount(amount_minor=1050, currency_code="USD")
    assert (await payments.stub.RefundPayment(request)).replayed


async def test_by_stripes_id_nothing_need_be_known_here(payments: PaymentsDoor) -> None:
    answer = await payments.stub.CapturePayment(api.CapturePaymentRequest(entity="acme", payment_id="pi_new"))
    assert (answer.payment.payment_id, answer.payment.payment_intent_id) == ("pi_new", "pi_new")
    [asked] = payments.commands.requests
    assert (asked.operation, asked.target_id, asked.arguments, asked.version) == ("capture_payment", "pi_new", {}, "1")


async def test_a_cancellation_and_its_reason(payments: PaymentsDoor) -> None:
    known(payments, status=PaymentStatus.CANCELLED)
    request = api.CancelPaymentRequest(entity="acme", payment_id=INTENT, reason=api.REASON_ABANDONED)
    answer = await payments.stub.CancelPayment(request)
    assert answer.payment.state == payment.Payment.STATE_CANCELLED
    assert payments.commands.requests[0].arguments == {"reason": "abandoned"}


async def test_a_change_that_is_done_is_told_as_stripe_has_it_now(payments: PaymentsDoor) -> None:
    known(payments)
    capture = api.CapturePaymentRequest(entity="acme", payment_id=CMD)
    await payments.stub.CapturePayment(capture)
    assert payments.reader.shown == [INTENT, "ch_1"]
    payments.commands.look_fails = VendorUnavailable("down", vendor="stripe")
    answer = await payments.stub.CapturePayment(capture)
    assert (payments.reader.shown, answer.payment.state) == ([], payment.Payment.STATE_PAID)
    assert answer.request_state == payment.REQUEST_STATE_SUCCEEDED


async def test_an_unfinished_one_tells_where_it_stands(payments: PaymentsDoor) -> None:
    known(payments)
    payments.commands.hangs = True
    answer = await payments.stub.RefundPayment(api.RefundPaymentRequest(entity="acme", payment_id=INTENT), timeout=0.5)
    assert (answer.request_state, answer.refund_id) == (payment.REQUEST_STATE_RUNNING, "")


@pytest.mark.parametrize(
    ("state", "reason"),
    [(CommandState.REFUSED, "AMOUNT_TOO_LARGE"), (CommandState.DECLINED, "PAYMENT_DECLINED")],
)
async def test_what_came_to_nothing_is_an_error_of_the_payment(
    payments: PaymentsDoor, state: CommandState, reason: str
) -> None:
    known(payments)
    payments.commands.outcome = {"state": state, "reason": reason, "message": "both figures"}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CapturePayment(api.CapturePaymentRequest(entity="acme", payment_id=INTENT))
    info = info_of(raised.value)
    assert (raised.value.code(), info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    assert dict(info.metadata) == {"payment_id": INTENT, "request_state": state.name}
    assert status_of(raised.value).message == "both figures"


async def test_every_violation_is_told_at_once(payments: PaymentsDoor) -> None:
    wrong = payment.MinorAmount(amount_minor=0, currency_code="usd")
    request = api.RefundPaymentRequest(
        payment_id="ch_1", amount=wrong, reason=api.REASON_ABANDONED, version="a b", request_id="\n"
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.RefundPayment(request)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert bad is not None
    assert {violation.field for violation in bad.field_violations} == {
        "entity",
        "payment_id",
        "amount.amount_minor",
        "amount.currency_code",
        "reason",
        "version",
        "request_id",
    }
    assert payments.commands.requests == []


@pytest.mark.parametrize("number", [99, -1])
async def test_words_of_later_versions_are_refused(payments: PaymentsDoor, number: int) -> None:
    cancel = api.CancelPaymentRequest(entity="acme", payment_id=INTENT)
    cancel.reason = number  # type: ignore[assignment]  # an open enumeration carries any number
    create = api.CreatePaymentRequest(entity="acme", record_id="006000000000001AAA", unconfirmed=api.Unconfirmed())
    create.capture_method = number  # type: ignore[assignment]  # as above
    for call, field in (
        (payments.stub.CancelPayment(cancel), "reason"),
        (payments.stub.CreatePayment(create), "capture_method"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
        assert bad is not None
        assert [violation.field for violation in bad.field_violations] == [field]


async def test_manual_capture_is_asked_for(payments: PaymentsDoor) -> None:
    request = api.CreatePaymentRequest(entity="acme", record_id="006000000000001AAA", unconfirmed=api.Unconfirmed())
    request.capture_method = api.CAPTURE_METHOD_MANUAL
    await payments.stub.CreatePayment(request)
    assert payments.commands.requests[0].arguments == {"method": "unconfirmed", "capture_method": "manual"}


@pytest.mark.parametrize(
    ("entity", "payment_id", "known_intent", "reason"),
    [
        ("acme", CMD, None, "PAYMENT_NOT_FOUND"),
        ("acme", "cmd_" + "1" * 32, INTENT, "NOT_FOUND"),
        ("nobody", INTENT, INTENT, "ENTITY_UNKNOWN"),
    ],
)
async def test_a_payment_that_is_not_there(
    payments: PaymentsDoor, entity: str, payment_id: str, known_intent: str | None, reason: str
) -> None:
    known(payments, payment_intent_id=known_intent)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.RefundPayment(api.RefundPaymentRequest(entity=entity, payment_id=payment_id))
    assert info_of(raised.value).reason == reason
    assert payments.commands.requests == []
