"""capture_payment: money that is held on the customer's card is taken, all of it or a part; the rest is released.

Captured once (docs.stripe.com/payments/place-a-hold-on-a-payment-method). The payment carries the key of the capture,
by which our own is told from somebody else's.
"""

from service.commands._ledger import Command
from service.commands._operation import Operation
from service.commands._payment import declined
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import AMOUNT, PAYMENT_INTENT, Body, amount_of, payment_of, refuse_more
from service.domain import Carried
from service.errors import PaymentDeclined, Refused, VendorRejected

_HELD = "requires_capture"


async def capture_payment(steps: Steps, command: Command) -> Settled:
    """See what is held, then take what was asked."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    intent, key = terms["target_id"], _key(command, terms["target_id"])
    params: Params = {"amount_to_capture": terms["amount_minor"], "metadata": {Carried.CAPTURE: key}}

    def done(body: Body) -> bool:
        return _mark(body) == key

    try:
        await steps.act(command, ("payment_intent", "capture"), intent, params, key, done=done)
    except PaymentDeclined as error:
        return declined(error, intent), [await steps.stripe[command.entity].retrieve("payment_intent", intent)]
    except VendorRejected:
        await _terms(steps, command)  # refused in our words, if somebody else was faster
        raise
    return succeeded(payment_intent_id=intent, result_id=intent), []


async def _terms(steps: Steps, command: Command) -> Params:
    intent = await payment_of(steps, command, may_be=_may_be)
    code, status = str(intent["currency"]), intent.get("status")
    asked = await amount_of(steps, command, intent)
    held = int(intent.get("amount_capturable") or 0)
    if _mark(intent) == _key(command, intent["id"]):
        held = asked = int(intent.get("amount_received") or 0)  # done before our rows were lost
    elif status != _HELD:
        raise Refused(f"nothing is held to be captured: {_because(status)}", reason="PAYMENT_NOT_CAPTURABLE")
    asked = held if asked is None else asked
    refuse_more(asked, held, code, what="captured")
    return {"target_id": intent["id"], "amount_minor": asked, "currency": code}


def _may_be(intent: Body) -> bool:
    return intent.get("capture_method") == "manual" and intent.get("status") in {_HELD, "processing", "succeeded"}


def _because(status: object) -> str:
    return {
        "succeeded": "the payment is captured already",
        "processing": "the payment is being captured",
        "canceled": "the authorisation was cancelled or has expired: ask for a new payment",
    }.get(str(status), f"the payment is {status}, not authorised")


def _key(command: Command, intent_id: str) -> str:
    return carried(command, intent_id, "capture")[0]


def _mark(intent: Body) -> str | None:
    mark = (intent.get("metadata") or {}).get(Carried.CAPTURE)
    return mark if isinstance(mark, str) else None


CAPTURE_PAYMENT = Operation("capture_payment", capture_payment, arguments=AMOUNT, target=PAYMENT_INTENT)
