"""cancel_payment: a payment that has not been taken is called off; what is held on the card is released.

A payment that is cancelled already is what was wished for, whoever did it. One of an invoice ends with its invoice. One
that waits on a page of Stripe's ends with the page, which cannot be paid any more
(docs.stripe.com/api/checkout/sessions/expire). One that waits on a payment link ends with the link and with every page
that a visit to it has opened: a link that is deactivated leaves those open (docs.stripe.com/api/payment-link/update).
"""

from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import PAYMENT_OR_PAGE, Body, payment_of
from service.commands._waiting import LINK, is_open, is_paid, total_of, waits_on
from service.errors import Refused, VendorRejected

REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_CANCELLED = "canceled"
# One payment is seldom tried more often (docs.stripe.com/api/checkout/sessions/list).
_VISITS_LIMIT = 1000


async def cancel_payment(steps: Steps, command: Command) -> Settled:
    """See that the payment may be cancelled, then cancel it."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    if link := terms.get("link_id"):
        await _end_link(steps, command, link, is_over=terms["cancelled"])
        return succeeded(result_id=link), []
    if page := terms.get("page_id"):
        if not terms["cancelled"]:
            await _expire(steps, command, page)
        return succeeded(checkout_session_id=page, result_id=page), []
    intent = terms["target_id"]
    key, _ = carried(command, intent, "cancel")
    if not terms["cancelled"]:
        reason = command.arguments.get("reason")
        params: Params = {"cancellation_reason": reason} if reason else {}
        await steps.act(command, ("payment_intent", "cancel"), intent, params, key, done=_is_cancelled)
    return succeeded(payment_intent_id=intent, result_id=intent), []


async def _end_link(steps: Steps, command: Command, link: str, *, is_over: bool) -> None:
    """Deactivate a link, so that no further page is opened, then end those that are open."""
    key, _ = carried(command, link, "deactivate")
    if not is_over:
        params: Params = {"active": False}
        await steps.act(
            command, ("payment_link", "update"), link, params, key, done=lambda body: not body.get("active")
        )
    visits = await steps.stripe[command.entity].list("checkout.session", {LINK: link}, limit=_VISITS_LIMIT)
    if any(is_paid(one.body) for one in visits):
        raise _paid("link")
    for page in sorted(str(one.body["id"]) for one in visits if is_open(one.body)):
        await _expire(steps, command, page)


async def _expire(steps: Steps, command: Command, page: str) -> None:
    """End a page.

    Raises:
        Refused: PAYMENT_NOT_CANCELLABLE: the customer was faster.
        VendorError: Stripe did not answer as it should.
    """
    key, _ = carried(command, page, "expire")
    try:
        await steps.act(command, ("checkout.session", "expire"), page, {}, key, done=_is_expired)
    except VendorRejected:
        body = (await steps.stripe[command.entity].retrieve("checkout.session", page)).body
        if is_paid(body):
            raise _paid("page") from None
        if not _is_expired(body):
            raise


async def _terms(steps: Steps, command: Command) -> Params:
    if (found := await waits_on(steps, command)) is not None:
        if is_paid(found):
            raise _paid("link" if found["object"] == LINK else "page")
        amount: Params = {"amount_minor": total_of(found), "currency": found["currency"]}
        if found["object"] == LINK:
            return amount | {"link_id": found["id"], "cancelled": not found.get("active")}
        return amount | {"page_id": found["id"], "cancelled": _is_expired(found)}
    intent = await payment_of(steps, command, may_be=_may_be)
    if intent.get("status") == "succeeded":
        raise Refused("the payment was taken already: refund it instead", reason="PAYMENT_NOT_CANCELLABLE")
    if not _is_cancelled(intent):
        await _refuse_invoiced(steps, command, str(intent["id"]))
    named: Params = {"target_id": intent["id"], "amount_minor": intent["amount"], "currency": intent["currency"]}
    return named | {"cancelled": _is_cancelled(intent)}


def _paid(what: str) -> Refused:
    return Refused(f"the {what} was paid already: refund the payment instead", reason="PAYMENT_NOT_CANCELLABLE")


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


def _is_expired(page: Body) -> bool:
    return page.get("status") == "expired"


CANCEL_PAYMENT = Operation(
    "cancel_payment", cancel_payment, arguments={"reason": one_of(*REASONS)}, target=PAYMENT_OR_PAGE
)
