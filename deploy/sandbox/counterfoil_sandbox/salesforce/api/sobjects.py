"""Single records: describe, create, read, update, upsert, delete, and publishing an event.

Statuses and bodies follow "sObject Rows" and "sObject Rows by External ID" of the REST API Developer Guide.
"""

from typing import Any

from counterfoil_sandbox.salesforce.api import conditional
from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.describe import describe_object, summarise
from counterfoil_sandbox.salesforce.dml import WriteContext
from counterfoil_sandbox.salesforce.errors import ApiError, RecordError, not_found, not_imitated
from counterfoil_sandbox.salesforce.ids import to_18
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.org import Org
from counterfoil_sandbox.salesforce.records import check_required, no_such_column, read_record
from counterfoil_sandbox.salesforce.store import Row
from counterfoil_sandbox.salesforce.values import render

MAX_BATCH = 200
_UPSERT_TELLS = 46


def list_objects(org: Org, call: Call) -> Answer:
    """``GET /sobjects``: the global describe."""
    base = f"{call.base}/sobjects"
    shown = (sobject for name, sobject in sorted(org.schema.objects.items()) if name not in org.schema.hidden)
    entries = [summarise(sobject, base) for sobject in shown]
    answer = Answer(200, {"encoding": "UTF-8", "maxBatchSize": MAX_BATCH, "sobjects": entries})
    return conditional.read(call, answer, org.deployed_at)


