"""Where the members of a family stand, and the record of each change: Payment_Status_Change__c.

Payments, refunds, payouts and invoices have a status, disputes a stage. What told of a change is the newest among the
objects that decide the status, and of those the ones that were looked at because they changed.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from service.domain import DesiredRecord, moment
from service.history import Change
from service.mirror import MirrorRow
from service.projection._facts import payment_facts
from service.projection._families import PAYMENT_ROOTS, Family
from service.projection._invoice_status import invoice_status
from service.projection._money import charge_money, charge_status
from service.projection._payments import is_alone, payment_of
from service.projection._payouts import payout_facts
from service.projection._status import ANSWERED, DECIDED, DisputeStage, PaymentStatus, dispute_stage, refund_status
from service.projection._values import Fields, Lane, currency_of, cut, money, reference, when

_SOBJECT = "Payment_Status_Change__c"
_RANK = 3
_KEY_CHARS, _DIGEST_CHARS = 255, 32
_EPOCH = datetime.fromtimestamp(0, UTC)
# What decides the status of a payment; of two of one second the one that decides more.
_DECIDE = ("dispute", "refund", "payment_intent", "charge", "checkout.session", "counterfoil.request")
DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one object stands, and what a reaction may tell of it; amounts in major units, times in UTC."""

    entity: str
    object_id: str
    object_type: str
    status: str
    stripe_status: str | None
    cause: str | None
    changed_at: datetime
    payment_id: str | None = None
    record_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    reason: str | None = None
    due_at: datetime | None = None
    traceparent: str | None = None

    def to_json(self) -> str:
        """Return it as JSON; `from_json` reads it."""
        return orjson.dumps(asdict(self), default=str, option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_json(cls, content: str) -> "Standing":
        """Return what `to_json` wrote."""
        values = orjson.loads(content)
        for name in ("changed_at", "due_at"):
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        values["amount"] = Decimal(values["amount"]) if values["amount"] is not None else None
        return cls(**{field.name: values[field.name] for field in fields(cls)})


Key = tuple[str, str]


def standings(family: Family, record_id: str | None, changed: Collection[Key]) -> Iterator[Standing]:
    """Yield where each member stands that has a status of its own. Pure.

    Args:
        family: what belongs together.
        record_id: the Salesforce record it belongs to, if one is known.
        changed: entity and id of what was looked at because it changed.
    """
    row = family.root
    body = row.body or {}
    match row.object_type:
        case "payout":
            facts = payout_facts(family)
            yield _own(row, facts.status, record_id, reason=facts.failure_code, payment=None)
        case "invoice":
            status = "Void" if row.deleted else invoice_status(body).value
            yield _own(row, status, record_id, payment=None, amount_field="total")
        case "charge" if is_alone(family):
            yield _of_charge(family, record_id, changed)
            yield from _of_what_came(family, record_id, None)
        case kind if kind in PAYMENT_ROOTS:
            for attempt in family.attempts():
                yield from _of_payment(attempt, record_id, changed)


def _of_payment(family: Family, record_id: str | None, changed: Collection[Key]) -> Iterator[Standing]:
    payment = payment_of(family)
    if payment is None:
        return
    facts = payment_facts(family)
    told = _told_by([row for kind in _DECIDE for row in family.all(kind)], changed)
    yield Standing(
        entity=family.root.entity,
        object_id=payment.key,
        object_type="payment_intent",
        status=facts.status.value,
        stripe_status=facts.stripe_status,
        cause=told.cause,
        changed_at=_moment_of(told),
        payment_id=payment.key,
        record_id=record_id,
        amount=money(facts.amount_minor, facts.currency),
        currency=facts.currency,
        reason=facts.failure_code,
        traceparent=family.root.traceparent,
    )
    yield from _of_what_came(family, record_id, payment.key)


def _of_charge(family: Family, record_id: str | None, changed: Collection[Key]) -> Standing:
    row, body = family.root, family.root.body or {}
    status = charge_status(body, charge_money(family, row))
    told = _told_by([one for kind in ("dispute", "refund", "charge") for one in family.all(kind)], changed)
    own = _own(row, status, record_id, reason=body.get("failure_code"), payment=None)
    return replace(own, cause=told.cause, changed_at=_moment_of(told))


def _of_what_came(family: Family, record_id: str | None, payment: str | None) -> Iterator[Standing]:
    """Yield where the refunds and disputes of a payment stand, or those of a charge without one."""
    for row in family.all("refund"):
        reason = (row.body or {}).get("failure_reason")
        yield _own(row, refund_status(row.body or {}), record_id, reason=reason, payment=payment)
    for row in family.all(DISPUTE):
        body = row.body or {}
        stage = dispute_stage(body)
        due = None if stage in DECIDED | ANSWERED else moment((body.get("evidence_details") or {}).get("due_by"))
        yield _own(row, stage, record_id, reason=body.get("reason"), payment=payment, due_at=due)


def _own(  # what an object says of itself
    row: MirrorRow,
    status: str,
    record_id: str | None,
    *,
    payment: str | None,
    reason: str | None = None,
    due_at: datetime | None = None,
    amount_field: str = "amount",
) -> Standing:
    body = row.body or {}
    currency = currency_of(body)
    return Standing(
        entity=row.entity,
        object_id=row.object_id,
        object_type=row.object_type,
        status=str(status),
        stripe_status="deleted" if row.deleted else body.get("status"),
        cause=row.cause,
        changed_at=_moment_of(row),
        payment_id=payment,
        record_id=record_id,
        amount=money(body.get(amount_field), currency),
        currency=currency,
        reason=reason,
        due_at=due_at,
        traceparent=row.traceparent,
    )


def _moment_of(row: MirrorRow) -> datetime:
    return row.caused_at or row.created_at or _EPOCH


def _told_by(rows: Iterable[MirrorRow], changed: Collection[Key]) -> MirrorRow:
    return max(rows, key=lambda row: ((row.entity, row.object_id) in changed, _moment_of(row)))


def change_record(standing: Standing, change: Change, lane: Lane) -> DesiredRecord:
    """Return the record of one change; its key is the object's id and the number of the change. Pure."""
    payment = reference("Payment__c", standing.payment_id) if standing.payment_id else None
    is_dispute = standing.object_type == DISPUTE
    old, new = change.previous, standing.status
    values: Fields = {
        "Entity__c": standing.entity,
        "Payment__c": payment,
        "Object_Type__c": cut(standing.object_type, 40),
        "Object_Id__c": standing.object_id,
        "From__c": None if is_dispute else old,
        "To__c": None if is_dispute else new,
        "From_Stage__c": old if is_dispute else None,
        "To_Stage__c": new if is_dispute else None,
        "Stripe_Status__c": cut(standing.stripe_status, 60),
        "Changed_At__c": when(standing.changed_at),
        "Event_Id__c": cut(standing.cause, 255),
    }
    key = change_key(standing.object_id, str(change.number))
    return lane.record(_SOBJECT, key, values, _RANK, payment, standing.traceparent)


def change_key(*parts: str) -> str:
    """Return a key of parts, with a digest in place of what is too long."""
    key = "_".join(parts)
    if len(key) <= _KEY_CHARS:
        return key
    return f"{key[: _KEY_CHARS - _DIGEST_CHARS]}{hashlib.sha256(key.encode()).hexdigest()[:_DIGEST_CHARS]}"


def widest_changes(lane: Lane, at: datetime) -> Iterator[DesiredRecord]:
    """Yield a change of each kind with every field filled, for checks of an org."""
    long, known = "x" * _KEY_CHARS, ("e" * 40, "x" * _KEY_CHARS)
    for kind, old, new in (
        (long, PaymentStatus.PROCESSING.value, PaymentStatus.PAID.value),
        (DISPUTE, DisputeStage.NEEDS_RESPONSE.value, DisputeStage.WON.value),
    ):
        yield change_record(Standing(*known, kind, new, long, long, at, long), Change(1, old), lane)
