"""credit_invoice: all that is left of an invoice, or a part of it, is taken off by a credit note.

It first lowers what is still to be paid; what was paid already goes back as a refund, as credit for later invoices, or
outside Stripe (docs.stripe.com/invoicing/dashboard/credit-notes). Amounts include tax.
"""

from service.commands._ledger import Command
from service.commands._operation import Operation, one_of
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import AMOUNT, INVOICE, Body, amount_of, invoice_of, refuse_more
from service.errors import Refused, VendorRejected

# docs.stripe.com/api/credit_notes/create
REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
_RETURNED = {"refund": "refund_amount", "balance": "credit_amount", "out_of_band": "out_of_band_amount"}
_CREDITABLE = frozenset({"open", "paid", "uncollectible"})


async def credit_invoice(steps: Steps, command: Command) -> Settled:
    """See what is left of the invoice, then credit what was asked."""

    async def read() -> Params:
        return await _terms(steps, command)

    terms = await steps.fix_terms(command, read)
    key, marks = carried(command, terms["target_id"], "credit_note")
    params: Params = {"invoice": terms["target_id"], "amount": terms["amount_minor"], "metadata": marks}
    if terms["returned_minor"]:
        params[_RETURNED[command.arguments.get("credit_to", "refund")]] = terms["returned_minor"]
    if "reason" in command.arguments:
        params["reason"] = command.arguments["reason"]
    try:
        made = await steps.make(command, "credit_note", params, key)
    except VendorRejected:
        await _terms(steps, command)  # refused with both figures, if somebody else was faster
        raise
    return succeeded(result_id=made), []


async def _terms(steps: Steps, command: Command) -> Params:
    invoice = await invoice_of(steps, command, may_be=lambda body: body.get("status") in _CREDITABLE)
    if invoice.get("status") not in _CREDITABLE:
        raise Refused(f"the invoice is {invoice.get('status')}: {_instead(invoice)}", reason="INVOICE_WRONG_STATE")
    credited = (int(invoice.get(f"{when}_payment_credit_notes_amount") or 0) for when in ("pre", "post"))
    left = int(invoice["total"]) - sum(credited)
    asked = await amount_of(steps, command, invoice, noun="invoice")
    returned = None
    if left <= 0 or (asked or 0) > left:
        # What is missing may be what this very request took off, before our rows were lost.
        key, _ = carried(command, str(invoice["id"]), "credit_note")
        made = await steps.search(command, "credit_note", {"invoice": invoice["id"]}, key)
        if made is None:
            _refuse(invoice, asked, left)
        else:
            asked, returned = int(made.body["amount"]), int(made.body.get("post_payment_amount") or 0)
    asked = left if asked is None else asked
    if returned is None:
        returned = max(0, asked - int(invoice.get("amount_remaining") or 0))
    terms: Params = {"target_id": invoice["id"], "amount_minor": asked, "currency": invoice["currency"]}
    return terms | {"returned_minor": returned}


def _instead(invoice: Body) -> str:
    return "delete it, or finalise it first" if invoice.get("status") == "draft" else "nothing is owed by it any more"


def _refuse(invoice: Body, asked: int | None, left: int) -> None:
    if asked is None:
        raise Refused("all of the invoice was credited already", reason="INVOICE_WRONG_STATE")
    refuse_more(asked, left, str(invoice["currency"]), what="credited")


CREDIT_INVOICE = Operation(
    "credit_invoice",
    credit_invoice,
    arguments={**AMOUNT, "reason": one_of(*REASONS), "credit_to": one_of(*_RETURNED)},
    target=INVOICE,
)
