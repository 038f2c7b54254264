"""Customers: the Account a customer was made for carries its id."""

from collections.abc import Iterator

from service.domain import DesiredRecord
from service.projection._families import Family
from service.projection._values import Lane

_ACCOUNT_PREFIX = "001"
_RANK = 0


def customer_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the Account of a customer that names one."""
    row = family.root
    if row.record_id is None or not row.record_id.startswith(_ACCOUNT_PREFIX):
        return
    yield DesiredRecord(
        org=lane.org,
        sobject="Account",
        key_field="Id",
        key=row.record_id,
        fields={"Stripe_Customer_Id__c": None if row.deleted else row.object_id},
        lane=row.record_id,
        rank=_RANK,
        traceparent=row.traceparent,
    )
