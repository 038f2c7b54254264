"""cancel_payment: a payment that has not been taken is called off; what is held on the card is released.

A payment that is cancelled already is what was wished for, whoever did it. One of an invoice ends with its invoice.
"""

from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import PAYMENT_INTENT, Body, payment_of
from service.errors import Refused

REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_CANCELLED = "canceled"


async def cancel_payment(steps: Steps, command: Command) -> Settled:
    """See that the payment may be cancelled, then cancel it."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    intent = terms["target_id"]
    key, _ = carried(command, intent, "cancel")
    if not terms["cancelled"]:
        reason = command.arguments.get("reason")
        params: Params = {"cancellation_reason": reason} if reason else {}
        await steps.act(command, ("payment_intent", "cancel"), intent, params, key, done=_is_cancelled)
    return succeeded(payment_intent_id=intent, result_id=intent), []


async def _terms(steps: Steps, command: Command) -> Params:
    intent = await payment_of(steps, command, may_be=_may_be)
    if intent.get("status") == "succeeded":
        raise Refused("the payment was taken already: refund it instead", reason="PAYMENT_NOT_CANCELLABLE")
    if not _is_cancelled(intent):
        await _refuse_invoiced(steps, command, str(intent["id"]))
    terms: Params = {"target_id": intent["id"], "amount_minor": intent["amount"], "currency": intent["currency"]}
    return terms | {"cancelled": _is_cancelled(intent)}


async def _refuse_invoiced(steps: Steps, command: Command, intent_id: str) -> None:
    """Refuse to cancel what an invoice asks for (docs.stripe.com/api/payment_intents/cancel)."""
    named = {"payment": {"type": "payment_intent", "payment_intent": intent_id}}
    if await steps.stripe[command.entity].list("invoice_payment", named, limit=1):
        raise Refused("the payment belongs to an invoice: void the invoice instead", reason="PAYMENT_NOT_CANCELLABLE")


def _may_be(intent: Body) -> bool:
    """Tell whether a payment was ever open; one whose attempt failed waits for nobody."""
    failed = intent.get("status") == "requires_payment_method" and intent.get("last_payment_error")
    return intent.get("status") != "succeeded" and not failed


def _is_cancelled(intent: Body) -> bool:
    return intent.get("status") == _CANCELLED


CANCEL_PAYMENT = Operation(
    "cancel_payment", cancel_payment, arguments={"reason": one_of(*REASONS)}, target=PAYMENT_INTENT
)
