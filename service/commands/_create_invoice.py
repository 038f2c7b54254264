"""create_invoice: an Opportunity or Order becomes an invoice with its line items, as far on its way as was asked.

Everything is read and compared before the first object is made. Stripe never advances the invoice by itself: what is to
happen is asked for. Lines are added in one call, all or none; a draft that Stripe took no lines for stays empty, and is
filled when the same is asked again. Sequence: docs.stripe.com/invoicing/integration.
"""

from collections.abc import Iterator
from dataclasses import replace

from service.commands._create_payment import customer_of, read_terms
from service.commands._invoice_catalogue import prices_of
from service.commands._invoice_changes import FINALISE, SEND
from service.commands._invoice_lines import Sale, line_params, whole_params
from service.commands._ledger import Command
from service.commands._line_items import AMOUNT_SOURCES, LINES, RECORD, matched
from service.commands._minimums import refuse_tiny
from service.commands._operation import Check, Operation, one_of, stripe_id
from service.commands._pay_invoice import charge
from service.commands._payment import metadata
from service.commands._request import Request
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._target import Body
from service.commands._terms import Terms
from service.domain import Carried, from_minor
from service.errors import Conflict, Refused, Violation

DRAFT, OPEN, SENT, PAID = "draft", "open", "sent", "paid"
STAGES = (DRAFT, OPEN, SENT, PAID)
SEND_INVOICE, CHARGE_AUTOMATICALLY = "send_invoice", "charge_automatically"
MAX_DAYS = 3650


async def create_invoice(steps: Steps, command: Command) -> Settled:
    """Read the terms, find or make the customer, make the draft with its lines, and lead it on."""

    async def read() -> Params:
        return await _terms(steps, command)

    kept = await steps.fix_terms(command, read)
    terms = Terms.of(kept)
    customer = await customer_of(steps, command, terms)
    key, marks = carried(command, command.subject, "invoice")
    made = await steps.make(command, "invoice", _draft(kept, customer, metadata(command, terms, marks)), key)
    filled = await _fill(steps, command, made, kept)
    if kept["advance_to"] == DRAFT:
        return succeeded(result_id=made), []
    await _compare(steps, command, made, terms, seen=filled)
    final = await FINALISE.do(steps, command, made, command.subject)
    if kept["advance_to"] == SENT:
        await SEND.do(steps, command, made, command.subject)
    if kept["advance_to"] == PAID:
        outcome, answers = await charge(steps, command, made, customer, command.subject, seen=final)
        return replace(outcome, results={**outcome.results, "result_id": made}), answers
    return succeeded(result_id=made), []


async def recheck(steps: Steps, command: Command) -> None:
    """Compare an invoice that was made with its record as it is now.

    Raises:
        Conflict: amount, currency, account or line items have changed; nothing was done.
    """
    if command.terms is None:
        return
    before, now = command.terms, await _terms(steps, command)
    changed = [name for name in ("amount_minor", "currency", "account_id", "lines") if before[name] != now[name]]
    if changed:
        was, is_now = (
            f"{from_minor(one['amount_minor'], one['currency']):f} {one['currency'].upper()}" for one in (before, now)
        )
        raise Conflict(
            f"version {command.version} was invoiced for {was} and the record now says {is_now}, or other lines: "
            "ask with a new version",
            metadata={"command_id": command.id, "version": command.version},
        )


async def _terms(steps: Steps, command: Command) -> Params:
    terms = await read_terms(steps, command)
    refuse_tiny(terms.amount_minor, terms.currency)
    config, asked = steps.installation.entities[command.entity].invoices, command.arguments
    method = asked.get("collection_method", config.collection_method)
    days = asked.get("days_until_due", str(config.days_until_due)) if method == SEND_INVOICE else None
    stage = asked.get("advance_to", SENT if method == SEND_INVOICE else PAID)
    if stage == SENT and method != SEND_INVOICE:
        raise Refused(
            "an invoice that is charged automatically is not sent: ask for open or paid, or for send_invoice",
            reason="INVOICE_WRONG_STATE",
        )
    return terms.stored() | {
        "lines": await _lines(steps, command, terms),
        "collection_method": method,
        "days_until_due": None if days is None else int(days),
        "advance_to": stage,
        "tax_rates": list(config.tax_rates),
        "automatic_tax": config.automatic_tax,
    }


