"""The record a payment was asked from: what it shows of its payments, and of what was asked to be done with them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.domain import SOURCE_OBJECTS, DesiredRecord
from service.mirror import MirrorRow
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import INTENT, LINK, OPERATION, PAGE, PAYMENT_ROOTS, Family
from service.projection._values import Fields, cut, money, when

_RANK = 0
_EPOCH = datetime.fromtimestamp(0, UTC)
# What a record shows of payments when it has none any more.
_NOTHING: Fields = dict.fromkeys(
    (
        *("Payment_Status__c", "Amount_Paid__c", "Payment_Currency__c", "Payment_Fee__c", "Payment_Net__c"),
        *("Payment_Settlement_Currency__c", "Paid_At__c", "Stripe_Payment_Intent_Id__c", "Payment_Link_Url__c"),
        *("Payment_Error__c", "Payment_Request_Id__c"),
    )
)


@dataclass(slots=True)
class _Group:
    """What belongs to one record: its payments, oldest first, and what was asked besides."""

    payments: list[tuple[PaymentFacts, Family]] = field(default_factory=list)
    asked: list[MirrorRow] = field(default_factory=list)


def source_records(found: Sequence[Family], org: str, *, left: Collection[str] = ()) -> Iterator[DesiredRecord]:
    """Yield the Opportunity or Order that each group of payments belongs to.

    `left` are records that a payment is just found not to belong to: one that has no other shows none.
    """
    groups: dict[str, _Group] = defaultdict(_Group)
    for family in found:
        fact = payment_facts(family) if family.root.object_type in PAYMENT_ROOTS else None
        if fact is not None and _is_source(fact.record_id):
            groups[str(fact.record_id)].payments.append((fact, family))
        for row in family.all(OPERATION):
            if (row.body or {}).get("dry_run"):
                continue  # nothing was asked
            record_id = row.record_id or (fact.record_id if fact else family.root.belongs_to)
            if _is_source(record_id):
                groups[str(record_id)].asked.append(row)
    for record_id, group in groups.items():
        newest = group.payments[-1][1].root if group.payments else _newest(group.asked)
        fields = (_NOTHING if record_id in left else {}) | _fields(group)
        yield _record(record_id, org, fields, newest.traceparent)
    for record_id in sorted({one for one in left if _is_source(one)} - groups.keys()):
        yield _record(record_id, org, _NOTHING, None)


def _record(record_id: str, org: str, fields: Fields, traceparent: str | None) -> DesiredRecord:
    sobject = SOURCE_OBJECTS[record_id[:3]]
    return DesiredRecord(org, sobject, "Id", record_id, fields, record_id, _RANK, None, traceparent)


def _is_source(record_id: str | None) -> bool:
    return record_id is not None and record_id[:3] in SOURCE_OBJECTS


def _newest(asked: Sequence[MirrorRow]) -> MirrorRow:
    return max(asked, key=lambda row: (row.created_at or _EPOCH, row.object_id))


def _fields(group: _Group) -> Fields:
    """Return what the record shows; the newest request of all tells how it went, a payment's or another."""
    fields: Fields = {}
    at: datetime | None = _EPOCH
    if group.payments:
        newest = group.payments[-1][0]
        fields, at = _summary(_shown(group.payments), newest, [fact for fact, _ in group.payments]), newest.created_at
    asked = _newest(group.asked) if group.asked else None
    if asked is not None and (asked.created_at or _EPOCH) >= (at or _EPOCH):
        body = asked.body or {}
        error = body.get("conflict") or body.get("failure_message") or body.get("message")
        fields |= {"Payment_Error__c": cut(error, 255), "Payment_Request_Id__c": asked.object_id}
    return fields


def _shown(group: Sequence[tuple[PaymentFacts, Family]]) -> PaymentFacts:
    """Return the payment to show: a request that came to nothing in Stripe does not hide the one before it."""
    real = [fact for fact, family in group if any(family.all(kind) for kind in (INTENT, PAGE, LINK))]
    return real[-1] if real else group[-1][0]


def _summary(shown: PaymentFacts, newest: PaymentFacts, every: Sequence[PaymentFacts]) -> Fields:
    """What the record shows: how its payment stands, what the newest request met, and sums over its currency."""
    same = [fact for fact in every if fact.currency == shown.currency]
    paid = sum(fact.amount_received_minor - fact.amount_refunded_minor - fact.amount_lost_minor for fact in same)
    settled = [fact for fact in same if fact.fee_minor is not None and fact.net_minor is not None]
    # Sums over several settlement currencies would be a number without meaning: then they stay empty.
    one_currency = {fact.settlement_currency for fact in settled}
    settlement = one_currency.pop() if len(one_currency) == 1 else None
    fee = sum(fact.fee_minor or 0 for fact in settled)
    net = sum(fact.net_minor or 0 for fact in settled)
    return {
        "Payment_Status__c": shown.status.value,
        "Amount_Paid__c": money(paid, shown.currency),
        "Payment_Currency__c": shown.currency,
        "Payment_Fee__c": money(fee, settlement),
        "Payment_Net__c": money(net, settlement),
        "Payment_Settlement_Currency__c": settlement,
        "Paid_At__c": when(shown.paid_at),
        "Stripe_Payment_Intent_Id__c": shown.payment_intent_id,
        "Payment_Link_Url__c": shown.checkout_url,
        "Payment_Error__c": cut(newest.conflict or newest.failure_message or newest.message, 255),
        "Payment_Request_Id__c": newest.command_id,
    }