def basic(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X``: the short description; recently viewed records are not kept."""
    sobject = find_object(org, call.segments[1])
    return Answer(200, {"objectDescribe": summarise(sobject, f"{call.base}/sobjects", full=True), "recentItems": []})


def describe(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X/describe``."""
    sobject = find_object(org, call.segments[1])
    answer = Answer(200, describe_object(org.schema, sobject, f"{call.base}/sobjects"))
    return conditional.read(call, answer, org.deployed_at)


def create(org: Org, call: Call) -> Answer:
    """``POST /sobjects/X``: a record, or a platform event, which is published at once."""
    sobject = find_object(org, call.segments[1])
    body = call.record()
    if sobject.is_event:
        return Answer(201, publish(org, call.context, sobject, body))
    _check_writeable(sobject)
    record_id = org.dml.insert(call.context, sobject, body)
    location = {"Location": f"{call.base}/sobjects/{sobject.name}/{record_id}"}
    return Answer(201, {"id": record_id, "success": True, "errors": []}, location)


def get(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X/{id}``, with ``fields`` or all."""
    sobject = find_object(org, call.segments[1])
    row = _existing(org, sobject, call.segments[2])
    return conditional.read(call, Answer(200, _render(sobject, row, call)), row["SystemModstamp"], sobject.name)


def update(org: Org, call: Call) -> Answer:
    """``PATCH /sobjects/X/{id}``: 204."""
    sobject = find_object(org, call.segments[1])
    _check_writeable(sobject)
    row = _existing(org, sobject, call.segments[2], writing=True)
    conditional.check_row(call, row)
    body = call.record()
    _refuse_key_in_body(body, "id")
    org.dml.update(call.context, sobject, row["Id"], body)
    return Answer(204)


def delete(org: Org, call: Call) -> Answer:
    """``DELETE /sobjects/X/{id}``: 204."""
    sobject = find_object(org, call.segments[1])
    _check_writeable(sobject)
    row = _existing(org, sobject, call.segments[2], writing=True)
    conditional.check_row(call, row)
    org.dml.delete(call.context, sobject, row["Id"])
    return Answer(204)


def get_by_key(org: Org, call: Call) -> Answer:
    """``GET /sobjects/X/{field}/{value}``."""
    sobject, key = _keyed(org, call)
    found = _one(org, call, sobject, key)
    return found if isinstance(found, Answer) else Answer(200, _render(sobject, found, call))


def delete_by_key(org: Org, call: Call) -> Answer:
    """``DELETE /sobjects/X/{field}/{value}``: 204."""
    sobject, key = _keyed(org, call)
    _check_writeable(sobject)
    found = _one(org, call, sobject, key)
    if isinstance(found, Answer):
        return found
    org.dml.delete(call.context, sobject, found["Id"])
    return Answer(204)


def upsert(org: Org, call: Call) -> Answer:
    """``PATCH /sobjects/X/{field}/{value}``: 201 created, 200 updated, 300 if several match (nothing is written)."""
    sobject, key = _keyed(org, call)
    _check_writeable(sobject)
    body = call.record()
    _refuse_key_in_body(body, "id", key.name.lower())
    if key.name == "Id":
        row = _existing(org, sobject, call.segments[3], writing=True)
        org.dml.update(call.context, sobject, row["Id"], body)
        return _updated(call, row["Id"])
    found = org.dml.find(sobject, key, call.segments[3])
    if len(found) > 1:
        return _several(call, sobject, found)
    if found:
        org.dml.update(call.context, sobject, found[0]["Id"], body)
        return _updated(call, found[0]["Id"])
    if call.query.get("updateOnly", "").lower() == "true":
        raise not_found()
    record_id = org.dml.insert(call.context, sobject, {**body, key.name: call.segments[3]})
    location = {"Location": f"{call.base}/sobjects/{sobject.name}/{record_id}"}
    return Answer(201, {"id": record_id, "success": True, "errors": [], "created": True}, location)


def _updated(call: Call, record_id: str) -> Answer:
    """Return the answer of an upsert that updated: without a body before API version 46.0."""
    if float(call.version.removeprefix("v")) < _UPSERT_TELLS:
        return Answer(204)
    return Answer(200, {"id": record_id, "success": True, "errors": [], "created": False})


def publish(org: Org, context: WriteContext, sobject: SObject, body: dict[str, Any]) -> dict[str, Any]:
    """Publish a platform event at once, as the API does whatever its publish behaviour; return the result entry.

    Raises:
        ApiError: the event is not acceptable.
    """
    values = read_record(org.store, sobject, body, creating=True)
    check_required(sobject, values)
    if context.refusal is not None:  # nobody locks an event
        context.check_lock(sobject, values, None)
    event_id, event_uuid = org.events.publish(context.user, sobject, values)
    entry = {"statusCode": "OPERATION_ENQUEUED", "message": event_uuid, "fields": []}
    return {"id": event_id, "success": True, "errors": [entry]}


def find_object(org: Org, name: str) -> SObject:
    """Return an object.

    Raises:
        ApiError: NOT_FOUND.
    """
    sobject = org.schema.find(name)
    if sobject is None:
        raise not_found()
    return sobject


def find_key(sobject: SObject, name: str) -> Field:
    """Return the field records are to be found by.

    Raises:
        ApiError: NOT_FOUND if it is no external id.
    """
    key = sobject.find(name)
    if key is None or not (key.external_id or key.name == "Id"):
        raise ApiError(
            "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}", status=404
        )
    return key


def select(sobject: SObject, row: Row, base: str, names: str | None) -> dict[str, Any]:
    """Return a record as JSON: the named fields, comma-separated, or all.

    Raises:
        ApiError: INVALID_FIELD.
    """
    record: dict[str, Any] = {
        "attributes": {"type": sobject.name, "url": f"{base}/sobjects/{sobject.name}/{row['Id']}"}
    }
    fields = list(sobject.fields.values())
    if names:
        fields = []
        for name in names.split(","):
            item = sobject.find(name.strip())
            if item is None:
                raise no_such_column(name.strip(), sobject)
            fields.append(item)
    if not any(item.name == "Id" for item in fields):
        fields.append(sobject.fields["Id"])
    record |= {item.name: render(item, row) for item in fields}
    return record


def _render(sobject: SObject, row: Row, call: Call) -> dict[str, Any]:
    return select(sobject, row, call.base, call.query.get("fields"))


def _refuse_key_in_body(body: dict[str, Any], *keys: str) -> None:
    for name in body:
        if name.lower() in keys:
            raise RecordError("INVALID_FIELD", f"The {name} field should not be specified in the sobject data.", [name])


def _check_writeable(sobject: SObject) -> None:
    if not sobject.writeable or sobject.is_event:
        raise ApiError(
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be written: {sobject.name}", status=400
        )


def _keyed(org: Org, call: Call) -> tuple[SObject, Field]:
    sobject = find_object(org, call.segments[1])
    full = to_18(call.segments[2])
    if full is not None and full.startswith(sobject.key_prefix):
        raise not_imitated("friendly relationship URLs")
    return sobject, find_key(sobject, call.segments[2])


def _existing(org: Org, sobject: SObject, text: str, *, writing: bool = False) -> Row:
    """Return the live row an id in a URL names; what is wrong with the id decides the error."""
    record_id = to_18(text)
    if record_id is None or sobject.is_event:
        if writing:
            raise ApiError("MALFORMED_ID", f"malformed id {text}")
        raise ApiError(
            "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {text}", status=404
        )
    row = org.store.table(sobject.name).rows.get(record_id)
    if row is not None and row.get("IsDeleted") and writing:
        raise RecordError("ENTITY_IS_DELETED", "entity is deleted", status=404)
    if row is None or row.get("IsDeleted"):
        raise not_found()
    return row


def _one(org: Org, call: Call, sobject: SObject, key: Field) -> Row | Answer:
    if key.name == "Id":
        return _existing(org, sobject, call.segments[3])
    found = org.dml.find(sobject, key, call.segments[3])
    if not found:
        raise not_found()
    return found[0] if len(found) == 1 else _several(call, sobject, found)


def _several(call: Call, sobject: SObject, found: list[Row]) -> Answer:
    return Answer(300, [f"{call.base}/sobjects/{sobject.name}/{row['Id']}" for row in found])
