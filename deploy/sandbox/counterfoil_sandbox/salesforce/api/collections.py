"""Up to 200 records in one call, each with its own result in the order of the request.

After "sObject Collections" of the REST API Developer Guide: the answer is 200 even if every record failed; with
``allOrNone`` one failure undoes all.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.api.sobjects import find_key, find_object, publish, select
from counterfoil_sandbox.salesforce.errors import ApiError, RecordError
from counterfoil_sandbox.salesforce.ids import to_18
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.store import fold
from counterfoil_sandbox.salesforce.values import accept

MAX_RECORDS = 200
Result = dict[str, Any]
Work = Callable[[], Result]


class _RolledBackError(Exception):
    """Some record of an allOrNone call failed."""


def create(org: Org, call: Call) -> Answer:
    """``POST /composite/sobjects``; platform events may be among the records."""

    def work(record: dict[str, Any]) -> Result:
        sobject = _typed(org, record)
        if sobject.is_event:
            return publish(org, call.context, sobject, record)
        return _ok(org.dml.insert(call.context, sobject, record))

    return _run(org, call, [partial(work, record) for record in _records(call)])


def update(org: Org, call: Call) -> Answer:
    """``PATCH /composite/sobjects``: each record carries its id."""

    def work(record: dict[str, Any]) -> Result:
        sobject = _typed(org, record)
        given = {name: value for name, value in record.items() if name.lower() != "id"}
        record_id = next((value for name, value in record.items() if name.lower() == "id"), None)
        if record_id is None:
            raise RecordError("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
        full = written_id(record_id)
        org.dml.update(call.context, sobject, full, given)
        return _ok(full)

    return _run(org, call, [partial(work, record) for record in _records(call)])


def upsert(org: Org, call: Call) -> Answer:
    """``PATCH /composite/sobjects/X/{field}``: one type; a key given twice fails every record that has it."""
    sobject = find_object(org, call.segments[2])
    key = find_key(sobject, call.segments[3])
    records = _records(call)
    counts = Counter(_folded_key(key, record) for record in records)

    def work(record: dict[str, Any]) -> Result:
        if _typed(org, record).name != sobject.name:
            raise RecordError("INVALID_INPUT", f"record type does not match the resource's type {sobject.name}")
        if counts[_folded_key(key, record)] > 1 and _key_of(key, record) is not None:
            raise RecordError("DUPLICATE_VALUE", f"Duplicate external id specified: {_key_of(key, record)}", [key.name])
        return upsert_record(org, call, sobject, key, record)

    return _run(org, call, [partial(work, record) for record in records])


def delete(org: Org, call: Call) -> Answer:
    """``DELETE /composite/sobjects?ids=a,b&allOrNone=false``."""
    ids = [text.strip() for text in call.query.get("ids", "").split(",") if text.strip()]
    _check_count(ids)

    def work(text: str) -> Result:
        full = written_id(text)
        sobject = next((item for item in org.schema.objects.values() if full.startswith(item.key_prefix)), None)
        if sobject is None or sobject.is_event:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        org.dml.delete(call.context, sobject, full)
        return _ok(full)

    all_or_none = call.query.get("allOrNone", "").lower() == "true"
    return _execute(org, [partial(work, text) for text in ids], all_or_none=all_or_none)


def retrieve(org: Org, call: Call) -> Answer:
    """``GET`` or ``POST /composite/sobjects/X``: records by id, null for those that are not there."""
    sobject = find_object(org, call.segments[2])
    if call.method == "POST":
        body = call.record()
        ids, fields = list(body.get("ids", [])), ",".join(body.get("fields", []))
    else:
        ids, fields = call.query.get("ids", "").split(","), call.query.get("fields", "")
    if not fields:
        raise ApiError("MISSING_ARGUMENT", "fields must be specified")
    rows = [org.store.table(sobject.name).rows.get(to_18(str(text).strip()) or "") for text in ids]
    return Answer(
        200,
        [None if row is None or row.get("IsDeleted") else select(sobject, row, call.base, fields) for row in rows],
    )


def upsert_record(org: Org, call: Call, sobject: SObject, key: Field, record: dict[str, Any]) -> Result:
    """Create or update one record by a key.

    Raises:
        ApiError: the record is not acceptable; nothing was written.
    """
    value = _key_of(key, record)
    rest = {name: item for name, item in record.items() if name.lower() != key.name.lower()}
    if key.name == "Id":
        if value is None:
            return _ok(org.dml.insert(call.context, sobject, rest)) | {"created": True}
        org.dml.update(call.context, sobject, written_id(value), rest)
        return _ok(written_id(value)) | {"created": False}
    if value is None:
        raise RecordError("MISSING_ARGUMENT", f"{key.name} not specified", [])
    found = org.dml.find(sobject, key, value)
    if len(found) > 1:
        ids = ", ".join(row["Id"] for row in found)
        raise RecordError(
            "DUPLICATE_EXTERNAL_ID", f"{key.name}: more than one record found for external id field: [{ids}]", []
        )
    if not found:
        return _ok(org.dml.insert(call.context, sobject, record)) | {"created": True}
    org.dml.update(call.context, sobject, found[0]["Id"], rest)
    return _ok(found[0]["Id"]) | {"created": False}


def _run(org: Org, call: Call, work: Sequence[Work]) -> Answer:
    return _execute(org, work, all_or_none=bool(call.record().get("allOrNone", False)))


def _execute(org: Org, work: Sequence[Work], *, all_or_none: bool) -> Answer:
    results: list[Result] = []
    try:
        with org.store.transaction():
            results += [_attempt(item) for item in work]
            if all_or_none:
                _require_success(results)
    except _RolledBackError:
        results = [_rolled_back(result) if result["success"] else result for result in results]
    return Answer(200, results)


def _require_success(results: list[Result]) -> None:
    if not all(result["success"] for result in results):
        raise _RolledBackError


def _attempt(work: Work) -> Result:
    try:
        return work()
    except ApiError as error:
        if error.code == "JSON_PARSER_ERROR":  # the body cannot be read, so nothing of the call is done
            raise
        return {"success": False, "errors": [error.row()]}


def _rolled_back(result: Result) -> Result:
    error = RecordError(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    return {"id": result["id"], "success": False, "errors": [error.row()]}


def _ok(record_id: str) -> Result:
    return {"id": record_id, "success": True, "errors": []}


def _records(call: Call) -> list[dict[str, Any]]:
    records = call.record().get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError("JSON_PARSER_ERROR", "records must be an array of objects")
    _check_count(records)
    return records


def _check_count(items: Sequence[object]) -> None:
    if not items:
        raise ApiError("REQUIRED_FIELD_MISSING", "at least one record is required", ["records"])
    if len(items) > MAX_RECORDS:
        raise ApiError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_RECORDS} records into this call"
        )


def _typed(org: Org, record: dict[str, Any]) -> SObject:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    sobject = org.schema.find(str(name)) if name else None
    if sobject is None:
        raise RecordError("INVALID_TYPE", f"sObject type '{name}' is not supported.", ["attributes"])
    if not sobject.writeable:
        raise RecordError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be written: {sobject.name}")
    return sobject


def _key_of(key: Field, record: dict[str, Any]) -> object:
    return next((value for name, value in record.items() if name.lower() == key.name.lower()), None)


def _folded_key(key: Field, record: dict[str, Any]) -> object:
    try:
        return fold(key, accept(key, _key_of(key, record)))
    except ApiError:
        return None


def written_id(text: object) -> str:
    """Return the whole id that a record or a parameter names.

    Raises:
        RecordError: MALFORMED_ID.
    """
    full = to_18(text) if isinstance(text, str) else None
    if full is None:
        raise RecordError("MALFORMED_ID", f"malformed id {text}", ["Id"])
    return full
