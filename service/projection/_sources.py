"""The record a payment was asked from: what it shows of all its payments."""

from collections.abc import Iterator, Sequence

from service.domain import SOURCE_OBJECTS, DesiredRecord
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import PAYMENT_ROOTS, Family
from service.projection._values import Fields, cut, money, when

_RANK = 0


def source_records(found: Sequence[Family], org: str) -> Iterator[DesiredRecord]:
    """Yield the Opportunity or Order that each group of payments belongs to."""
    by_record: dict[str, list[tuple[PaymentFacts, Family]]] = {}
    for family in found:
        if family.root.object_type not in PAYMENT_ROOTS:
            continue
        fact = payment_facts(family)
        if fact.record_id is not None and fact.record_id[:3] in SOURCE_OBJECTS:
            by_record.setdefault(fact.record_id, []).append((fact, family))
    for record_id, group in by_record.items():
        newest, family = group[-1]
        yield DesiredRecord(
            org=org,
            sobject=SOURCE_OBJECTS[record_id[:3]],
            key_field="Id",
            key=record_id,
            fields=_summary(_shown(group), newest, [fact for fact, _ in group]),
            lane=record_id,
            rank=_RANK,
            traceparent=family.root.traceparent,
        )


def _shown(group: Sequence[tuple[PaymentFacts, Family]]) -> PaymentFacts:
    """Return the payment to show: a request that came to nothing in Stripe does not hide the one before it."""
    real = [fact for fact, family in group if family.all("payment_intent") or family.all("checkout.session")]
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
