"""cancel_payment: a payment that has not been taken is called off; what is held on the card is released.

A payment that is cancelled already is what was wished for, whoever did it. One of an invoice ends with its invoice. One
that waits on a page of Stripe's ends with the page, which cannot be paid any more
(docs.stripe.com/api/checkout/sessions/expire).
"""

from service import mirror
from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import PAYMENT_OR_PAGE, Body, payment_of
from service.db import Transaction
from service.errors import Refused, VendorRejected

REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_CANCELLED = "canceled"


async def cancel_payment(steps: Steps, command: Command) -> Settled:
    """See that the payment may be cancelled, then cancel it."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    if page := terms.get("page_id"):
        key, _ = carried(command, page, "expire")
        try:
            if not terms["cancelled"]:
                await steps.act(command, ("checkout.session", "expire"), page, {}, key, done=_is_expired)
        except VendorRejected:
            await _terms(steps, command)  # refused in our words, if the customer was faster
            raise
        return succeeded(checkout_session_id=page, result_id=page), []
    intent = terms["target_id"]
    key, _ = carried(command, intent, "cancel")
    if not terms["cancelled"]:
        reason = command.arguments.get("reason")
        params: Params = {"cancellation_reason": reason} if reason else {}
        await steps.act(command, ("payment_intent", "cancel"), intent, params, key, done=_is_cancelled)
    return succeeded(payment_intent_id=intent, result_id=intent), []


async def _terms(steps: Steps, command: Command) -> Params:
    if (page := await _page(steps, command)) is not None:
        amount: Params = {"amount_minor": page["amount_total"], "currency": page["currency"]}
        return amount | {"page_id": page["id"], "cancelled": _is_expired(page)}
    intent = await payment_of(steps, command, may_be=_may_be)
    if intent.get("status") == "succeeded":
        raise Refused("the payment was taken already: refund it instead", reason="PAYMENT_NOT_CANCELLABLE")
    if not _is_cancelled(intent):
        await _refuse_invoiced(steps, command, str(intent["id"]))
    terms: Params = {"target_id": intent["id"], "amount_minor": intent["amount"], "currency": intent["currency"]}
    return terms | {"cancelled": _is_cancelled(intent)}


async def _page(steps: Steps, command: Command) -> Body | None:
    """Return the page that is named, or the open one that the payment waits on, if it does.

    Raises:
        Refused: PAYMENT_AMBIGUOUS: the record has several, and none is named; PAYMENT_NOT_CANCELLABLE: it was paid.
    """
    named, stripe = command.target_id, steps.stripe[command.entity]
    if named is not None and named.startswith("cs_"):
        page = (await stripe.retrieve("checkout.session", named)).body
        if page.get("status") == "complete":
            raise Refused("the page was paid already: refund the payment instead", reason="PAYMENT_NOT_CANCELLABLE")
        return page
    async with steps.database.read() as tx:
        rows = await mirror.load_family(tx, entities=[command.entity], **await _where(tx, command))
    pages = [row.object_id for row in rows if row.object_type == "checkout.session" and _is_open(row.body or {})]
    found = [(await stripe.retrieve("checkout.session", page)).body for page in sorted(pages)]
    found = [body for body in found if _is_open(body) and named in {None, body["id"], body.get("payment_intent")}]
    if len(found) > 1:
        raise Refused(
            f"the record has {len(found)} open pages: name one of {', '.join(body['id'] for body in found[:3])}",
            reason="PAYMENT_AMBIGUOUS",
        )
    return found[0] if found else None


async def _where(tx: Transaction, command: Command) -> dict[str, list[str]]:
    """Return where the pages of a payment are to be looked for: at its record, or at the request it was made by."""
    if command.record_id is not None:
        return {"records": [command.record_id]}
    known = (await mirror.load(tx, [(command.entity, str(command.target_id))])).values()
    return {"roots": [row.parent_id for row in known if row.parent_id is not None]}


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


def _is_open(page: Body) -> bool:
    return page.get("status") == "open"


def _is_expired(page: Body) -> bool:
    return page.get("status") == "expired"


CANCEL_PAYMENT = Operation(
    "cancel_payment", cancel_payment, arguments={"reason": one_of(*REASONS)}, target=PAYMENT_OR_PAGE
)
