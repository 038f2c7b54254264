"""Custom objects, platform events, fields and global value sets of a package, turned into the org's schema.

Field types the platform has and the sandbox lacks (formulas, roll-up summaries, encrypted text) are refused.
"""

from pathlib import Path
from typing import Any

from counterfoil_sandbox.salesforce.deployment.errors import MetadataError
from counterfoil_sandbox.salesforce.deployment.xml import Node, read_xml
from counterfoil_sandbox.salesforce.model import Field, PicklistValue, Schema, SObject
from counterfoil_sandbox.salesforce.standard import currency_values, id_field, system_fields

ValueSets = dict[str, tuple[PicklistValue, ...]]

_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Url": "url",
    "Email": "email",
    "Phone": "phone",
    "Picklist": "picklist",
    "Number": "double",
    "Percent": "percent",
    "Currency": "currency",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Lookup": "reference",
    "MasterDetail": "reference",
}
_EVENT_TYPES = {"Text", "LongTextArea", "Number", "Checkbox", "Date", "DateTime"}
_LENGTHS = {"Url": 255, "Email": 80, "Phone": 40, "TextArea": 255, "Picklist": 255, "Lookup": 18, "MasterDetail": 18}
_DELETE = {"SetNull": "setnull", "Restrict": "restrict", "Cascade": "cascade"}
_FIELD_ELEMENTS = frozenset(
    {
        "fullName",
        "label",
        "type",
        "length",
        "precision",
        "scale",
        "required",
        "unique",
        "externalId",
        "caseSensitive",
        "description",
        "inlineHelpText",
        "defaultValue",
        "valueSet",
        "referenceTo",
        "relationshipName",
        "relationshipLabel",
        "relationshipOrder",
        "deleteConstraint",
        "reparentableMasterDetail",
        "writeRequiresMasterRead",
        "visibleLines",
        "trackHistory",
        "trackTrending",
        "trackFeedHistory",
        "displayLocationInDecimal",
        "securityClassification",
        "businessStatus",
        "complianceGroup",
    }
)


def read_value_set(file: Path) -> tuple[str, tuple[PicklistValue, ...]]:
    """Return a global value set's name and active values."""
    root = read_xml(file, "GlobalValueSet")
    return file.name.split(".")[0], _values(root)


def read_object(schema: Schema, file: Path, prefix: str) -> None:
    """Add a custom object or platform event to the schema; a standard object's file is accepted without effect."""
    root = read_xml(file, "CustomObject")
    name = file.name.split(".")[0]
    if schema.find(name) is not None and not name.endswith(("__c", "__e")):
        return
    if not name.endswith(("__c", "__e")):
        raise MetadataError(file, f"the sandbox's org has no standard object {name}")
    sobject = SObject(
        name, prefix, root.text("label"), root.text("pluralLabel"), custom=True, is_event=name.endswith("__e")
    )
    sobject.add([id_field("Record ID")] if not sobject.is_event else [])
    if sobject.is_event:
        if root.text("eventType") != "HighVolume":
            raise MetadataError(file, "only platform events of eventType HighVolume are imitated")
        sobject.publishes_at_once = root.text("publishBehavior", "PublishImmediately") == "PublishImmediately"
        sobject.add([Field("ReplayId", "string", "Replay ID", length=1000), *system_fields(viewed=False)[1:3]])
    else:
        sobject.add([*_object_fields(root), *system_fields(viewed=False)])
    schema.add(sobject)


