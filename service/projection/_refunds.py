"""Refunds: Refund__c for each, whatever became of it."""

from collections.abc import Iterator

from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._payments import charge_of, holds_charges, payment_of
from service.projection._status import refund_status
from service.projection._values import Fields, Lane, currency_of, cut, money, unix

_RANK = 2


def refund_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield each refund of the payment, or of the charge that was made without one."""
    if not holds_charges(family):
        return
    payment = payment_of(family)
    for row in family.all("refund"):
        charge = charge_of(family, row)
        fields = _refund(row) | {"Payment__c": payment, "Charge__c": charge}
        trace = row.traceparent or family.root.traceparent
        yield lane.record("Refund__c", row.object_id, fields, _RANK, charge or payment, trace)


def _refund(row: MirrorRow) -> Fields:
    body = row.body or {}
    currency = currency_of(body)
    return {
        "Entity__c": row.entity,
        "Status__c": refund_status(body).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount__c": money(body.get("amount"), currency),
        "Currency_Code__c": currency,
        "Reason__c": cut(body.get("reason"), 60),
        "Failure_Reason__c": cut(body.get("failure_reason"), 100),
        "Created_At__c": unix(body.get("created")),
    }
