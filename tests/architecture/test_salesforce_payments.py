"""The package for Salesforce's own payment objects has the fields of ours, and grants what it must and no more."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.salesforce_metadata import SOURCE, Node, Package
from tests.support.salesforce_rules import RULES

DEPLOY = SOURCE.parent
PROJECT = DEPLOY / "salesforce-payments"
MAPPINGS = yaml.safe_load((DEPLOY / "config" / "salesforce-payments.example.yaml").read_text())["mappings"]["main"]
# ours -> which of Salesforce's, and what it has itself
OBJECTS = {"Payment__c": ("Payment", {"Account__c": "AccountId"}), "Refund__c": ("Refund", {"Payment__c": "PaymentId"})}
SAME = ("type", "length", "precision", "scale", "unique", "externalId", "caseSensitive", "required",
        "defaultValue", "valueSet/valueSetName", "referenceTo", "deleteConstraint")  # fmt: skip


@pytest.fixture
def package() -> Package:
    return Package(PROJECT)


def fields_of(package: Package, owner: str) -> dict[str, tuple[str | None, ...]]:
    return {
        name: tuple(node.text(path) for path in SAME) for (one, name), node in package.fields.items() if one == owner
    }


@pytest.mark.parametrize("rule", ["schema", "names", "fields", "money"])
def test_package_keeps_the_rule(package: Package, rule: str) -> None:
    assert list(RULES[rule](package)) == []
    assert package.files("field")


@pytest.mark.parametrize("ours", OBJECTS)
def test_fields_are_those_of_our_object(package: Package, ours: str) -> None:
    """A new field of ours is copied to theirs, as every field is written by its own name unless the mapping says so."""
    theirs, has = OBJECTS[ours]
    expected = {name: facts for name, facts in fields_of(Package(SOURCE), ours).items() if name not in has}
    assert fields_of(package, theirs) == expected
    assert MAPPINGS[ours]["object"] == theirs
    assert MAPPINGS[ours]["fields"] == has


def test_every_lookup_to_what_is_kept_elsewhere_has_another(package: Package) -> None:
    moved = {
        (owner, name): OBJECTS[node.value("referenceTo")][0]
        for (owner, name), node in Package(SOURCE).fields.items()
        if node.value("referenceTo") in OBJECTS and owner not in OBJECTS
    }
    mapped: dict[tuple[str, str], Any] = {
        (owner, name): target
        for owner, mapping in MAPPINGS.items()
        if owner not in OBJECTS
        for name, target in mapping["fields"].items()
    }
    assert set(mapped) == set(moved)
    for (owner, name), target in mapped.items():
        node = package.fields[owner, target]
        assert (node.value("referenceTo"), node.value("deleteConstraint")) == (moved[owner, name], "SetNull")
    relations = [(node.value("referenceTo"), node.value("relationshipName"))
                 for one in (package, Package(SOURCE)) for node in one.fields.values()
                 if node.value("relationshipName")]  # fmt: skip
    assert len(relations) == len(set(relations))


def test_permission_set_grants_what_is_written(package: Package) -> None:
    ((_, granted),) = package.named("permissionset")
    own = {f"{owner}.{name}" for (owner, name), node in package.fields.items() if not node.is_true("required")}
    # Required fields of Salesforce's own are always granted, and refused in a permission set; a currency is no field.
    standard = {
        f"{theirs}.{field}"
        for ours, (theirs, has) in OBJECTS.items()
        for field in {*has.values(), *MAPPINGS[ours]["extra"]} - {"Amount", "CurrencyIsoCode", "Status", "Type"}
    }
    assert {node.value("field") for node in granted.all("fieldPermissions")} == own | standard
    for node in granted.all("objectPermissions"):
        rights = [tag for tag in ("allowCreate", "allowRead", "allowEdit", "allowDelete", "modifyAllRecords",
                                  "viewAllRecords") if node.is_true(tag)]  # fmt: skip
        assert rights == ["allowCreate", "allowRead", "allowEdit"]
    assert {node.value("object") for node in granted.all("objectPermissions")} == {"Payment", "Refund"}
    assert granted.texts("userPermissions/name") == []


@pytest.mark.parametrize("theirs", ["Payment", "Refund"])
def test_flow_sets_what_may_be_set_on_creation_only(package: Package, theirs: str) -> None:
    flow = dict(package.named("flow"))[f"{theirs}_Is_External"]
    start = Node(flow.element.find("{*}start"))
    assert (start.value("object"), start.value("triggerType"), start.value("recordTriggerType")) == (
        theirs, "RecordBeforeSave", "Create",
    )  # fmt: skip
    assert flow.value("assignments/assignmentItems/assignToReference") == "$Record.ProcessingMode"
    assert flow.value("assignments/assignmentItems/value/stringValue") == "External"
    assert not MAPPINGS[f"{theirs}__c"]["extra"].keys() & {"ProcessingMode"}


@pytest.mark.parametrize("theirs", ["Payment", "Refund"])
def test_standard_fields_are_those_of_the_object_reference(theirs: str) -> None:
    data = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", SOURCE.parents[2] / "shared" / "data"))
    file = data / "salesforce" / "objects" / f"{theirs}.fields.json"
    if not file.is_file():
        pytest.skip(f"no field list of the Object Reference in {file} (set COUNTERFOIL_VENDOR_DATA)")
    known = yaml.safe_load(file.read_text())["fields"]
    known |= {f"{name[:-2]}Id": facts for name, facts in known.items() if name.endswith("ID")}
    mapping = MAPPINGS[f"{theirs}__c"]
    for field in {*mapping["extra"], *mapping["fields"].values()}:
        assert {"Create", "Update"} <= set(known[field]["properties"]), field
    assert "Update" not in known["ProcessingMode"]["properties"]