def read_field(schema: Schema, sobject: SObject, file: Path, value_sets: ValueSets) -> None:
    """Add a field to its object.

    Raises:
        MetadataError: the type is not imitated, or the field refers to something the org lacks.
    """
    root = read_xml(file, "CustomField")
    kind = root.text("type")
    if kind not in _TYPES or (sobject.is_event and kind not in _EVENT_TYPES):
        raise MetadataError(file, f"the sandbox does not imitate fields of type {kind} on {sobject.name}")
    root.allow(_FIELD_ELEMENTS)
    name = root.text("fullName")
    if name != file.name.split(".")[0] or not name.endswith("__c"):
        raise MetadataError(file, f"fullName {name} must be the file's name and end in __c")
    required = root.flag("required") or kind == "MasterDetail"
    if kind == "MasterDetail":
        sobject.remove("OwnerId")  # the detail belongs to whoever owns its master
    sobject.add(
        [
            Field(
                name,
                _TYPES[kind],
                root.text("label"),
                createable=True,
                updateable=kind != "MasterDetail" or root.flag("reparentableMasterDetail"),
                nillable=not required and kind != "Checkbox",
                unique=root.flag("unique"),
                external_id=root.flag("externalId"),
                case_sensitive=root.flag("caseSensitive"),
                filterable=kind != "LongTextArea",
                sortable=kind != "LongTextArea",
                groupable=kind in {"Text", "Picklist", "Checkbox", "Lookup", "Url", "Email", "Phone", "Date"},
                custom=True,
                help_text=root.text("inlineHelpText", "") or None,
                **_sizes(root, kind),
                **_choices(root, kind, value_sets),
                **_reference(schema, root, kind),
            )
        ]
    )


def _object_fields(root: Node) -> list[Field]:
    name_field = root.child("nameField")
    if name_field is None:
        raise MetadataError(root.file, "<nameField> is missing")
    auto = name_field.text("displayFormat") if name_field.text("type") == "AutoNumber" else None
    label = name_field.text("label")
    return [
        Field("OwnerId", "reference", "Owner ID", length=18, createable=True, updateable=True, nillable=False,
              defaulted=True, reference_to=("User",), relationship="Owner"),
        Field("Name", "string", label, length=80, createable=auto is None, updateable=auto is None, nillable=True,
              defaulted=auto is not None, id_lookup=True, is_name=True, auto_number=auto),
        Field("CurrencyIsoCode", "picklist", "Currency ISO Code", length=3, createable=True, updateable=True,
              defaulted=True, restricted=True, groupable=True, picklist=currency_values()),
    ]  # fmt: skip


def _sizes(root: Node, kind: str) -> dict[str, Any]:
    if kind in {"Number", "Currency", "Percent"}:
        return {"precision": root.number("precision"), "scale": root.number("scale")}
    if kind in {"Text", "LongTextArea"}:
        return {"length": root.number("length")}
    return {"length": _LENGTHS.get(kind, 0)}


def _choices(root: Node, kind: str, value_sets: ValueSets) -> dict[str, Any]:
    if kind == "Checkbox":
        return {"default": root.flag("defaultValue"), "defaulted": True}
    if kind != "Picklist":
        if root.child("defaultValue") is not None:
            raise MetadataError(root.file, "default values are imitated for checkboxes only (they are formulas)")
        return {}
    value_set = root.child("valueSet")
    if value_set is None:
        raise MetadataError(root.file, "<valueSet> is missing")
    definition = value_set.child("valueSetDefinition")
    if definition is not None:
        values = tuple(
            PicklistValue(v.text("fullName"), v.text("label"), v.flag("default")) for v in definition.all("value")
        )
    else:
        set_name = value_set.text("valueSetName")
        if set_name not in value_sets:
            raise MetadataError(root.file, f"there is no global value set {set_name}")
        values = value_sets[set_name]
    return {"picklist": values, "restricted": value_set.flag("restricted")}


def _reference(schema: Schema, root: Node, kind: str) -> dict[str, Any]:
    if kind not in {"Lookup", "MasterDetail"}:
        return {}
    target = root.text("referenceTo")
    if schema.find(target) is None:
        raise MetadataError(root.file, f"there is no object {target}")
    children = root.text("relationshipName", "")
    return {
        "reference_to": (target,),
        "relationship": root.text("fullName").removesuffix("__c") + "__r",
        "children": f"{children}__r" if children else None,
        "on_delete": "cascade" if kind == "MasterDetail" else _DELETE[root.text("deleteConstraint", "SetNull")],
    }


def _values(root: Node) -> tuple[PicklistValue, ...]:
    return tuple(
        PicklistValue(v.text("fullName"), v.text("label"), v.flag("default"))
        for v in root.all("customValue")
        if v.flag("isActive", default=True)
    )
