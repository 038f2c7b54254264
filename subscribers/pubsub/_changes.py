"""Change events over the Pub/Sub API: bitmaps into names, and what did not change left out.

Salesforce writes which fields changed as bits of the schema that the event was written by, and gives every other field
of an update as null, which says nothing about it. Handed on is what CometD hands on too: names, and the fields that
are told. A field that was emptied is told as null. What is no bitmap is carried as it came.
Source: Pub/Sub API, "Event Deserialization Considerations"; Change Data Capture Developer Guide, "Change Event Header
Fields".
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

HEADER = "ChangeEventHeader"
_LISTS = ("changedFields", "nulledFields", "diffFields")
_BITMAP = re.compile(r"(?:(\d{1,5})-)?0x([0-9A-Fa-f]{1,4096})")
_Fields = Sequence[dict[str, Any]]
# Only these tell a part of a record; the others tell all of it, or nothing.
_PARTIAL = "UPDATE"


def names_of(bitmaps: Sequence[str], schema: dict[str, Any]) -> list[str]:
    """Return the fields that bitmaps stand for, a part of a compound field as "BillingAddress.City".

    A text that stands for none stays as it is: something is news, and it is not known what.
    """
    return [name for bitmap in bitmaps for name in _names(bitmap, schema["fields"])]


def _names(bitmap: str, fields: _Fields) -> Iterator[str]:
    found = _BITMAP.fullmatch(bitmap)
    parent = None if found is None or found[1] is None else int(found[1])
    if found is None or (parent is not None and parent >= len(fields)):
        yield bitmap
        return
    among, prefix = (fields, "") if parent is None else (_children(fields, parent), f"{fields[parent]['name']}.")
    bits = int(found[2], 16)
    names = [f"{prefix}{field['name']}" for number, field in enumerate(among) if bits >> number & 1]
    yield from names or [bitmap]


def _children(fields: _Fields, place: int) -> _Fields:
    """Return the fields of a compound field. A record is written out where it is used first, and named after that."""
    records: dict[str, _Fields] = {
        kind["name"]: kind["fields"] for field in fields for kind in _kinds(field) if isinstance(kind, dict)
    }
    for kind in _kinds(fields[place]):
        name = kind.get("name") if isinstance(kind, dict) else kind
        if name in records:
            return records[name]
    return ()


def _kinds(field: dict[str, Any]) -> list[Any]:
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return [kind for kind in kinds if not isinstance(kind, dict) or "fields" in kind]


def told(payload: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a payload as it is handed on; one that is no change event is returned as it is."""
    header = payload.get(HEADER)
    if not isinstance(header, dict):
        return payload
    lists = {name: names_of(header[name], schema) for name in _LISTS if isinstance(header.get(name), list)}
    header = {**header, **lists}
    if header.get("changeType") != _PARTIAL:
        return {**payload, HEADER: header}
    news = {name.partition(".")[0] for name in (*lists.get("changedFields", ()), *lists.get("nulledFields", ()))}
    parts = {name for one in lists.values() for name in one if "." in name}
    rest = {name: _part(name, value, parts) for name, value in payload.items() if value is not None or name in news}
    return {**rest, HEADER: header}


def _part(name: str, value: Any, parts: set[str]) -> Any:
    """Return the told part of a compound field; the whole of any other."""
    if not isinstance(value, dict) or name == HEADER:
        return value
    return {inner: one for inner, one in value.items() if one is not None or f"{name}.{inner}" in parts}
