"""The rules for the Salesforce package bite: a copy is broken in one place, and the rule must say so."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.salesforce_code import CODE
from tests.support.salesforce_metadata import SOURCE, Package
from tests.support.salesforce_references import REFERENCES, StandardFields, standard_fields
from tests.support.salesforce_rules import RULES
from tests.support.salesforce_screens import SCREENS

REPOSITORY = Path(__file__).parents[2]
FORCE_APP = SOURCE / "force-app" / "main" / "default"
FLOW = "flows/Request_Payment_When_Won.flow"
INTEGRATION = "permissionsets/Counterfoil_Integration.permissionset"
SALES = "permissionsets/Counterfoil_Sales.permissionset"
ID = "objects/Payment__c/fields/Stripe_Id__c.field"
NET = "objects/Payment__c/fields/Net__c.field"
LIVEMODE = "objects/Payment__c/fields/Livemode__c.field"
ORDER = "objects/Payment__c/fields/Order__c.field"
PAYMENT = "objects/Charge__c/fields/Payment__c.field"
ENTITY = "objects/Charge__c/fields/Entity__c.field"
PAID_AT = "objects/Order/fields/Paid_At__c.field"
STATUS = "objects/Order/fields/Payment_Status__c.field"
VERSION = "objects/Payment_Request__e/fields/Version__c.field"
EVENT = "objects/Payment_Request__e/Payment_Request__e.object"
CHARGE = "objects/Charge__c/Charge__c.object"
VIEWS = "objects/Payment__c/listViews/"
COMPACT = "objects/Charge__c/compactLayouts/Charge_Summary.compactLayout"
CHARGE_LAYOUT = "layouts/Charge__c-Charge Layout.layout"
BY_STATUS = "reports/Counterfoil_Reports/Payments_by_Status.report"
REPORTS = "reports/Counterfoil_Reports.reportFolder"
REPORT_TYPE = "reportTypes/Payments_with_Refunds.reportType"
DASHBOARD = "dashboards/Counterfoil_Dashboards/Counterfoil.dashboard"
PAGE = "flexipages/Counterfoil_Order.flexipage"
APP = "applications/Counterfoil.app"
REFUND_ACTION = "quickActions/Payment__c.Counterfoil_Refund_Payment.quickAction"
REFUND_SCREEN = "lwc/counterfoilRefundPayment/counterfoilRefundPayment.js"
LABELS = "labels/CustomLabels.labels"
FINANCE_ACTIONS = "permissionsets/Counterfoil_Finance_Actions.permissionset"
CHANGE_PAYMENT = "customPermissions/Counterfoil_Change_Payment.customPermission"
PAYMENT_LAYOUT = "layouts/Payment__c-Payment Layout.layout"

# rule, file, what is replaced by what (nothing: the file is taken away), and words that the rule must say
BREAKAGES = [
    ("schema", FLOW, ("<status>Active</status>", "<state>Active</state>"), "state"),
    ("schema", PAID_AT, ("DateTime</type>", "Instant</type>"), "Instant"),
    ("schema", PAID_AT, ("<fullName>Paid_At__c", "<fullName>Paid_On__c"), "Paid_On__c"),
    ("names", ENTITY, ("<label>Entity", "<label>" + "Entity" * 7), "label is longer"),
    ("fields", ID, ("<unique>true", "<unique>false"), "must be unique"),
    ("fields", ID, ("<caseSensitive>true", "<caseSensitive>false"), "case-sensitive"),
    ("fields", NET, ("description>", "businessStatus>"), "no description"),
    ("fields", NET, ("inlineHelpText>", "businessStatus>"), "no help text"),
    ("fields", NET, ("<scale>3", "<scale>19"), "do not fit"),
    ("fields", ENTITY, ("<length>40", "<length>256"), "length must be"),
    ("fields", LIVEMODE, ("<defaultValue>false", "<defaultValue>no"), "default"),
    ("money", NET, ("<scale>3", "<scale>2"), "3 decimals"),
    ("money", NET, ("<type>Number", "<type>Currency"), "org's currencies"),
    ("lookups", PAYMENT, ("To>Payment__c<", "To>Pay__c<"), "Pay__c, which is not there"),
    ("lookups", ORDER, ("To>Order<", "To>Account<"), "Payments is defined twice"),
    ("lookups", ORDER, ("SetNull", "Restrict"), "empty the lookup"),
    ("picklists", STATUS, ("Name>Payment_Status", "Name>Status"), "Status is not there"),
    ("picklists", STATUS, ("<restricted>true", "<restricted>false"), "always restricted"),
    ("picklists", STATUS, ("<required>false", "<required>true"), "without a status"),
    ("picklists", "globalValueSets/Payment_Status.globalValueSet", ("Unknown", "Other"), "does not know"),
    ("events", VERSION, ("<type>Text", "<type>Url"), "cannot have a Url"),
    ("events", EVENT, ("PublishAfterCommit", "PublishImmediately"), "after the commit"),
    ("events", EVENT, ("label>", "sharingModel>"), "no sharing"),
    ("events", CHARGE, ("<sharingModel>ReadWrite", "<sharingModel>Private"), "must be shared"),
    ("views", VIEWS + "Failed.listView", ("<value>Failed", "<value>Failing"), "Failing"),
    ("views", VIEWS + "All.listView", ("Paid_At__c", "Paid_On__c"), "Paid_On__c is not there"),
    ("views", COMPACT, ("Amount__c", "Sum__c"), "Sum__c is not there"),
    ("views", CHARGE, ("Assignment>Charge_Summary", "Assignment>Charge"), "is not assigned"),
    ("views", CHARGE_LAYOUT, ("<field>Card_Brand__c", "<field>Card__c"), "not show Card_Brand__c"),
    ("views", PAYMENT_LAYOUT, ("List>Charge__c.Payment", "List>Charge__c.Pay"), "Charge__c.Pay__c is not there"),
    ("flows", FLOW, ("<field>Operation__c", "<field>Id__c"), "leaves Operation__c empty"),
    ("flows", FLOW, ("Reference>Publish", "Reference>Send"), "starts nowhere"),
    ("flows", FLOW, ("<object>Payment_Request__e", "<object>Request__e"), "Request__e, which is not there"),
    ("permissions", INTEGRATION, ("Payment__c.Net__c", "Payment__c.Nett__c"), "Payment__c.Nett__c is not there"),
    ("permissions", INTEGRATION, ("Payment__c.Net__c", "Payment__c.Stripe_Id__c"), "refuses Payment__c.Stripe_Id__c"),
    ("permissions", INTEGRATION, ("<object>Charge__c", "<object>Voucher__c"), "object Voucher__c"),
    ("permissions", SALES, ("<tab>Charge__c", "<tab>Voucher__c"), "tab Voucher__c"),
    ("parts", VIEWS + "All.listView", None, "Payment__c has no listView"),
    ("parts", "tabs/Payout_Line__c.tab", None, "Payout_Line__c has no tab"),
    ("parts", CHARGE_LAYOUT, None, "Charge__c has no layout"),
    ("related", PAYMENT_LAYOUT, ("List>Refund__c.Payment", "List>Refund__c.Charge"), "not list Refund__c.Payment__c"),
    ("reports", BY_STATUS, ("Payment__c.Paid_At__c", "Payment__c.Paid_On__c"), "Payment__c.Paid_On__c is not there"),
    ("reports", BY_STATUS, ("$Payment__c", "$Pay__c"), "of Pay__c, which is not there"),
    ("reports", BY_STATUS, ("Payment__c.Amount__c", "Payment__c.Fee__c"), "Fee__c is added up across currencies"),
    ("reports", BY_STATUS, ("<field>Payment__c.Account__c", "<field>Payment__c.Status__c"), "and grouped by"),
    ("reports", BY_STATUS, ("Column>Payment__c.Status__c", "Column>Payment__c.Entity__c"), "chart needs"),
    ("folders", REPORTS, ("<sharedTo>Counterfoil_Finance", "<sharedTo>Finance"), "a group that is not there"),
    ("folders", REPORTS, ("<accessLevel>View", "<accessLevel>Manage"), "may change it"),
    ("folders", REPORTS, None, "report folder Counterfoil_Reports is not there"),
    ("report_types", REPORT_TYPE, ("<relationship>Refunds__r", "<relationship>Refund__r"), "has no Refund__r"),
    ("report_types", REPORT_TYPE, ("<field>Routing__c", "<field>Route__c"), "Payment__c Route__c is not there"),
    ("report_types", REPORT_TYPE, ("<field>Failure_Reason__c", "<field>Reason__c"), "not offer Payment__c.Refunds__r"),
    ("dashboards", BY_STATUS, None, "report Counterfoil_Reports/Payments_by_Status is not there"),
    ("dashboards", DASHBOARD, ("<dashboardType>LoggedInUser", "<dashboardType>SpecifiedUser"), "what one user may"),
    ("pages", PAGE, ("<value>Payments__r", "<value>Payment__r"), "a child that is not there"),
    ("pages", PAGE, ("<value>Due_At__c", "<value>Due_On__c"), "Invoice__c.Due_On__c is not there"),
    ("pages", PAGE, ("<value>Facet-payments", "<value>Facet-money"), "not those that are used"),
    ("apps", PAGE, None, "page Counterfoil_Order is not there"),
    ("apps", APP, ("<tabs>Refund__c", "<tabs>Voucher__c"), "tab Voucher__c is not there"),
    ("apps", APP, ("Type>Order<", "Type>Account<"), "or of another object"),
    ("apps", APP, None, "Counterfoil_Sales: app Counterfoil is not there"),
    ("quick_actions", REFUND_ACTION, ("counterfoilRefundPayment<", "counterfoilRefund<"), "which is no screen action"),
    ("quick_actions", REFUND_ACTION, None, "Payment__c.Counterfoil_Refund_Payment, which is not there"),
    ("quick_actions", REFUND_SCREEN, ("lightning__RecordAction</target>", "lightning__AppPage</target>"), "no screen"),
    ("labels", LABELS, ("Counterfoil_Close<", "Counterfoil_Shut<"), "label Counterfoil_Close is not there"),
    ("labels", LABELS, ("Counterfoil_Close<", "Counterfoil_Shut<"), "label Counterfoil_Shut is used nowhere"),
    ("entries", FINANCE_ACTIONS, ("CounterfoilRefundPayment<", "CounterfoilResult<"), "CounterfoilRefundPayment is gr"),
    ("entries", FINANCE_ACTIONS, ("CounterfoilRefundPayment<", "CounterfoilResult<"), "and nobody calls it"),
    ("custom_permissions", CHANGE_PAYMENT, None, "Counterfoil_Change_Payment is not there"),
]
# the same for sources, which have another ending
CODE_BREAKAGES = [
    ("classes", "classes/CounterfoilTargets.cls", ("            WITH USER_MODE\n", ""), "not in user mode"),
    ("classes", "classes/CounterfoilTargets.cls", ("with sharing", "without sharing"), "the sharing of the user"),
    ("classes", "classes/CounterfoilTargets.cls", ("'refund_payment'", "'006000000000001AAA'"), "id of a record"),
    ("names_in_code", "classes/CounterfoilTargets.cls", ("Amount_Received__c", "Received__c"), "Received__c, which"),
    ("entries", "classes/CounterfoilForm.cls", (" Answer answer(", " Answer reply("), "CounterfoilForm.answer is not"),
    ("custom_permissions", "classes/CounterfoilPublisher.cls", ("_Change_Payment'", "_Pay'"), "asked for nowhere"),
]


def in_package(file: str) -> Path:
    """Return where a file lies, from the folder of sfdx-project.json."""
    return (FORCE_APP / f"{file}-meta.xml").relative_to(SOURCE)


def broken(folder: Path, file: str, *replacements: tuple[str, str]) -> Package:
    """Copy the package and replace texts in one file of it."""
    root = Path(shutil.copytree(SOURCE, folder / "package", ignore=shutil.ignore_patterns("node_modules")))
    path = root / in_package(file)
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return Package(root)


@pytest.mark.parametrize(("rule", "file", "edit", "said"), BREAKAGES)
def test_rule_finds_the_breakage(tmp_path: Path, rule: str, file: str, edit: tuple[str, str] | None, said: str) -> None:
    package = broken(tmp_path, file, *([edit] if edit else []))
    if edit is None:
        (package.root / in_package(file)).unlink()
    check = {**RULES, **REFERENCES, **SCREENS, **CODE}[rule]
    assert said in "\n".join(check(package))


@pytest.mark.parametrize(("rule", "file", "edit", "said"), CODE_BREAKAGES)
def test_rule_finds_the_breakage_in_code(
    tmp_path: Path, rule: str, file: str, edit: tuple[str, str], said: str
) -> None:
    source = FORCE_APP / file
    assert edit[0] in source.read_text()
    root = Path(shutil.copytree(SOURCE, tmp_path / "package", ignore=shutil.ignore_patterns("node_modules")))
    (root / source.relative_to(SOURCE)).write_text(source.read_text().replace(*edit))
    assert said in "\n".join(CODE[rule](Package(root)))


def test_a_file_in_the_wrong_folder_is_found(tmp_path: Path) -> None:
    package = broken(tmp_path, FLOW)
    flow = package.files("flow")[0]
    flow.rename(package.files("tab")[0].with_name(flow.name))
    assert "does not belong in tabs" in "\n".join(RULES["schema"](package))


@pytest.fixture
def reference() -> StandardFields:
    data = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = data / "salesforce" / "objects"
    if not folder.is_dir():
        pytest.skip(f"no field lists of the Object Reference in {folder} (set COUNTERFOIL_VENDOR_DATA)")
    owners = ("Account", "Contact", "Opportunity", "OpportunityLineItem", "Order", "OrderItem", "Product2")
    lists = {owner: json.loads((folder / f"{owner}.fields.json").read_text())["fields"] for owner in owners}
    return {
        owner: {name: frozenset(facts["properties"]) for name, facts in fields.items()}
        for owner, fields in lists.items()
    }


def test_standard_fields_exist(reference: StandardFields) -> None:
    assert list(standard_fields(Package(SOURCE), reference)) == []


def test_a_required_or_misspelt_standard_field_is_found(tmp_path: Path, reference: StandardFields) -> None:
    wrong = [("Opportunity.Amount", "Opportunity.StageName"), ("Contact.Email", "Contact.EMail")]
    package = broken(tmp_path, INTEGRATION, *wrong)
    problems = "\n".join(standard_fields(package, reference))
    assert "Opportunity.StageName" in problems
    assert "Contact.EMail" in problems
