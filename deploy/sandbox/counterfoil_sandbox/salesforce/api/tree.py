"""Records created with their children in one call, all or none.

After "sObject Tree" of the REST API Developer Guide: up to 200 records in all, up to five levels deep. A failure is
told for the records that failed, and nothing is created.
"""

from collections.abc import Iterator
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.api.sobjects import find_object
from counterfoil_sandbox.salesforce.errors import ApiError, RecordError
from counterfoil_sandbox.salesforce.model import SObject
from counterfoil_sandbox.salesforce.org import Org

MAX_RECORDS, MAX_DEPTH = 200, 5
_CREATED, _REFUSED = 201, 400
Json = dict[str, Any]


class _UndoneError(Exception):
    """Some record of the tree failed."""


def create(org: Org, call: Call) -> Answer:
    """``POST /composite/tree/X``."""
    sobject = find_object(org, call.segments[2])
    roots = _records(call.record())
    names = [_reference(record) for record, _ in _walk(roots, 1)]
    if len(names) > MAX_RECORDS:
        raise ApiError("INVALID_INPUT", f"the limit of {MAX_RECORDS} records in a request is exceeded")
    if len(set(names)) != len(names):
        raise ApiError("INVALID_INPUT", "Duplicate ReferenceId provided in the request.")
    made: list[Json] = []
    failed: list[Json] = []
    try:
        with org.store.transaction():
            for record in roots:
                _create(org, call, sobject, record, {}, made, failed)
            _require_none(failed)
    except _UndoneError:
        return Answer(_REFUSED, {"hasErrors": True, "results": failed})
    return Answer(_CREATED, {"hasErrors": False, "results": made})


def _require_none(failed: list[Json]) -> None:
    if failed:
        raise _UndoneError


def _create(  # noqa: PLR0917  (one caller besides itself)
    org: Org, call: Call, sobject: SObject, record: Json, parent: Json, made: list[Json], failed: list[Json]
) -> None:
    reference = _reference(record)
    own = {name: value for name, value in record.items() if not _is_branch(value)}
    branches = {name: value for name, value in record.items() if _is_branch(value)}
    try:
        if str(record["attributes"].get("type", "")).lower() != sobject.name.lower():
            raise RecordError("INVALID_INPUT", f"the record is not of the type {sobject.name}")
        record_id = org.dml.insert(call.context, sobject, own | parent)
        pairs = org.store.schema.children_of(sobject.name)
        for name, branch in branches.items():
            pair = next((p for p in pairs if (p[1].children or "").lower() == name.lower()), None)
            if pair is None:
                raise RecordError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
            for child in _records(branch):
                _create(org, call, pair[0], child, {pair[1].name: record_id}, made, failed)
    except ApiError as error:
        failed.append({"referenceId": reference, "errors": [error.row()]})
    else:
        made.append({"referenceId": reference, "id": record_id})


def _walk(records: list[Json], depth: int) -> Iterator[tuple[Json, int]]:
    if depth > MAX_DEPTH:
        raise ApiError("INVALID_INPUT", f"a tree may be at most {MAX_DEPTH} levels deep")
    for record in records:
        yield record, depth
        for value in record.values():
            if _is_branch(value):
                yield from _walk(_records(value), depth + 1)


def _is_branch(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("records"), list)


def _records(body: Json) -> list[Json]:
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError("JSON_PARSER_ERROR", "records must be an array of objects")
    return records


def _reference(record: Json) -> str:
    attributes = record.get("attributes")
    reference = attributes.get("referenceId") if isinstance(attributes, dict) else None
    if not isinstance(reference, str) or not reference:
        raise ApiError("INVALID_INPUT", "Include a reference ID for each record in the request.")
    return reference
