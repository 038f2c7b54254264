"""Disputes: Dispute__c for each, with its stage and what it did to the balance."""

from collections.abc import Iterator, Sequence

from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._money import movements_of
from service.projection._payments import charge_of, holds_charges, payment_of
from service.projection._status import dispute_stage
from service.projection._values import Fields, Lane, currency_of, cut, minor, money, unix

_RANK = 2


def dispute_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield each dispute of the payment, or of the charge that was made without one."""
    if not holds_charges(family):
        return
    payment = payment_of(family)
    for row in family.all("dispute"):
        charge = charge_of(family, row)
        fields = _dispute(row) | _balance(movements_of(family, row)) | {"Payment__c": payment, "Charge__c": charge}
        trace = row.traceparent or family.root.traceparent
        yield lane.record("Dispute__c", row.object_id, fields, _RANK, charge or payment, trace)


def _dispute(row: MirrorRow) -> Fields:
    body = row.body or {}
    currency = currency_of(body)
    details = body.get("evidence_details") or {}
    return {
        "Entity__c": row.entity,
        "Stage__c": dispute_stage(body).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount__c": money(body.get("amount"), currency),
        "Currency_Code__c": currency,
        "Reason__c": cut(body.get("reason"), 60),
        # 0 where the bank takes no answer (docs.stripe.com/api/disputes/object), which is no time.
        "Due_By__c": unix(details.get("due_by")),
        "Created_At__c": unix(body.get("created")),
    }


def _balance(movements: Sequence[MirrorRow]) -> Fields:
    """What moved: an inquiry moves nothing, and sums over several settlement currencies would mean nothing."""
    bodies = [row.body or {} for row in movements]
    currencies = {currency_of(body) for body in bodies}
    currency = currencies.pop() if len(currencies) == 1 else None
    return {
        "Fee__c": money(sum(minor(body.get("fee")) for body in bodies), currency),
        "Net_Impact__c": money(sum(minor(body.get("net")) for body in bodies), currency),
        "Settlement_Currency__c": currency,
        "Funds_Withdrawn__c": any(minor(body.get("amount")) < 0 for body in bodies),
        "Funds_Reinstated__c": any(minor(body.get("amount")) > 0 for body in bodies),
    }
