"""The Salesforce records that should exist for one lane: payments, charges, balance transactions, the source record.

Field names are those of the package in deploy/salesforce; an org that keeps other names maps them when it is written.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.domain import SOURCE_OBJECTS, DesiredRecord, Reference, Value, from_minor, moment
from service.mirror import MirrorRow
from service.projection._facts import PaymentFacts, payment_facts, rate
from service.projection._families import Family, families
from service.projection._status import charge_status

KEY = "Stripe_Id__c"
_SOURCE_RANK, _PAYMENT_RANK, _CHARGE_RANK, _TRANSACTION_RANK = 0, 0, 1, 2
Fields = dict[str, Value | Reference]


def _money(amount_minor: Any, currency: str | None) -> Decimal | None:
    if not isinstance(amount_minor, int) or currency is None:
        return None
    return from_minor(amount_minor, currency)


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _unix(value: Any) -> str | None:
    return _when(moment(value))


def _cut(value: Any, length: int) -> str | None:
    return None if value is None else str(value)[:length]


def records(rows: Sequence[MirrorRow], *, org: str) -> list[DesiredRecord]:
    """Return every record the rows of one lane ask for; each key once. Pure."""
    found = families(rows)
    facts = [payment_facts(family) for family in found]
    wanted = [
        record for family, fact in zip(found, facts, strict=True) for record in _family_records(family, fact, org)
    ]
    wanted += _source_records(facts, found, org)
    wanted += [_account(row, org) for row in rows if _is_customer(row)]
    return list({(record.sobject, record.key): record for record in wanted}.values())


def _family_records(family: Family, facts: PaymentFacts, org: str) -> Iterator[DesiredRecord]:
    intent = family.intents[-1] if family.intents else None
    if intent is None:
        return
    lane = facts.record_id or facts.payment_id
    payment = Reference("Payment__c", KEY, intent.object_id)
    trace = intent.traceparent or family.root.traceparent

    def desired(sobject: str, key: str, fields: Fields, rank: int, parent: Reference | None) -> DesiredRecord:
        return DesiredRecord(org, sobject, KEY, key, fields, lane, rank, parent, trace)

    yield desired("Payment__c", intent.object_id, _payment(facts, family), _PAYMENT_RANK, None)
    for row in family.charges:
        fields = _charge(row, payment, facts.entity)
        yield desired("Charge__c", row.object_id, fields, _CHARGE_RANK, payment)
        transaction = family.transaction_of(row)
        if transaction is not None:
            charge = Reference("Charge__c", KEY, row.object_id)
            fields = _transaction(transaction, payment, charge, facts.entity)
            yield desired("Balance_Transaction__c", transaction.object_id, fields, _TRANSACTION_RANK, charge)


def _payment(facts: PaymentFacts, family: Family) -> Fields:
    source = SOURCE_OBJECTS.get((facts.record_id or "")[:3])
    request = (family.request.body if family.request else None) or {}
    return {
        "Entity__c": facts.entity,
        "Status__c": facts.status.value,
        "Stripe_Status__c": _cut(facts.stripe_status, 60),
        "Amount__c": _money(facts.amount_minor, facts.currency),
        "Amount_Received__c": _money(facts.amount_received_minor, facts.currency),
        "Amount_Refunded__c": _money(facts.amount_refunded_minor, facts.currency),
        "Currency_Code__c": facts.currency,
        "Settlement_Amount__c": _money(facts.settlement_amount_minor, facts.settlement_currency),
        "Fee__c": _money(facts.fee_minor, facts.settlement_currency),
        "Net__c": _money(facts.net_minor, facts.settlement_currency),
        "Settlement_Currency__c": facts.settlement_currency,
        "Exchange_Rate__c": facts.exchange_rate,
        "Created_At__c": _unix((family.intents[-1].body or {}).get("created")),
        "Paid_At__c": _when(facts.paid_at),
        "Failure_Code__c": _cut(facts.failure_code, 100),
        "Failure_Message__c": _cut(facts.failure_message, 255),
        "Stripe_Customer_Id__c": facts.customer_id,
        "Livemode__c": bool(facts.livemode),
        "Account__c": request.get("account_id"),
        "Opportunity__c": facts.record_id if source == "Opportunity" else None,
        "Order__c": facts.record_id if source == "Order" else None,
        "Request_Id__c": facts.command_id,
    }


def _charge(row: MirrorRow, payment: Reference, entity: str) -> Fields:
    body = row.body or {}
    currency = str(body.get("currency", "")).upper() or None
    details = body.get("payment_method_details") or {}
    card = details.get("card") or {}
    return {
        "Entity__c": entity,
        "Payment__c": payment,
        "Status__c": charge_status(body).value,
        "Stripe_Status__c": _cut(body.get("status"), 60),
        "Amount__c": _money(body.get("amount"), currency),
        "Amount_Captured__c": _money(body.get("amount_captured"), currency),
        "Amount_Refunded__c": _money(body.get("amount_refunded"), currency),
        "Currency_Code__c": currency,
        "Captured__c": bool(body.get("captured")),
        "Disputed__c": bool(body.get("disputed")),
        "Failure_Code__c": _cut(body.get("failure_code"), 100),
        "Failure_Message__c": _cut(body.get("failure_message"), 255),
        "Payment_Method_Type__c": _cut(details.get("type"), 60),
        "Card_Brand__c": _cut(card.get("brand"), 40),
        "Card_Last4__c": _cut(card.get("last4"), 4),
        "Created_At__c": _unix(body.get("created")),
    }


def _transaction(row: MirrorRow, payment: Reference, charge: Reference, entity: str) -> Fields:
    body = row.body or {}
    currency = str(body.get("currency", "")).upper() or None
    return {
        "Entity__c": entity,
        "Payment__c": payment,
        "Charge__c": charge,
        "Type__c": _cut(body.get("type"), 80),
        "Reporting_Category__c": _cut(body.get("reporting_category"), 80),
        "Stripe_Status__c": _cut(body.get("status"), 60),
        "Amount__c": _money(body.get("amount"), currency),
        "Fee__c": _money(body.get("fee"), currency),
        "Net__c": _money(body.get("net"), currency),
        "Currency_Code__c": currency,
        "Exchange_Rate__c": rate(body.get("exchange_rate")),
        "Available_On__c": _unix(body.get("available_on")),
        "Created_At__c": _unix(body.get("created")),
    }


def _source_records(facts: Sequence[PaymentFacts], found: Sequence[Family], org: str) -> Iterator[DesiredRecord]:
    by_record: dict[str, list[tuple[PaymentFacts, Family]]] = {}
    for fact, family in zip(facts, found, strict=True):
        if fact.record_id is not None and fact.record_id[:3] in SOURCE_OBJECTS:
            by_record.setdefault(fact.record_id, []).append((fact, family))
    for record_id, group in by_record.items():
        # A request that came to nothing in Stripe tells its error, but does not hide the payment before it.
        shown = next((fact for fact, family in reversed(group) if family.intents or family.sessions), group[-1][0])
        newest, family = group[-1]
        yield DesiredRecord(
            org=org,
            sobject=SOURCE_OBJECTS[record_id[:3]],
            key_field="Id",
            key=record_id,
            fields=_summary(shown, newest, [fact for fact, _ in group]),
            lane=record_id,
            rank=_SOURCE_RANK,
            traceparent=family.root.traceparent,
        )


def _summary(shown: PaymentFacts, newest: PaymentFacts, every: Sequence[PaymentFacts]) -> Fields:
    """What the record shows: how its payment stands, what the newest request met, and sums over its currency."""
    same = [fact for fact in every if fact.currency == shown.currency]
    paid = sum(fact.amount_received_minor - fact.amount_refunded_minor for fact in same)
    settled = [fact for fact in same if fact.fee_minor is not None and fact.net_minor is not None]
    # Sums over several settlement currencies would be a number without meaning: then they stay empty.
    one_currency = {fact.settlement_currency for fact in settled}
    settlement = one_currency.pop() if len(one_currency) == 1 else None
    fee = sum(fact.fee_minor or 0 for fact in settled)
    net = sum(fact.net_minor or 0 for fact in settled)
    return {
        "Payment_Status__c": shown.status.value,
        "Amount_Paid__c": _money(paid, shown.currency),
        "Payment_Currency__c": shown.currency,
        "Payment_Fee__c": _money(fee, settlement),
        "Payment_Net__c": _money(net, settlement),
        "Payment_Settlement_Currency__c": settlement,
        "Paid_At__c": _when(shown.paid_at),
        "Stripe_Payment_Intent_Id__c": shown.payment_intent_id,
        "Payment_Link_Url__c": shown.checkout_url,
        "Payment_Error__c": _cut(newest.conflict or newest.failure_message or newest.message, 255),
        "Payment_Request_Id__c": newest.command_id,
    }


def _is_customer(row: MirrorRow) -> bool:
    return row.object_type == "customer" and row.body is not None and (row.record_id or "").startswith("001")


def _account(row: MirrorRow, org: str) -> DesiredRecord:
    return DesiredRecord(
        org=org,
        sobject="Account",
        key_field="Id",
        key=str(row.record_id),
        fields={"Stripe_Customer_Id__c": None if row.deleted else row.object_id},
        lane=str(row.record_id),
        rank=_SOURCE_RANK,
        traceparent=row.traceparent,
    )
