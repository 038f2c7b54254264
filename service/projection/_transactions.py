"""Balance transactions: what moved on Stripe's balance, with its fee, linked to what moved it."""

from collections.abc import Iterator

from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._payments import charge_of, holds_charges, payment_of
from service.projection._values import Fields, Lane, currency_of, cut, money, rate, reference, unix

_RANK = 3
# The lookup to each kind of source a balance transaction can have.
_SOURCE_FIELD = {
    "charge": ("Charge__c", "Charge__c"),
    "refund": ("Refund__c", "Refund__c"),
    "dispute": ("Dispute__c", "Dispute__c"),
}


def transaction_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield a record for each balance transaction of the family; one of Stripe's own, such as a fee, has no source."""
    for row in family.all("balance_transaction"):
        payment, source = payment_of(family), _source(family, row)
        payout = reference("Payout__c", row.payout_id) if row.payout_id else None
        links: Fields = {name: None for name, _ in _SOURCE_FIELD.values()}
        links |= {"Payment__c": None, "Payout__c": payout}
        parent, trace = None, family.root.traceparent
        if source is not None and holds_charges(family):  # else Salesforce does not have the source either
            kind, above = source
            field, sobject = _SOURCE_FIELD[kind]
            parent = reference(sobject, above.object_id)
            trace = above.traceparent or trace
            # A refund's or dispute's movement belongs to its charge as well.
            links |= {"Payment__c": payment, "Charge__c": charge_of(family, above), field: parent}
        fields = _transaction(row) | links
        yield lane.record("Balance_Transaction__c", row.object_id, fields, _RANK, parent, trace)


def _source(family: Family, row: MirrorRow) -> tuple[str, MirrorRow] | None:
    for kind in _SOURCE_FIELD:
        found = family.find(kind, row.parent_id)
        if found is not None:
            return kind, found
    return None


def _transaction(row: MirrorRow) -> Fields:
    body = row.body or {}
    currency = currency_of(body)
    return {
        "Entity__c": row.entity,
        "Type__c": cut(body.get("type"), 80),
        "Reporting_Category__c": cut(body.get("reporting_category"), 80),
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount__c": money(body.get("amount"), currency),
        "Fee__c": money(body.get("fee"), currency),
        "Net__c": money(body.get("net"), currency),
        "Currency_Code__c": currency,
        "Exchange_Rate__c": rate(body.get("exchange_rate")),
        "Available_On__c": unix(body.get("available_on")),
        "Created_At__c": unix(body.get("created")),
    }
