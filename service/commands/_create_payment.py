"""create_payment: what an Opportunity or Order asks to be paid becomes a payment, or a page or link to make it by.

The amount is the record's; with amount_source "lines" it must also be the sum of its line items. With capture_method
"manual" the money is held on the card until it is captured.
"""

from collections.abc import Iterator

from service import telemetry
from service.commands._customer import known_customer, make_customer
from service.commands._ledger import Command
from service.commands._line_items import AMOUNT_SOURCES, LINES, matched
from service.commands._operation import Operation, one_of, stripe_id
from service.commands._payment import (
    customer_params,
    declined,
    intent_params,
    link_params,
    metadata,
    session_params,
)
from service.commands._request import CREATE_PAYMENT, Request
from service.commands._steps import Params, Settled, Steps, carried, succeeded
from service.commands._terms import Terms
from service.errors import Conflict, PaymentDeclined, Refused, Violation

OFF_SESSION, UNCONFIRMED, HOSTED_CHECKOUT = "off_session", "unconfirmed", "hosted_checkout"
PAYMENT_LINK = "payment_link"
METHODS = (OFF_SESSION, UNCONFIRMED, HOSTED_CHECKOUT, PAYMENT_LINK)
CAPTURE_METHODS = ("automatic", "manual")


async def create_payment(steps: Steps, command: Command) -> Settled:
    """Read the terms, find or make the customer, make the payment."""

    async def read() -> Params:
        return (await read_terms(steps, command)).stored()

    terms = Terms(**await steps.fix_terms(command, read))
    if command.method == PAYMENT_LINK:
        return await _payment_link(steps, command, terms)
    customer = await customer_of(steps, command, terms)
    match command.method:
        case "off_session":
            return await _off_session(steps, command, terms, customer)
        case "unconfirmed":
            key, marks = _carried(command, terms, "payment_intent")
            params = intent_params(command, terms, customer, marks, None)
            return succeeded(payment_intent_id=await steps.make(command, "payment_intent", params, key)), []
        case _:
            entity = steps.installation.entities[command.entity]
            key, marks = _carried(command, terms, "checkout.session")
            params = session_params(command, terms, customer, marks, entity)
            return succeeded(checkout_session_id=await steps.make(command, "checkout.session", params, key)), []


async def recheck(steps: Steps, command: Command) -> None:
    """Compare a settled command with its record as it is now.

    Raises:
        Conflict: the record's terms have changed; the text gives both amounts. Nothing was done.
    """
    if command.terms is None:
        return
    before = Terms.of(command.terms)
    now = await read_terms(steps, command)
    if now.binding() != before.binding():
        raise Conflict(
            f"version {command.version} was asked for {before.amount_minor} {before.currency.upper()} and the "
            f"record now says {now.amount_minor} {now.currency.upper()} (minor units): ask with a new version",
            metadata={"command_id": command.id, "version": command.version},
        )


async def read_terms(steps: Steps, command: Command) -> Terms:
    """Return the record's terms as they are now, its amount compared with its line items if it is to be theirs."""
    customer_field = steps.installation.entities[command.entity].customer_field
    reader = steps.terms[command.org]
    terms = await reader.read(command.record_id or "", customer_field=customer_field)
    if command.arguments.get("amount_source") == LINES:
        matched(await reader.line_items(command.record_id or "", terms), terms)
    return terms


async def customer_of(steps: Steps, command: Command, terms: Terms) -> str:
    """Return the Account's customer: the one it names, the one we made for it, or a new one, made once."""
    known = await known_customer(steps, command, terms.account_id, terms.customer_id)
    if known is not None:
        return known
    return await make_customer(
        steps, command, terms.account_id, customer_params(terms, telemetry.current_traceparent())
    )


async def _payment_link(steps: Steps, command: Command, terms: Terms) -> Settled:
    """Make a link. Stripe takes no customer for one: whoever pays is a guest, and metadata lead back to the record."""
    entity = steps.installation.entities[command.entity]
    key, marks = _carried(command, terms, "payment_link")
    made = await steps.make(command, "payment_link", link_params(command, terms, marks, entity), key)
    return succeeded(result_id=made), []


async def _off_session(steps: Steps, command: Command, terms: Terms, customer: str) -> Settled:
    method = command.arguments.get("payment_method_id") or await saved_method(steps, command, customer)
    key, marks = _carried(command, terms, "payment_intent")
    params = intent_params(command, terms, customer, marks, method)
    try:
        made = await steps.make(command, "payment_intent", params, key)
    except PaymentDeclined as error:
        intent = str((error.payment_intent or {}).get("id") or "")
        # A decline may be the replay of an old answer: what the intent is now is read afresh.
        seen = [await steps.stripe[command.entity].retrieve("payment_intent", intent)] if intent else []
        return declined(error, intent or None), seen
    return succeeded(payment_intent_id=made), []


async def saved_method(steps: Steps, command: Command, customer: str) -> str:
    """Return the payment method to charge while the customer is away: the default one, or the only one.

    Raises:
        Refused: NO_PAYMENT_METHOD.
    """
    stripe = steps.stripe[command.entity]
    body = (await stripe.retrieve("customer", customer)).body
    default = (body.get("invoice_settings") or {}).get("default_payment_method")
    if default:
        return str(default)
    saved = await stripe.list("payment_method", {"customer": customer}, limit=2)
    if len(saved) == 1:
        return str(saved[0].body["id"])
    raise Refused(
        f"the customer has {'several saved payment methods and no default' if saved else 'no saved payment method'}"
        ": name one in payment_method_id, or ask with hosted_checkout",
        reason="NO_PAYMENT_METHOD",
    )


def _carried(command: Command, terms: Terms, step: str) -> tuple[str, dict[str, str]]:
    """Return the idempotency key of a step, and the metadata its object carries."""
    key, marks = carried(command, command.subject, step)
    return key, metadata(command, terms, marks)


def _rules(request: Request) -> Iterator[Violation]:
    if request.arguments.get("payment_method_id") is not None and request.arguments.get("method") != OFF_SESSION:
        yield Violation("payment_method_id", "goes with off_session only: leave it out")


CREATE = Operation(
    CREATE_PAYMENT,
    create_payment,
    arguments={
        "method": one_of(*METHODS),
        "payment_method_id": stripe_id("pm", "card", "src"),
        "capture_method": one_of(*CAPTURE_METHODS),
        "amount_source": one_of(*AMOUNT_SOURCES),
    },
    required=("method",),
    rules=_rules,
    recheck=recheck,
)
