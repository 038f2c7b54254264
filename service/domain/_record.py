"""A desired record: what Salesforce should hold for one external id, or for one record of the customer's."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

Value = str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A lookup to a record of ours by its external id; Salesforce resolves it when the record is written."""

    sobject: str
    key_field: str
    key: str


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, Reference):
        return {"$reference": [value.sobject, value.key_field, value.key]}
    raise TypeError(type(value).__name__)


def _decode(value: Any) -> Any:
    if isinstance(value, dict) and "$decimal" in value:
        return Decimal(value["$decimal"])
    if isinstance(value, dict) and "$reference" in value:
        return Reference(*value["$reference"])
    return value


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """What one Salesforce record should hold.

    Attributes:
        org: name of the Salesforce org.
        sobject: our object name, before the org's mapping.
        key_field: "Stripe_Id__c" to upsert by external id, or "Id" to update a record of the customer's.
        key: the external id or the 18-character record id.
        fields: field name to value; None empties the field.
        lane: what must stay in order with it, usually the Salesforce record everything belongs to.
        rank: parents before children: 0 first.
        parent: the key of the record of ours that must exist first.
        traceparent: the trace that asked for it.
        enabled: whether the org wants it; what it does not want is kept, and not sent.
        written_as: what the org names otherwise in it; other names are other content.
        mapping: the version of the mapping it was made by.
    """

    org: str
    sobject: str
    key_field: str
    key: str
    fields: dict[str, Value | Reference]
    lane: str
    rank: int
    parent: Reference | None = None
    traceparent: str | None = None
    enabled: bool = True
    written_as: str = ""
    mapping: str = ""

    def content(self) -> str:
        """Return the fields as JSON with sorted keys; decimals and references keep their kind."""
        options = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
        return orjson.dumps(self.fields, default=_encode, option=options).decode()

    def digest(self) -> str:
        """Return what tells changed content from unchanged."""
        return hashlib.sha256((self.content() + self.written_as).encode()).hexdigest()[:32]


def fields_from(content: str) -> dict[str, Value | Reference]:
    """Return the fields that `DesiredRecord.content` wrote."""
    return {name: _decode(value) for name, value in orjson.loads(content).items()}
