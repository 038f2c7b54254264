"""Which payment or invoice a request is about, and how much of it. Read afresh from Stripe, once.

A request names it, or the record whose only one it is. Refuses to guess between several, and to take an amount for one
of another currency.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service import mirror
from service.commands._ledger import Command
from service.commands._operation import Target, amount, currency
from service.commands._steps import Steps
from service.domain import Carried, from_minor, to_minor
from service.errors import Refused

Body = Mapping[str, Any]
PAYMENT_INTENT = Target("payment_intent_id", "pi")
PAYMENT_OR_PAGE = Target("payment_intent_id", "pi", ("cs", "plink"))
INVOICE = Target("invoice_id", "in")
AMOUNT = {"amount": amount, "currency": currency}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What can be meant: Stripe's type, our word for it, what is read with it, and the reasons of a refusal."""

    object_type: str
    noun: str
    expand: tuple[str, ...]
    not_found: str
    ambiguous: str


_PAYMENT = _Kind("payment_intent", "payment", ("latest_charge",), "PAYMENT_NOT_FOUND", "PAYMENT_AMBIGUOUS")
_INVOICE = _Kind("invoice", "invoice", (), "INVOICE_NOT_FOUND", "INVOICE_AMBIGUOUS")


async def payment_of(steps: Steps, command: Command, *, may_be: Callable[[Body], bool]) -> dict[str, Any]:
    """Return the payment intent as Stripe has it now, with its latest charge; `may_be` tells of a record's which count.

    Raises:
        Refused: PAYMENT_NOT_FOUND (the record has none of this kind, or not the one that is named) or
            PAYMENT_AMBIGUOUS (it has several).
        VendorError: Stripe did not answer as it should.
    """
    return await _meant(steps, command, _PAYMENT, may_be)


async def invoice_of(steps: Steps, command: Command, *, may_be: Callable[[Body], bool]) -> dict[str, Any]:
    """Return the invoice as Stripe has it now; `may_be` tells of a record's invoices which count.

    Raises:
        Refused: INVOICE_NOT_FOUND (the record has none of this kind, or not the one that is named) or
            INVOICE_AMBIGUOUS (it has several).
        VendorError: Stripe did not answer as it should.
    """
    return await _meant(steps, command, _INVOICE, may_be)


async def _meant(steps: Steps, command: Command, kind: _Kind, may_be: Callable[[Body], bool]) -> dict[str, Any]:
    object_id = command.target_id
    if command.record_id is not None:
        async with steps.database.read() as tx:
            rows = await mirror.load_family(tx, entities=[command.entity], records=[command.record_id])
            known = await mirror.load(tx, [(command.entity, object_id)]) if object_id else {}
        if object_id is None:
            same = (row for row in rows if row.object_type == kind.object_type and not row.deleted)
            bodies = {row.object_id: row.body for row in same if row.body}
            found = [key for key, body in bodies.items() if may_be(body)]
            if not found and kind is _PAYMENT:
                found = [key async for key, body in _unseen(steps, command, rows) if may_be(body)]
            object_id = _only(found, kind)
        elif any(row.belongs_to not in {None, command.record_id} for row in known.values()):
            raise _of_another(object_id, kind)
    stripe = steps.stripe[command.entity]
    answer = await stripe.retrieve(kind.object_type, str(object_id), expand=kind.expand)
    owner = (answer.body.get("metadata") or {}).get(Carried.RECORD)
    if command.record_id is not None and owner and owner[:15] != command.record_id[:15]:
        raise _of_another(str(object_id), kind)
    return answer.body


async def _unseen(steps: Steps, command: Command, rows: Sequence[mirror.MirrorRow]) -> AsyncIterator[tuple[str, Body]]:
    """Give payments of the record's pages that the mirror has not seen yet, with their ids.

    A page may have been paid a moment ago, or its payment may be known to Stripe only because our rows were lost.
    """
    stripe = steps.stripe[command.entity]
    known = {row.object_id for row in rows if row.object_type == "payment_intent" and row.body}
    named = {row.object_id for row in rows if row.object_type == "payment_intent"}
    for page in (row.object_id for row in rows if row.object_type == "checkout.session"):
        intent = (await stripe.retrieve("checkout.session", page)).body.get("payment_intent")
        named |= {intent} if isinstance(intent, str) else set()
    for intent_id in sorted(named - known):
        yield intent_id, (await stripe.retrieve("payment_intent", intent_id, expand=_PAYMENT.expand)).body


def _of_another(object_id: str, kind: _Kind) -> Refused:
    article = "an" if kind is _INVOICE else "a"
    return Refused(
        f"{object_id} is not {article} {kind.noun} of this record: name one of its own", reason=kind.not_found
    )


def _only(found: list[str], kind: _Kind) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(
            f"the record has {len(found)} {kind.noun}s this could be about: name one of {', '.join(sorted(found)[:5])}",
            reason=kind.ambiguous,
        )
    raise Refused(f"the record has no {kind.noun} that this could be about", reason=kind.not_found)


def charge_of(intent: Body) -> Body:
    """Return the latest charge of an intent that was read with it."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, dict) else {}


async def amount_of(steps: Steps, command: Command, target: Body, *, noun: str = "payment") -> int | None:
    """Return the amount that was asked for of a payment or invoice in minor units; None if all there is was meant.

    Raises:
        Refused: CURRENCY_MISMATCH, CURRENCY_MISSING or AMOUNT_NOT_EXACT.
    """
    asked = command.arguments.get("amount")
    if asked is None:
        return None
    code = str(target["currency"]).upper()
    named = command.arguments.get("currency")
    if named is None and command.record_id is not None:
        named = await steps.terms[command.org].currency(command.record_id)
    if named is None:
        raise Refused("the amount has no currency: give one", reason="CURRENCY_MISSING")
    if named != code:
        raise Refused(
            f"the amount is in {named} and the {noun} in {code}: ask in the currency of the {noun}",
            reason="CURRENCY_MISMATCH",
        )
    return to_minor(Decimal(asked), code)


def refuse_more(asked: int, left: int, code: str, *, what: str) -> None:
    """Refuse an amount above what is left; both are in minor units of `code`, `what` says what it is left for.

    Raises:
        Refused: AMOUNT_TOO_LARGE, with both figures in its text and its metadata.
    """
    if asked > left:
        shown = [format(from_minor(value, code), "f") for value in (asked, left)]
        raise Refused(
            f"{shown[0]} {code.upper()} was asked for, and {shown[1]} {code.upper()} can be {what}: ask for less",
            reason="AMOUNT_TOO_LARGE",
            metadata={"asked_minor": str(asked), "left_minor": str(left), "currency": code.upper()},
        )
