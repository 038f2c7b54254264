"""pay_invoice: what is left of an invoice is charged to a saved payment method, or noted as paid outside Stripe.

Finalises a draft. A decline is an outcome, and the invoice stays open (docs.stripe.com/api/invoices/pay).
"""

from collections.abc import Iterator
from dataclasses import replace

from service.commands._create_payment import saved_method
from service.commands._ledger import Command
from service.commands._operation import Operation, one_of, stripe_id
from service.commands._payment import declined
from service.commands._request import Request
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import INVOICE, Body, invoice_of
from service.errors import PaymentDeclined, Refused, VendorRejected, Violation

OFF_SESSION, OUT_OF_BAND = "off_session", "out_of_band"
_PAID = "paid"


async def pay_invoice(steps: Steps, command: Command) -> Settled:
    """See what is left of the invoice, then have it paid."""
    seen: Body | None = None

    async def read() -> Params:
        nonlocal seen
        seen = await invoice_of(steps, command, may_be=_is_payable)
        return _terms(seen)

    terms = await steps.fix_terms(command, read)
    invoice = terms["target_id"]
    if terms["paid"]:
        return succeeded(result_id=invoice), []
    if command.method != OUT_OF_BAND:
        outcome, answers = await charge(steps, command, invoice, terms["customer"], invoice, seen=seen)
        return replace(outcome, results={**outcome.results, "result_id": invoice}), answers
    await _pay(steps, command, invoice, {"paid_out_of_band": True}, invoice)
    return succeeded(result_id=invoice), []


async def charge(
    steps: Steps, command: Command, invoice: str, customer: str, subject: str, *, seen: Body | None
) -> Settled:
    """Charge what is left of an invoice while the customer is away.

    `subject` is what the version counts for, `seen` the invoice if this run has just seen it.
    """
    stripe = steps.stripe[command.entity]
    method = command.arguments.get("payment_method_id")
    if method is None:
        body = seen or (await stripe.retrieve("invoice", invoice)).body
        default = body.get("default_payment_method")
        method = default if isinstance(default, str) else None
        if method is None and body.get("status") != _PAID:
            method = await saved_method(steps, command, customer)
    params: Params = {"off_session": True, **({"payment_method": method} if method else {})}
    try:
        await _pay(steps, command, invoice, params, subject)
    except PaymentDeclined as error:
        intent = str((error.payment_intent or {}).get("id") or "")
        # What the decline left is read afresh: the answer may be the replay of an old one.
        left = [await stripe.retrieve("payment_intent", intent)] if intent else []
        return declined(error, intent or None), [*left, await stripe.retrieve("invoice", invoice)]
    return succeeded(), []


async def _pay(steps: Steps, command: Command, invoice: str, params: Params, subject: str) -> None:
    key, _ = carried(command, subject, "invoice.pay")
    try:
        await steps.act(command, ("invoice", "pay"), invoice, params, key, done=_is_paid)
    except VendorRejected:
        # Refused in our words, or not at all, if somebody else was faster.
        if not _terms((await steps.stripe[command.entity].retrieve("invoice", invoice)).body)["paid"]:
            raise


def _terms(invoice: Body) -> Params:
    status = invoice.get("status")
    if status == "void":
        raise Refused("the invoice is void: make a new one", reason="INVOICE_WRONG_STATE")
    return {
        "target_id": invoice["id"],
        "currency": invoice["currency"],
        "amount_minor": invoice["amount_remaining"],
        "customer": invoice["customer"],
        "paid": status == _PAID,
    }


def _is_payable(invoice: Body) -> bool:
    return invoice.get("status") in {"draft", "open", "uncollectible", _PAID}


def _is_paid(invoice: Body) -> bool:
    return invoice.get("status") == _PAID


def _rules(request: Request) -> Iterator[Violation]:
    if request.arguments.get("method") == OUT_OF_BAND and "payment_method_id" in request.arguments:
        yield Violation("payment_method_id", f"goes with {OFF_SESSION} only: leave it out")


PAY_INVOICE = Operation(
    "pay_invoice",
    pay_invoice,
    arguments={"method": one_of(OFF_SESSION, OUT_OF_BAND), "payment_method_id": stripe_id("pm", "card", "src")},
    target=INVOICE,
    rules=_rules,
)
