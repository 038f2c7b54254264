"""Making our records an org's own, and telling one state of its mapping from another."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from service.config import Computed, ObjectMapping
from service.domain import DesiredRecord, Reference, Value
from service.mapping._evaluate import evaluate
from service.mapping._names import THEIRS, Names, field_name, is_enabled, object_name

Bodies = Mapping[str, Mapping[str, Any] | None]
_VERSION_DIGITS = 16


def mapping_version(names: Names, *others: Mapping[str, Any]) -> str:
    """Return what tells this mapping from any other: of the same content it is the same; "" for none at all.

    `others` are further settings that decide what is written.
    """
    stated = {name: one.model_dump(exclude_defaults=True) for name, one in names.items()}
    content = [{name: one for name, one in stated.items() if one}, *others]
    if not any(content):
        return ""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_VERSION_DIGITS]


def apply(names: Names, records: Iterable[DesiredRecord], bodies: Bodies, *, version: str) -> list[DesiredRecord]:
    """Return records as the org wants them: worked out fields in, lookups to what it does not keep out.

    Args:
        names: the org's mapping.
        records: as our rules make them.
        bodies: Stripe's objects by id.
        version: of the mapping; noted in each record.

    Raises:
        ExpressionFailed: of a record that an expression does not fit.
    """
    return [_apply(names, record, bodies, version) for record in records]


def _apply(names: Names, record: DesiredRecord, bodies: Bodies, version: str) -> DesiredRecord:
    mapping = names.get(record.sobject)
    fields = {field: value for field, value in record.fields.items() if _is_kept(names, value)}
    if mapping is not None and mapping.enabled:
        worked_out = _worked_out(mapping, record, bodies.get(record.key))
        replaced = {field for field, target in mapping.fields.items() if isinstance(target, Computed)}
        fields = {field: value for field, value in fields.items() if field not in replaced} | worked_out
    parent = record.parent if record.parent and is_enabled(names, record.parent.sobject) else None
    return replace(
        record,
        fields=fields,
        parent=parent,
        enabled=is_enabled(names, record.sobject),
        written_as=_written_as(names, record.sobject, record.key_field, fields),
        mapping=version,
    )


def _is_kept(names: Names, value: Value | Reference) -> bool:
    return not isinstance(value, Reference) or is_enabled(names, value.sobject)


def _worked_out(
    mapping: ObjectMapping, record: DesiredRecord, body: Mapping[str, Any] | None
) -> dict[str, Value | Reference]:
    ours = record.fields if record.key_field == "Id" else record.fields | {record.key_field: record.key}
    wanted = {one.to: one.value for name, one in mapping.fields.items() if isinstance(one, Computed) and name in ours}
    wanted |= mapping.extra
    return {
        f"{THEIRS}{target}": evaluate(f"{record.sobject}.{target}", source, ours=ours, stripe=body)
        for target, source in wanted.items()
    }


def _written_as(names: Names, sobject: str, key_field: str, fields: Mapping[str, Value | Reference]) -> str:
    """Return how this record's writing differs from ours, so that a changed name is changed content; "" if not."""
    own = {field: field_name(names, sobject, field) for field in (*fields, key_field) if not field.startswith(THEIRS)}
    foreign = {
        f"{value.sobject}.{value.key_field}": field_name(names, value.sobject, value.key_field)
        for value in fields.values()
        if isinstance(value, Reference)
    }
    differing: dict[str, str | bool | None] = {ours: theirs for ours, theirs in own.items() if ours != theirs}
    differing |= {ours: theirs for ours, theirs in foreign.items() if ours.split(".")[1] != theirs}
    if object_name(names, sobject) != sobject:
        differing["object"] = object_name(names, sobject)
    if not is_enabled(names, sobject):
        differing["enabled"] = False
    return orjson.dumps(differing, option=orjson.OPT_SORT_KEYS).decode() if differing else ""
