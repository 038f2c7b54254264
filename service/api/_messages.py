"""Facts of a payment as messages of the API. Translation only: no fact is made up, and an unknown one stays unset."""

from datetime import datetime
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from service.commands import Command, CommandState
from service.gen.counterfoil.v1 import payment_pb2
from service.projection import PaymentFacts, PaymentStatus

_METHODS = {
    "off_session": payment_pb2.METHOD_OFF_SESSION,
    "unconfirmed": payment_pb2.METHOD_UNCONFIRMED,
    "hosted_checkout": payment_pb2.METHOD_HOSTED_CHECKOUT,
    "payment_link": payment_pb2.METHOD_PAYMENT_LINK,
}
MAX_FAILURE_MESSAGE = 255


def state_of(status: PaymentStatus) -> payment_pb2.Payment.State:
    """Return the API's word for a payment's status."""
    return cast("payment_pb2.Payment.State", payment_pb2.Payment.State.Value(f"STATE_{status.name}"))


def request_state_of(state: str | None) -> payment_pb2.RequestState:
    """Return the API's word for a command's state, as the command and its facts write it."""
    if state is None:
        return payment_pb2.REQUEST_STATE_UNSPECIFIED
    value = payment_pb2.RequestState.Value(f"REQUEST_STATE_{CommandState(state).name}")
    return cast("payment_pb2.RequestState", value)


def amount_of(amount_minor: int | None, currency: str | None) -> payment_pb2.MinorAmount | None:
    """Return an amount, None while it is not known."""
    if amount_minor is None or currency is None:
        return None
    return payment_pb2.MinorAmount(amount_minor=amount_minor, currency_code=currency)


def time_of(moment: datetime | None) -> Timestamp | None:
    """Return a time, None while it is not known."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _settlement(facts: PaymentFacts) -> payment_pb2.Settlement | None:
    currency = facts.settlement_currency
    if facts.settlement_amount_minor is None or currency is None:
        return None
    rate = facts.exchange_rate
    return payment_pb2.Settlement(
        amount=amount_of(facts.settlement_amount_minor, currency),
        fee=amount_of(facts.fee_minor, currency),
        net=amount_of(facts.net_minor, currency),
        exchange_rate="" if rate is None else format(rate, "f"),
    )


def failure_from(code: str | None, message: str | None) -> payment_pb2.Failure | None:
    """Return why something failed, None if it did not."""
    if not code and not message:
        return None
    return payment_pb2.Failure(code=code or "", message=(message or "")[:MAX_FAILURE_MESSAGE])


def payment_from_facts(facts: PaymentFacts) -> payment_pb2.Payment:
    """Return a payment as the API shows it."""
    return payment_pb2.Payment(
        payment_id=facts.payment_id,
        entity=facts.entity,
        record_id=facts.record_id or "",
        state=state_of(facts.status),
        stripe_status=facts.stripe_status or "",
        request_state=request_state_of(facts.request_state),
        method=_METHODS.get(facts.method or "", payment_pb2.METHOD_UNSPECIFIED),
        version=facts.version or "",
        amount=amount_of(facts.amount_minor, facts.currency),
        amount_received=amount_of(facts.amount_received_minor, facts.currency),
        amount_refunded=amount_of(facts.amount_refunded_minor, facts.currency),
        settlement=_settlement(facts),
        failure=failure_from(facts.failure_code or facts.reason, facts.failure_message or facts.message),
        checkout_url=facts.checkout_url or "",
        payment_intent_id=facts.payment_intent_id or "",
        charge_id=facts.charge_id or "",
        balance_transaction_id=facts.balance_transaction_id or "",
        customer_id=facts.customer_id or "",
        livemode=bool(facts.livemode),
        create_time=time_of(facts.created_at),
        pay_time=time_of(facts.paid_at),
    )


def payment_from_command(command: Command) -> payment_pb2.Payment:
    """Return what a command alone tells of its payment, while there are no facts yet."""
    declined = command.state is CommandState.DECLINED
    state = payment_pb2.Payment.STATE_FAILED if declined else payment_pb2.Payment.STATE_REQUESTED
    return payment_pb2.Payment(
        payment_id=command.id,
        entity=command.entity,
        record_id=command.record_id,
        state=state,
        method=_METHODS.get(command.method or "", payment_pb2.METHOD_UNSPECIFIED),
        version=command.version,
        payment_intent_id=command.payment_intent_id or "",
        create_time=time_of(command.created_at),
    )


def payment_of(command: Command, facts: PaymentFacts | None) -> payment_pb2.Payment:
    """Return the payment a command asked for: its facts, and the command's own state, which is always the newest.

    A decline is told from the command's side at once, even where its facts still wait to be read from Stripe.
    """
    payment = payment_from_command(command) if facts is None else payment_from_facts(facts)
    payment.request_state = request_state_of(command.state)
    failure = failure_of(command)
    if failure is not None and not payment.HasField("failure"):
        payment.state = payment_pb2.Payment.STATE_FAILED
        payment.failure.CopyFrom(failure)
    return payment


def failure_of(command: Command) -> payment_pb2.Failure | None:
    """Return why the bank said no to what a command asked for; None if it did not."""
    if command.state is not CommandState.DECLINED:
        return None
    return failure_from(
        command.failure_code or command.reason or "PAYMENT_DECLINED", command.failure_message or command.message
    )
