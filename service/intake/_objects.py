"""From a Stripe object to observations: what it is, what it belongs to, and what must still be fetched for it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain import Carried, Evidence, Observation, canonical, moment, normalise_salesforce_id, scrub
from service.errors import InvalidRequest

# Where each type names the object it belongs to. Types outside are mirrored too, but nothing reacts to them yet.
_PARENT_FIELD = {"charge": "payment_intent", "balance_transaction": "source", "refund": "charge", "dispute": "charge"}
_OF_A_REQUEST = frozenset({"payment_intent", "checkout.session"})
_OF_A_RECORD = frozenset({"payment_intent", "checkout.session", "customer"})
KNOWN_TYPES = frozenset({"payment_intent", "checkout.session", "customer", "charge", "balance_transaction"})

# Fields that hold another object when it was expanded; each object is kept in a row of its own.
_EXPANDABLE = ("latest_charge", "balance_transaction", "customer", "payment_intent", "charge", "payment_method")
_BEFORE_EVERYTHING = datetime.fromtimestamp(0, UTC)
# An asynchronous capture has its balance transaction within an hour
# (docs.stripe.com/payments/payment-intents/asynchronous-capture); then ask, if no event told.
LATE_FACT = timedelta(hours=1)


def stub(
    entity: str, object_type: str, object_id: str, *, fetch_after: datetime, as_of: datetime = _BEFORE_EVERYTHING
) -> Observation:
    """Return the knowledge that an object exists; it is fetched unless something newer than `as_of` is known."""
    return Observation(entity, object_type, object_id, None, as_of, Evidence.EVENT, fetch_after=fetch_after)


def sight(
    entity: str,
    body: dict[str, Any],
    *,
    as_of: datetime,
    evidence: Evidence,
    now: datetime,
    traceparent: str | None = None,
) -> list[Observation]:
    """Return the observations in a Stripe object: itself, what was expanded in it, and what it names as still unknown.

    `body` is changed: client secrets are removed and expanded objects replaced by their ids.
    """
    scrub(body)
    return list(_sights(entity, body, as_of, evidence, now, traceparent))


def _sights(  # noqa: PLR0917  (recursive, with one caller)
    entity: str,
    body: dict[str, Any],
    as_of: datetime,
    evidence: Evidence,
    now: datetime,
    traceparent: str | None,
) -> Iterator[Observation]:
    for name in _EXPANDABLE:
        inner = body.get(name)
        if isinstance(inner, dict) and _text(inner.get("id")) and _text(inner.get("object")):
            body[name] = inner["id"]
            yield from _sights(entity, inner, as_of, evidence, now, traceparent)
    kind, key = str(body["object"]), str(body["id"])
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    fetch_after = None
    if kind == "charge":
        transaction = _text(body.get("balance_transaction"))
        if transaction is not None:
            yield Observation(
                entity,
                "balance_transaction",
                transaction,
                None,
                _BEFORE_EVERYTHING,
                Evidence.EVENT,
                parent_id=key,
                fetch_after=now,
            )
        elif body.get("status") == "succeeded" and body.get("captured"):
            fetch_after = now + LATE_FACT
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
        fetch_after=fetch_after,
    )


def _text(value: Any) -> str | None:
    # JSON may hold a NUL, PostgreSQL's text may not; no id or trace of anybody's has one.
    return value if isinstance(value, str) and value and "\x00" not in value else None


def _parent(kind: str, body: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    if kind in _OF_A_REQUEST:
        return _text(metadata.get(Carried.REQUEST))
    return _text(body.get(_PARENT_FIELD.get(kind, ""))) if kind in _PARENT_FIELD else None


def _record(kind: str, metadata: dict[str, Any]) -> str | None:
    value = _text(metadata.get(Carried.RECORD))
    if kind not in _OF_A_RECORD or value is None:
        return None
    try:
        return normalise_salesforce_id(value)
    except InvalidRequest:
        return None  # somebody else's metadata under our name: the object is kept, it only belongs to no record
