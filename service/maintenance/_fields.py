"""Whether a field of an org, as Salesforce describes it, can hold a value of ours. Pure.

Source: "sObject Describe" of the REST API Developer Guide and "Field Types" of the Object Reference.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.domain import SOURCE_OBJECTS, Reference, Value
from service.mapping import Names, object_name
from service.projection import PICKLISTS

Described = dict[str, Any]

_TEXTS = frozenset({"string", "textarea", "url", "picklist", "combobox", "encryptedstring"})
_NUMBERS = frozenset({"double", "currency"})
_PICKLISTS = [frozenset(word.value for word in words) for words in PICKLISTS]
_TARGETS = {"001": "Account", "003": "Contact", **SOURCE_OBJECTS}


def field_faults(field: Described, values: Sequence[Value | Reference], names: Names) -> Iterator[str]:
    """Yield what keeps `field` from holding these values, each fault once; `names` are the org's own."""
    words = {value for value in values if isinstance(value, str)}
    ours = next((offered for offered in _PICKLISTS if words and words <= offered), None)
    if field.get("type") == "picklist" and ours is not None:
        if missing := sorted(ours - _offered(field)):
            yield f"lacks the values {', '.join(missing)}"
        return
    found = (fault for value in values if value is not None for fault in _faults(field, value, names))
    yield from dict.fromkeys(found)


def access_faults(field: Described, *, created: bool) -> Iterator[str]:
    """Yield what we may not do with a field that is updated, and with `created` also set on new records."""
    if created and not field.get("createable"):
        yield "may not be set on new records"
    if not field.get("updateable"):
        yield "may not be updated"


def key_faults(field: Described) -> Iterator[str]:
    """Yield what keeps a field from being an external id that Stripe's ids fit in."""
    if not field.get("externalId"):
        yield "is not an external id"
    if not field.get("unique"):
        yield "is not unique"
    if not field.get("caseSensitive"):
        yield "is not case-sensitive, and Stripe's ids are"


def is_wanted(field: Described) -> bool:
    """Tell whether a new record needs a value for a field from somebody."""
    return bool(field.get("createable")) and not field.get("nillable") and not field.get("defaultedOnCreate")


def _faults(field: Described, value: Value | Reference, names: Names) -> Iterator[str]:
    kind = str(field.get("type"))
    match value:
        case Reference():
            yield from _lookup(field, object_name(names, value.sobject))
        case bool():
            if kind != "boolean":
                yield f"is of type {kind}: a checkbox is needed"
        case Decimal() | int():
            yield from _number(field, kind, Decimal(value))
        case str():
            yield from _text(field, kind, value, names)


def _lookup(field: Described, target: str) -> Iterator[str]:
    if target not in (field.get("referenceTo") or ()):
        yield f"is not a lookup to {target}"


def _number(field: Described, kind: str, value: Decimal) -> Iterator[str]:
    if kind not in _NUMBERS:
        yield f"is of type {kind}: a number is needed"
        return
    exponent = int(value.as_tuple().exponent)
    decimals, whole = max(0, -exponent), max(1, value.adjusted() + 1)
    scale, precision = int(field.get("scale") or 0), int(field.get("precision") or 0)
    if scale < decimals:
        yield f"has {scale} decimals: {decimals} are needed"
    if precision - scale < whole:
        yield f"has {precision - scale} digits before the point: {whole} are needed"


def _text(field: Described, kind: str, value: str, names: Names) -> Iterator[str]:
    if kind == "reference":
        target = _TARGETS.get(value[:3])
        yield from _lookup(field, object_name(names, target) if target else "the record")
    elif kind == "datetime":
        if not _is_moment(value):
            yield "is of type datetime: a text is needed"
    elif kind not in _TEXTS:
        needed = "a date and time" if _is_moment(value) else "a text"
        yield f"is of type {kind}: {needed} is needed"
    elif kind == "picklist":
        if field.get("restrictedPicklist") and value not in _offered(field):
            yield "is a restricted picklist, and Stripe's words are open: make it a text"
    elif int(field.get("length") or 0) < len(value):
        yield f"holds {field.get('length')} characters: {len(value)} may come"


def _offered(field: Described) -> set[str]:
    return {entry["value"] for entry in field.get("picklistValues") or () if entry.get("active")}


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
