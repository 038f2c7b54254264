"""The Salesforce package is well-formed, refers only to what exists, and is documented.

That the rules find what they look for is shown in `test_salesforce_rules`.
"""

import json

import pytest

from tests.support.salesforce_code import CODE
from tests.support.salesforce_metadata import SOURCE, Node, Package
from tests.support.salesforce_references import REFERENCES
from tests.support.salesforce_rules import RULES
from tests.support.salesforce_screens import SCREENS

ALL_RULES = {**RULES, **REFERENCES, **SCREENS, **CODE}


@pytest.fixture
def package() -> Package:
    return Package(SOURCE)


@pytest.mark.parametrize("rule", ALL_RULES)
def test_package_keeps_the_rule(package: Package, rule: str) -> None:
    assert list(ALL_RULES[rule](package)) == []


def test_package_has_something_of_every_kind(package: Package) -> None:
    assert {path.name.split(".")[-2].removesuffix("-meta") for path in package.files()} >= {
        "object", "field", "globalValueSet", "permissionset", "flow", "layout", "tab", "listView", "compactLayout",
        "app", "flexipage", "group", "report", "reportFolder", "reportType", "dashboard", "dashboardFolder",
        "cls", "js", "labels", "customPermission", "quickAction",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "view", "fields"),
    [
        ("Dispute__c", "Open", {"Stage__c"}),
        ("Dispute__c", "Due_Soon", {"Stage__c", "Due_By__c"}),
        ("Payment__c", "Failed", {"Status__c"}),
        ("Payment__c", "Unmatched", {"Routing__c"}),
        ("Payment__c", "Waiting_For_Fees", {"Status__c", "Net__c"}),
        ("Payout__c", "Not_Balanced", {"Reconciliation__c"}),
        ("Refund__c", "Failed", {"Status__c"}),
        ("Payment_Request__c", "Waiting_For_Approval", {"Status__c"}),
        ("Payment_Request__c", "Failed", {"Status__c"}),
        ("Invoice__c", "Overdue", {"Status__c", "Due_At__c"}),
    ],
)
def test_work_lists_are_there(package: Package, owner: str, view: str, fields: set[str]) -> None:
    found = {(one, name): node for one, name, node in package.under_objects("listView")}
    assert set(found[owner, view].texts("filters/field")) == fields


def test_flow_asks_once_when_an_opportunity_becomes_won(package: Package) -> None:
    flow = dict(package.named("flow"))["Request_Payment_When_Won"]
    start = Node(flow.element.find("{*}start"))
    assert (flow.value("status"), flow.value("processType")) == ("Active", "AutoLaunchedFlow")
    assert (start.value("object"), start.value("triggerType"), start.value("recordTriggerType")) == (
        "Opportunity", "RecordAfterSave", "CreateAndUpdate",
    )  # fmt: skip
    assert start.is_true("doesRequireRecordChangedToMeetCriteria")
    assert [(f.value("field"), f.value("operator"), f.value("value/booleanValue")) for f in start.all("filters")] == [
        ("IsWon", "EqualTo", "true")
    ]
    (create,) = flow.all("recordCreates")
    assert create.value("object") == "Payment_Request__e"
    assert {
        a.value("field"): a.text("value/stringValue") or a.text("value/elementReference")
        for a in create.all("inputAssignments")
    } == {
        "Operation__c": "create_payment",
        "Record_Id__c": "$Record.Id",
        "Method__c": "hosted_checkout",
        "Requested_By__c": "$User.Id",
        "Version__c": "1",
    }


def test_opportunity_and_order_have_the_same_fields(package: Package) -> None:
    def of(owner: str) -> dict[str, str]:
        return {name: node.value("type") for (parent, name), node in package.fields.items() if parent == owner}

    assert of("Opportunity") == of("Order") != {}


def test_every_object_is_found_by_an_id_of_stripe_or_of_ours(package: Package) -> None:
    for name in package.objects:
        if name.endswith("__c"):
            key = package.fields[name, "Request_Id__c" if name == "Payment_Request__c" else "Stripe_Id__c"]
            assert all(key.is_true(flag) for flag in ("externalId", "unique", "caseSensitive", "required")), name
            assert key.value("length") == "255"


def test_project_names_its_folders(package: Package) -> None:
    project = json.loads((SOURCE / "sfdx-project.json").read_text())
    paths = [directory["path"] for directory in project["packageDirectories"]]
    assert [directory["path"] for directory in project["packageDirectories"] if directory.get("default")] == [
        "force-app"
    ]
    assert {path.relative_to(SOURCE).parts[0] for path in package.files()} == set(paths)
    assert {flow.value("apiVersion") for _, flow in package.named("flow")} == {project["sourceApiVersion"]}


def test_readme_has_a_row_for_every_field(package: Package) -> None:
    rows = {line for line in (SOURCE / "README.md").read_text().splitlines() if line.startswith("| `")}
    for (owner, name), node in package.fields.items():
        assert any(row.startswith(f"| `{name}` |") and node.value("description") in row for row in rows), (
            f"{owner}.{name}"
        )
