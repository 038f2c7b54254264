"""A desired record in the words of one org: its own object and field names, lookups by external id."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from service.config import ObjectMapping
from service.domain import Reference
from service.outbox import Claimed

Names = Mapping[str, ObjectMapping]


def object_name(names: Names, sobject: str) -> str:
    """Return what the org calls one of our objects."""
    mapping = names.get(sobject)
    return (mapping.object if mapping else None) or sobject


def field_name(names: Names, sobject: str, field: str) -> str | None:
    """Return what the org calls one of our fields; None when it leaves the field out."""
    mapping = names.get(sobject)
    return mapping.fields.get(field, field) if mapping else field


def render(names: Names, record: Claimed) -> dict[str, Any]:
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
