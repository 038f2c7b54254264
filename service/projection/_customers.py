"""Customers: the Account or Contact a customer was made for carries its id, and what kept its customer from being kept.

A request about an Account or Contact is no payment: what came of it stands on that record alone.
"""

from collections.abc import Iterator

from service.domain import DesiredRecord
from service.projection._families import OPERATION, Family
from service.projection._values import Lane, cut

_OWNERS = {"001": "Account", "003": "Contact"}
_RANK = 0


def customer_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the Account or Contact of a customer that names one."""
    row = family.root
    owner = _OWNERS.get((row.record_id or "")[:3])
    if row.record_id is None or owner is None:
        return
    yield DesiredRecord(
        org=lane.org,
        sobject=owner,
        key_field="Id",
        key=row.record_id,
        fields={lane.customer_field: None if row.deleted else row.object_id},
        lane=row.record_id,
        rank=_RANK,
        traceparent=row.traceparent,
    )


def owner_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the Account or Contact that a request was about; of several the last one speaks."""
    row = family.root
    owner = _OWNERS.get((row.record_id or "")[:3])
    if row.record_id is None or owner is None or row.object_type != OPERATION:
        return
    yield DesiredRecord(
        org=lane.org,
        sobject=owner,
        key_field="Id",
        key=row.record_id,
        fields={"Stripe_Customer_Error__c": cut((row.body or {}).get("message"), 255)},
        lane=row.record_id,
        rank=_RANK,
        traceparent=row.traceparent,
    )
