"""Answers of the describe resources, with every key a real answer has.

Shapes follow "sObject Describe" of the REST API Developer Guide and the fixture of a real answer in Apache Camel.
"""

from typing import Any

from counterfoil_sandbox.salesforce.model import NUMBER_TYPES, Field, Schema, SObject

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
}
_BYTES_PER_CHARACTER = 3


def describe_object(schema: Schema, sobject: SObject, base: str) -> dict[str, Any]:
    """Return the full describe of one object; ``base`` is the path up to and including ``/sobjects``."""
    fields = [describe_field(item) for item in sobject.fields.values()]
    return {
        "actionOverrides": [],
        "childRelationships": [
            {
                "cascadeDelete": item.on_delete == "cascade",
                "childSObject": child.name,
                "deprecatedAndHidden": False,
                "field": item.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": item.children,
                "restrictedDelete": item.on_delete == "restrict",
            }
            for child, item in schema.children_of(sobject.name)
        ],
        "compactLayoutable": not sobject.is_event,
        "fields": fields,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [],
        "searchLayoutable": not sobject.is_event,
        "supportedScopes": [{"label": f"All {sobject.plural}", "name": "everything"}],
        **summarise(sobject, base, full=True),
    }


def summarise(sobject: SObject, base: str, *, full: bool = False) -> dict[str, Any]:
    """Return what the global describe says of an object."""
    own = f"{base}/{sobject.name}"
    record, kept = sobject.writeable, not sobject.is_event
    urls = {"sobject": own, "describe": f"{own}/describe", "rowTemplate": f"{own}/{{ID}}"}
    if full:
        urls |= {
            "uiDetailTemplate": "/{ID}",
            "uiEditTemplate": "/{ID}/e",
            "uiNewRecord": f"/{sobject.key_prefix}/e",
        }
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": record,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": record and kept,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "layoutable": record and kept,
        "mergeable": sobject.name in {"Account", "Contact"},
        "mruEnabled": record and kept,
        "name": sobject.name,
        "queryable": kept,
        "replicateable": kept,
        "retrieveable": kept,
        "searchable": record and kept,
        "triggerable": record,
        "undeletable": record and kept and not sobject.hard_delete,
        "updateable": record and kept,
        "urls": urls,
    }


def describe_field(item: Field) -> dict[str, Any]:
    """Return the describe entry of one field."""
    number = item.type in NUMBER_TYPES and item.type != "int"
    return {
        "aggregatable": item.filterable,
        "aiPredictionField": False,
        "autoNumber": item.auto_number is not None,
        "byteLength": item.length if item.type in {"id", "reference"} else item.length * _BYTES_PER_CHARACTER,
        "calculated": item.calculated,
        "calculatedFormula": None,
        "cascadeDelete": item.on_delete == "cascade",
        "caseSensitive": item.case_sensitive,
        "compoundFieldName": None,
        "controllerName": None,
        "createable": item.createable,
        "custom": item.custom,
        "defaultValue": item.default,
        "defaultValueFormula": None,
        "defaultedOnCreate": item.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": item.precision if item.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": item.external_id,
        "extraTypeInfo": "plaintextarea" if item.type == "textarea" else None,
        "filterable": item.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": item.groupable,
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": item.id_lookup or item.external_id,
        "inlineHelpText": item.help_text,
        "label": item.label,
        "length": item.length,
        "mask": None,
        "maskType": None,
        "name": item.name,
        "nameField": item.is_name,
        "namePointing": len(item.reference_to) > 1,
        "nillable": item.nillable,
        "permissionable": item.createable and item.nillable,
        "picklistValues": [
            {"active": True, "defaultValue": v.default, "label": v.label, "validFor": None, "value": v.value}
            for v in item.picklist
        ],
        "polymorphicForeignKey": len(item.reference_to) > 1,
        "precision": item.precision if number else 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(item.reference_to),
        "relationshipName": item.relationship,
        "relationshipOrder": None,
        "restrictedDelete": item.on_delete == "restrict",
        "restrictedPicklist": item.restricted,
        "scale": item.scale if number else 0,
        "searchPrefilterable": item.type == "reference",
        "soapType": _SOAP.get(item.type, "xsd:string"),
        "sortable": item.sortable,
        "type": item.type,
        "unique": item.unique,
        "updateable": item.updateable,
        "writeRequiresMasterRead": False,
    }
