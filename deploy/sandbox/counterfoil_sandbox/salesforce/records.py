"""Reading a record a client sent: names to fields, values checked one by one, parents found by external id.

It changes nothing in the store; what the record means as a whole is for ``dml`` and ``rules``.
"""

from collections.abc import Mapping
from typing import Any

from counterfoil_sandbox.salesforce.errors import ApiError, RecordError
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.store import Row, Store
from counterfoil_sandbox.salesforce.values import accept


def read_record(store: Store, sobject: SObject, body: Mapping[str, Any], *, creating: bool) -> Row:
    """Return the values of a record by exact field name.

    Raises:
        ApiError: an unknown field, or JSON of the wrong type.
        RecordError: a field that cannot be written, or a bad value.
    """
    values: Row = {}
    refused: list[str] = []
    for key, raw in body.items():
        if key == "attributes":
            continue
        field = sobject.find(key)
        if field is None:
            field, raw = _by_parent(store, sobject, key, raw)  # noqa: PLW2901  # the parent stands for its id
        if field.name == "Id" or not (field.createable if creating else field.updateable):
            refused.append(field.name)
            continue
        value = accept(field, raw)
        _check_reference(store, field, value)
        values[field.name] = value
    if refused:
        raise RecordError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set.",
            refused,
        )
    return values


def check_required(sobject: SObject, row: Row) -> None:
    """Refuse a record that lacks a required value.

    Raises:
        RecordError: naming every missing field.
    """
    missing = [item.name for item in sobject.fields.values() if item.required and row.get(item.name) is None]
    if missing:
        raise RecordError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)


def no_such_column(name: str, sobject: SObject) -> ApiError:
    """Return the error for a field the object does not have (or the user may not see)."""
    return ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


def _by_parent(store: Store, sobject: SObject, key: str, raw: object) -> tuple[Field, object]:
    """Resolve ``"Opportunity__r": {"Ext__c": "x"}`` to the reference field and the parent's id."""
    field = sobject.by_relationship(key)
    if field is None:
        raise no_such_column(key, sobject)
    if raw is None:
        return field, None
    if not isinstance(raw, dict):
        raise ApiError("JSON_PARSER_ERROR", f"Can't parse {key}: an object with an external id is expected")
    given = {name: value for name, value in raw.items() if name != "attributes"}
    if len(given) != 1:
        raise RecordError("INVALID_FIELD", f"{key}: exactly one external id is expected", [field.name])
    ((name, value),) = given.items()
    for target in field.reference_to:
        parent = store.schema.find(target)
        key_field = parent.find(name) if parent else None
        if parent is None or key_field is None or not (key_field.external_id or key_field.id_lookup):
            continue
        found = store.table(parent.name).live_with(key_field, accept(key_field, value))
        if len(found) == 1:
            return field, found[0]["Id"]
        raise RecordError(
            "INVALID_FIELD",
            f"Foreign key external ID: {value} not found for field {key_field.name} in entity {parent.name}",
        )
    raise RecordError("INVALID_FIELD", f"{name} is not an external id of {' or '.join(field.reference_to)}")


def _check_reference(store: Store, field: Field, value: object) -> None:
    if field.type != "reference" or not isinstance(value, str):
        return
    for target in field.reference_to:
        parent = store.schema.find(target)
        if parent is None or not value.startswith(parent.key_prefix):
            continue
        row = store.table(parent.name).rows.get(value)
        if row is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
        if row.get("IsDeleted"):
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [field.name])
        return
    raise RecordError("FIELD_INTEGRITY_EXCEPTION", f"{field.label}: id value of incorrect type: {value}", [field.name])
