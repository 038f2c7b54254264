"""A desired record in the words of one org: its own object and field names, lookups by external id."""

from decimal import Decimal
from typing import Any

from service.domain import DesiredRecord, Reference
from service.mapping import Names, field_name
from service.outbox import Claimed


def render(names: Names, record: Claimed | DesiredRecord) -> dict[str, Any]:
    """Return the record as Salesforce takes it, with its key; Decimals stay exact for the client to write."""
    rendered: dict[str, Any] = {}
    for field, value in record.fields.items():
        name = field_name(names, record.sobject, field)
        if name is None:
            continue
        if isinstance(value, Reference):
            foreign = field_name(names, value.sobject, value.key_field) or value.key_field
            rendered[_relationship(name)] = {foreign: value.key}
        else:
            rendered[name] = _plain(value)
    key_field = record.key_field if record.key_field == "Id" else field_name(names, record.sobject, record.key_field)
    rendered["id" if key_field == "Id" else str(key_field)] = record.key
    return rendered


def _relationship(lookup: str) -> str:
    """Return the relationship behind a lookup field: `Payment__r` of `Payment__c`, `Account` of `AccountId`."""
    return f"{lookup[:-1]}r" if lookup.endswith("__c") else lookup.removesuffix("Id")


def _plain(value: Any) -> Any:
    # Whole numbers of a Decimal are written without an exponent: Salesforce refuses 5E+4.
    return value.quantize(Decimal(1)) if isinstance(value, Decimal) and value == value.to_integral_value() else value
