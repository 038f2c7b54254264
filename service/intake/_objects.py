"""From a Stripe object to observations: what it is, what it belongs to, and what must still be fetched for it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain import (
    SOURCE_OBJECTS,
    Carried,
    Evidence,
    Observation,
    Statement,
    canonical,
    moment,
    normalise_salesforce_id,
    scrub,
)
from service.domain.cards import remove_cards
from service.errors import InvalidRequest
from service.intake import payouts

# Where each type names the object it belongs to. Types outside are mirrored too, but nothing reacts to them yet.
_PARENT_FIELD = {"charge": "payment_intent", "balance_transaction": "source", "refund": "charge", "dispute": "charge"}
_PARENT_FIELD |= {"invoice_payment": "invoice", "credit_note": "invoice"}
_OF_A_REQUEST = frozenset({"payment_intent", "checkout.session", "payment_link"})
_OF_A_PAYMENT = frozenset({"refund", "dispute"})
_OF_A_CUSTOMER = frozenset({"payment_intent", "invoice"})
_OF_A_RECORD = frozenset({"payment_intent", "checkout.session", "payment_link", "customer", "invoice"})
KNOWN_TYPES = frozenset(
    {"payment_intent", "checkout.session", "customer", "charge", "balance_transaction", "refund", "dispute", "payout"}
    | {"invoice", "invoice_payment", "credit_note", "payment_link"}
)
# Objects a type names whose own events may never have reached us: they are fetched if they stay unknown.
_NAMED = {
    "payment_intent": {"latest_charge": "charge"},
    "charge": {"payment_intent": "payment_intent"},
    "refund": {"charge": "charge"},
    "dispute": {"charge": "charge"},
    "payout": {"original_payout": "payout", "reversed_by": "payout"},
    "invoice": {"customer": "customer"},
    "invoice_payment": {"invoice": "invoice"},
    "credit_note": {"invoice": "invoice"},
}
# What an object moved on the balance: there are no events of balance transactions, so they are fetched at once.
_MOVEMENTS = ("balance_transaction", "failure_balance_transaction")
# Lists of whole objects inside another: each object is kept in a row of its own, with the other as its parent.
_LISTS = {"charge": ("refunds",), "dispute": ("balance_transactions",), "invoice": ("payments",)}
# What to ask for besides when an object is fetched: it completes a history whose beginning never reached us.
EXPANDED: dict[str, tuple[str, ...]] = {"charge": ("refunds",), "invoice": ("amount_paid_off_stripe",)}

# Fields that hold another object when it was expanded; each object is kept in a row of its own.
_EXPANDABLE = (
    "latest_charge",
    "balance_transaction",
    "failure_balance_transaction",
    "customer",
    "payment_intent",
    "charge",
    "payment_method",
    "invoice",
)
_NAME = re.compile(r"[\x21-\x7e]{1,255}")
_BEFORE_EVERYTHING = datetime.fromtimestamp(0, UTC)
# An asynchronous capture has its balance transaction within an hour
# (docs.stripe.com/payments/payment-intents/asynchronous-capture); then ask, if no event told.
LATE_FACT = timedelta(hours=1)
# Events of what belongs together come within moments of each other, in any order.
_EVENTS_TOGETHER = timedelta(seconds=5)
# A refund that fails after it succeeded changes its charge, with no event of the charge (docs.stripe.com/refunds).
_UNDONE = frozenset({"failed", "canceled"})


def stub(
    entity: str,
    object_type: str,
    object_id: str,
    *,
    fetch_after: datetime,
    as_of: datetime = _BEFORE_EVERYTHING,
    parent_id: str | None = None,
) -> Observation:
    """Return the knowledge that an object exists; it is fetched unless something newer than `as_of` is known."""
    return Observation(
        entity, object_type, object_id, None, as_of, Evidence.EVENT, parent_id=parent_id, fetch_after=fetch_after
    )


def sight(
    entity: str,
    body: dict[str, Any],
    *,
    as_of: datetime,
    evidence: Evidence,
    now: datetime,
    traceparent: str | None = None,
    cause: str | None = None,
    scrubbed: bool = False,
) -> list[Observation]:
    """Return the observations in a Stripe object: itself, what was expanded in it, and what it names as still unknown.

    `body` is changed: client secrets and card numbers are removed, unless that was done, and expanded objects replaced
    by their ids.
    """
    if not scrubbed:
        scrub(body)
        remove_cards(body)
    found = list(_sights(entity, body, as_of, evidence, now, traceparent, cause))
    whole = {one.object_id for one in found if one.body is not None}
    return [one for one in found if one.body is not None or one.object_id not in whole]


def _sights(  # noqa: PLR0917  (recursive, with one caller)
    entity: str,
    body: dict[str, Any],
    as_of: datetime,
    evidence: Evidence,
    now: datetime,
    traceparent: str | None,
    cause: str | None,
) -> Iterator[Observation]:
    for inner in _inside(body):
        yield from _sights(entity, inner, as_of, evidence, now, traceparent, cause)
    kind, key = str(body["object"]), str(body["id"])
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    yield from _named(entity, kind, body, now)
    charge = _text(body.get("charge"))
    if kind == "refund" and charge and body.get("status") in _UNDONE and evidence is not Evidence.FETCH:
        yield stub(entity, "charge", charge, fetch_after=now, as_of=as_of)
    linked = _linked(kind, body)
    if kind == "invoice_payment" and linked and body.get("status") == "open" and evidence is Evidence.FETCH:
        # A credit note changes what an open payment asks for, with no event of the payment
        # (docs.stripe.com/api/events/types).
        yield stub(entity, "payment_intent", linked, fetch_after=now, as_of=as_of)
    if kind == "payout" and payouts.has_statement(body):
        yield stub(entity, Statement.KIND, Statement.id_of(key), fetch_after=now, parent_id=key)
    yield Observation(
        entity=entity,
        object_type=kind,
        object_id=key,
        body=canonical(body),
        as_of=as_of,
        evidence=evidence,
        parent_id=_parent(kind, body, metadata),
        record_id=_record(kind, metadata),
        created_at=moment(body.get("created")),
        deleted=body.get("deleted") is True,
        traceparent=_text(metadata.get(Carried.TRACE)) or traceparent,
        linked_id=linked,
        fetch_after=_again(kind, body, now, evidence),
        cause=cause,
    )


def _inside(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Take whole objects out of another one: expanded ones leave their id, lists of them leave nothing."""
    for name in _EXPANDABLE:
        for inner in _objects([body.get(name)]):
            body[name] = inner["id"]
            yield inner
    for inner in _objects([_payment(body).get("payment_intent")]):
        body["payment"]["payment_intent"] = inner["id"]
        yield inner
    for name in _LISTS.get(str(body["object"]), ()):
        listed = body.pop(name, None)
        yield from _objects(listed.get("data") if isinstance(listed, dict) else listed)


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict) and _text(value.get("id")) and _text(value.get("object")):
            yield value


