"""cancel_payment: a payment that has not been taken is called off; what is held on the card is released.

A payment that is cancelled already is what was wished for, whoever did it. One of an invoice ends with its invoice. One
that waits on a page of Stripe's ends with the page, which cannot be paid any more
(docs.stripe.com/api/checkout/sessions/expire). One that waits on a payment link ends with the link and with every page
that a visit to it has opened: a link that is deactivated leaves those open (docs.stripe.com/api/payment-link/update).
"""

from service.commands._ending import end_intent, end_link, end_page, is_cancelled, is_expired, paid_already
from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, succeeded
from service.commands._target import PAYMENT_OR_PAGE, Body, payment_of
from service.commands._waiting import LINK, is_paid, total_of, waits_on
from service.errors import Refused

REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


async def cancel_payment(steps: Steps, command: Command) -> Settled:
    """See that the payment may be cancelled, then cancel it."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    if link := terms.get("link_id"):
        await end_link(steps, command, link, is_over=terms["cancelled"])
        return succeeded(result_id=link), []
    if page := terms.get("page_id"):
        if not terms["cancelled"]:
            await end_page(steps, command, page)
        return succeeded(checkout_session_id=page, result_id=page), []
    intent = terms["target_id"]
    if not terms["cancelled"]:
        await end_intent(steps, command, intent, command.arguments.get("reason"))
    return succeeded(payment_intent_id=intent, result_id=intent), []


async def _terms(steps: Steps, command: Command) -> Params:
    if (found := await waits_on(steps, command)) is not None:
        if is_paid(found):
            raise paid_already("link" if found["object"] == LINK else "page")
        amount: Params = {"amount_minor": total_of(found), "currency": found["currency"]}
        if found["object"] == LINK:
            return amount | {"link_id": found["id"], "cancelled": not found.get("active")}
        return amount | {"page_id": found["id"], "cancelled": is_expired(found)}
    intent = await payment_of(steps, command, may_be=_may_be)
    if intent.get("status") == "succeeded":
        raise Refused("the payment was taken already: refund it instead", reason="PAYMENT_NOT_CANCELLABLE")
    if not is_cancelled(intent):
        await _refuse_invoiced(steps, command, str(intent["id"]))
    named: Params = {"target_id": intent["id"], "amount_minor": intent["amount"], "currency": intent["currency"]}
    return named | {"cancelled": is_cancelled(intent)}


async def _refuse_invoiced(steps: Steps, command: Command, intent_id: str) -> None:
    """Refuse to cancel what an invoice asks for (docs.stripe.com/api/payment_intents/cancel)."""
    named = {"payment": {"type": "payment_intent", "payment_intent": intent_id}}
    if await steps.stripe[command.entity].list("invoice_payment", named, limit=1):
        raise Refused("the payment belongs to an invoice: void the invoice instead", reason="PAYMENT_NOT_CANCELLABLE")


def _may_be(intent: Body) -> bool:
    """Tell whether a payment was ever open; one whose attempt failed waits for nobody."""
    failed = intent.get("status") == "requires_payment_method" and intent.get("last_payment_error")
    return intent.get("status") != "succeeded" and not failed


CANCEL_PAYMENT = Operation(
    "cancel_payment", cancel_payment, arguments={"reason": one_of(*REASONS)}, target=PAYMENT_OR_PAGE
)