async def _lines(steps: Steps, command: Command, terms: Terms) -> list[Params]:
    config = steps.installation.entities[command.entity].invoices
    sale = Sale(terms.currency, automatic_tax=config.automatic_tax, tax_behavior=config.tax_behavior)
    if command.arguments.get("amount_source", LINES) == RECORD:
        return [whole_params(terms.title, terms.amount_minor, sale)]
    items = matched(await steps.terms[command.org].line_items(command.record_id or "", terms), terms)
    prices = await prices_of(steps.stripe[command.entity], items, terms.currency)
    return [line_params(item, sale, prices) for item in items]


def _draft(kept: Params, customer: str, marks: dict[str, str]) -> Params:
    params: Params = {
        "customer": customer,
        "currency": kept["currency"],
        "collection_method": kept["collection_method"],
        "auto_advance": False,
        # Nothing that the record does not say: no items that wait for any invoice, no discount of the customer's.
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "metadata": marks,
    }
    if kept["days_until_due"] is not None:
        params["days_until_due"] = kept["days_until_due"]
    if kept["automatic_tax"]:
        params["automatic_tax"] = {"enabled": True}
    if kept["tax_rates"]:
        params["default_tax_rates"] = kept["tax_rates"]
    return params


async def _fill(steps: Steps, command: Command, invoice: str, kept: Params) -> Body | None:
    """Add all lines in one call; the invoice is marked with its key, by which they are known to be there.

    Returns the filled draft; None if a run before this one filled it.
    """
    key, _ = carried(command, command.subject, "invoice.lines")

    def done(body: Body) -> bool:
        return (body.get("metadata") or {}).get(Carried.LINES) == key

    params: Params = {"lines": kept["lines"], "invoice_metadata": {Carried.LINES: key}}
    return await steps.act(command, ("invoice", "add_lines"), invoice, params, key, done=done)


async def _compare(steps: Steps, command: Command, invoice: str, terms: Terms, *, seen: Body | None) -> None:
    """See that the draft says what the record says, before it cannot be changed any more; tax comes on top.

    `seen` is the draft if this run has just seen it.

    Raises:
        Refused: INVOICE_DIFFERS, with both figures.
    """
    body = seen or (await steps.stripe[command.entity].retrieve("invoice", invoice)).body
    if body.get("status") != DRAFT:
        return  # a run before this one has seen to it
    said, code = int(body.get("subtotal") or 0), str(body.get("currency"))
    off = sum(int(one.get("amount") or 0) for one in body.get("total_discount_amounts") or ())
    if (said - off, code) != (terms.amount_minor, terms.currency):
        raise Refused(
            f"the draft {invoice} says {from_minor(said - off, code):f} {code.upper()} and the record "
            f"{from_minor(terms.amount_minor, terms.currency):f} {terms.currency.upper()}: delete the draft in Stripe, "
            "and ask with a new version",
            reason="INVOICE_DIFFERS",
            metadata={"invoice_minor": str(said - off), "record_minor": str(terms.amount_minor), "currency": code},
        )


def days(value: str) -> str:
    """Return a number of days from 0 to 3650, without leading zeros.

    Raises:
        ValueError: it is none.
    """
    whole, _, fraction = value.partition(".")
    if not whole.isascii() or not whole.isdecimal() or fraction.strip("0") or int(whole[:5]) > MAX_DAYS:
        raise ValueError(f"must be a whole number of days from 0 to {MAX_DAYS}")
    return str(int(whole))


def _rules(request: Request) -> Iterator[Violation]:
    automatic = request.arguments.get("collection_method") == CHARGE_AUTOMATICALLY
    if automatic and "days_until_due" in request.arguments:
        yield Violation("days_until_due", f"goes with {SEND_INVOICE} only: leave it out")
    if automatic and request.arguments.get("advance_to") == SENT:
        yield Violation("advance_to", f"{SENT} goes with {SEND_INVOICE} only: give open or paid")
    if "payment_method_id" in request.arguments and request.arguments.get("advance_to", PAID) != PAID:
        yield Violation("payment_method_id", f"goes with {PAID} only: leave it out")


_DAYS: Check = days
CREATE_INVOICE = Operation(
    "create_invoice",
    create_invoice,
    arguments={
        "amount_source": one_of(*AMOUNT_SOURCES),
        "collection_method": one_of(SEND_INVOICE, CHARGE_AUTOMATICALLY),
        "days_until_due": _DAYS,
        "advance_to": one_of(*STAGES),
        "payment_method_id": stripe_id("pm", "card", "src"),
    },
    rules=_rules,
    recheck=recheck,
)