def _named(entity: str, kind: str, body: dict[str, Any], now: datetime) -> Iterator[Observation]:
    for name, named_kind in _NAMED.get(kind, {}).items():
        if (named := _text(body.get(name))) is not None:
            # What names a charge names its payment as well, or is it.
            above = _PARENT_FIELD.get(named_kind, "")
            parent = _text(body.get("id" if kind == above else above))
            yield stub(entity, named_kind, named, fetch_after=now + _EVENTS_TOGETHER, parent_id=parent)
    if kind == "invoice_payment" and (intent := _linked(kind, body)) is not None:
        yield stub(entity, "payment_intent", intent, fetch_after=now + _EVENTS_TOGETHER)
    for name in _MOVEMENTS:
        if (movement := _text(body.get(name))) is not None:
            yield stub(entity, "balance_transaction", movement, fetch_after=now, parent_id=str(body["id"]))


def _again(kind: str, body: dict[str, Any], now: datetime, evidence: Evidence) -> datetime | None:
    """Return when to ask for an object again if no event told the fact it still owes."""
    if kind == "payout":
        return payouts.ask_again(body, now)
    if kind == "charge" and body.get("amount_refunded") and evidence is not Evidence.FETCH:
        return now + _EVENTS_TOGETHER  # read once with its refunds: events of earlier ones may never have reached us
    if kind == "invoice":
        return now if evidence is not Evidence.FETCH and _is_partial(body) else None
    return now + LATE_FACT if owes_movement(kind, body) else None


def _is_partial(invoice: dict[str, Any]) -> bool:
    """Tell whether an event cannot show an invoice whole: no more than ten lines, no payments, no money from outside.

    Sources: docs.stripe.com/api/invoices/object, docs.stripe.com/changelog (2026-05-27, amount_paid_off_stripe).
    """
    if invoice.get("deleted") is True:
        return False
    lines = invoice.get("lines")
    return invoice.get("status") != "draft" or (isinstance(lines, dict) and lines.get("has_more") is True)


def owes_movement(kind: str, body: dict[str, Any]) -> bool:
    """Tell whether money moved while Stripe does not say yet what it did to the balance."""
    if body.get("status") != "succeeded" or body.get("balance_transaction") is not None:
        return False
    return kind == "refund" or (kind == "charge" and bool(body.get("captured")))


def _text(value: Any) -> str | None:
    # What names an object is kept in a row of its own: nothing that could be no id, nor be too long for an index.
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _parent(kind: str, body: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    if kind in _OF_A_REQUEST:
        return _text(metadata.get(Carried.REQUEST))
    above = _text(body.get(_PARENT_FIELD[kind])) if kind in _PARENT_FIELD else None
    # A refund or dispute may be of a payment that has no charge.
    return above or (_text(body.get("payment_intent")) if kind in _OF_A_PAYMENT else None)


def _linked(kind: str, body: dict[str, Any]) -> str | None:
    """Return what an object names in another family: the customer of an invoice or payment, the intent that pays."""
    if kind == "invoice_payment":
        return _text(_payment(body).get("payment_intent"))
    return _text(body.get("customer")) if kind in _OF_A_CUSTOMER else None


def _payment(body: dict[str, Any]) -> dict[str, Any]:
    paying = body.get("payment")
    return paying if isinstance(paying, dict) else {}


def _record(kind: str, metadata: dict[str, Any]) -> str | None:
    value = _text(metadata.get(Carried.RECORD))
    if kind not in _OF_A_RECORD or value is None:
        return None
    try:
        record_id = normalise_salesforce_id(value)
        # All invoices of an Account would be one family without end: its projection finds the Account by itself.
        return None if kind == "invoice" and record_id[:3] not in SOURCE_OBJECTS else record_id
    except InvalidRequest:
        return None  # somebody else's metadata under our name: the object is kept, it only belongs to no record
