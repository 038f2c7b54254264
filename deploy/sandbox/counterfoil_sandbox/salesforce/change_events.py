"""Change events as they travel: the Avro schema of an object's changes, and one change as a payload with its bitmaps.

After the Change Data Capture Developer Guide ("Change Event Header Fields") and the Pub/Sub API's guide ("Event
Deserialization Considerations"): the header is field 0, an update gives unchanged fields as null and names the
others as bits of the schema, a compound field's parts as bits of their own.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.store import Row

HEADER = "ChangeEventHeader"
TYPES = ("CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE")
OVERFLOW = "GAP_OVERFLOW"
_LISTS = ("nulledFields", "diffFields", "changedFields")
_PARTS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
_AVRO = {"boolean": "boolean", "double": "double", "currency": "double", "percent": "double", "int": "int"}
_AVRO |= {"date": "long", "datetime": "long"}
_DOC = {"boolean": "Boolean", "double": "Double", "currency": "Currency", "percent": "Percent", "int": "Integer"}
_DOC |= {"date": "DateOnly", "datetime": "DateTime", "textarea": "StringPlusClob", "picklist": "DynamicEnum"}
# Neither captured nor part of an event; formula fields are left out besides.
_LEFT_OUT = {"Id", "IsDeleted", "SystemModstamp", "LastViewedDate", "LastReferencedDate", "LastActivityDate"}


def topic_of(name: str) -> str:
    """Return the topic of an object's changes; of a custom object with two underscores."""
    return f"/data/{name.removesuffix('__c')}{'__' if name.endswith('__c') else ''}ChangeEvent"


def fields_of(sobject: SObject) -> list[Field]:
    """Return what an event of an object carries, in order; the parts of an address are in the address."""
    addresses = [item.name.removesuffix("Address") for item in sobject.fields.values() if item.type == "address"]
    inside = {f"{prefix}{part}" for prefix in addresses for part in _PARTS}
    return [
        item
        for item in sobject.fields.values()
        if item.name not in _LEFT_OUT | inside and not item.calculated and item.type != "id"
    ]


def schema_of(sobject: SObject) -> dict[str, Any]:
    """Return the Avro schema of an object's change events; a record is written out once and then named."""
    address: Any = _address()
    fields: list[dict[str, Any]] = [{"name": HEADER, "type": _header()}]
    for item in fields_of(sobject):
        kind: Any = _AVRO.get(item.type, "string")
        if item.type == "address":
            kind, address = address, "Address"
        reference = "ForeignKey:EntityId" if item.type == "reference" else None
        doc = reference or f"Data:{'Address' if item.type == 'address' else _DOC.get(item.type, 'Text')}"
        fields.append({"name": item.name, "type": ["null", kind], "doc": doc, "default": None})
    name = topic_of(sobject.name).rsplit("/", 1)[-1]
    return {"name": name, "namespace": "com.sforce.eventbus", "type": "record", "fields": fields}


def _header() -> dict[str, Any]:
    strings = {"type": "array", "items": "string"}
    kinds: list[tuple[str, Any]] = [
        ("entityName", "string"),
        ("recordIds", strings),
        ("changeType", {"type": "enum", "name": "ChangeType", "symbols": [*TYPES, OVERFLOW, "SNAPSHOT"]}),
        ("changeOrigin", "string"),
        ("transactionKey", "string"),
        ("sequenceNumber", "int"),
        ("commitTimestamp", "long"),
        ("commitNumber", "long"),
        ("commitUser", "string"),
        *((name, strings) for name in _LISTS),
    ]
    return {"type": "record", "name": HEADER, "fields": [{"name": name, "type": kind} for name, kind in kinds]}


def _address() -> dict[str, Any]:
    kinds = {"Latitude": "double", "Longitude": "double"}
    parts = [{"name": part, "type": ["null", kinds.get(part, "string")], "default": None} for part in _PARTS]
    return {"type": "record", "name": "Address", "fields": parts}


def changed_names(sobject: SObject, old: Row, new: Row) -> list[str]:
    """Return what differs, parts of an address as "BillingAddress.City"."""
    found: list[str] = []
    for item in fields_of(sobject):
        if item.type != "address":
            found += [item.name] if old.get(item.name) != new.get(item.name) else []
            continue
        prefix = item.name.removesuffix("Address")
        found += [f"{item.name}.{part}" for part in _PARTS if old.get(prefix + part) != new.get(prefix + part)]
    return found


def bitmaps(sobject: SObject, names: Iterable[str]) -> list[str]:
    """Return field names as the bits of the event's schema."""
    places = {item.name: number for number, item in enumerate(fields_of(sobject), start=1)}
    bits: dict[int | None, int] = {}
    for name in names:
        parent, _, part = name.partition(".")
        key, bit = (places[parent], _PARTS.index(part)) if part else (None, places[parent])
        bits[key] = bits.get(key, 0) | 1 << bit
    return [f"0x{value:02X}" if key is None else f"{key}-0x{value:02X}" for key, value in bits.items()]


def values(sobject: SObject, row: Row, only: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the fields of a row as an event tells them; of some only, the others are left null."""
    told = None if only is None else {name.partition(".")[0] for name in only}
    parts = None if only is None else set(only)
    found: dict[str, Any] = {}
    for item in fields_of(sobject):
        if told is not None and item.name not in told:
            continue
        found[item.name] = _address_value(item, row, parts) if item.type == "address" else wire(row.get(item.name))
    return found


def _address_value(item: Field, row: Row, only: set[str] | None) -> dict[str, Any] | None:
    prefix = item.name.removesuffix("Address")
    address = {part: wire(row.get(prefix + part)) for part in _PARTS if only is None or f"{item.name}.{part}" in only}
    told = only is not None or any(value is not None for value in address.values())
    return {**dict.fromkeys(_PARTS), **address} if told else None


def nulled(changed: Iterable[str], told: Mapping[str, Any]) -> list[str]:
    """Return which of the changed fields were emptied."""
    found: list[str] = []
    for name in changed:
        parent, _, part = name.partition(".")
        value = told.get(parent)
        if (value or {}).get(part) is None if part else value is None:
            found.append(name)
    return found


def wire(value: object) -> object:
    """Return a value as Avro has it: numbers as doubles, times as milliseconds since 1970 in UTC."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return value
