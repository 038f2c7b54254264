"""Every permission set of the Salesforce package grants what its holder needs, and nothing more."""

import pytest

from service.projection import widest_records
from tests.support.salesforce_metadata import SOURCE, Node, Package

# object -> what the integration user may do with it: Create, Read, Edit, and view All records whoever owns them
INTEGRATION_OBJECTS = {
    "Payment__c": "CRE",
    "Charge__c": "CRE",
    "Refund__c": "CRE",
    "Dispute__c": "CRE",
    "Balance_Transaction__c": "CRE",
    "Payout__c": "CRE",
    "Payout_Line__c": "CRE",
    "Invoice__c": "CRE",
    "Invoice_Line__c": "CRE",
    "Invoice_Payment__c": "CRE",
    "Credit_Note__c": "CRE",
    "Payment_Status_Change__c": "CRE",
    "Payment_Request__c": "CRE",
    "Payment_Approval__e": "R",
    "Payment_Request__e": "R",
    "Account": "REA",
    "Opportunity": "REA",
    "Order": "REA",
    "Contact": "REA",
    "Product2": "R",
    "Pricebook2": "R",
}
OURS = {name for name in INTEGRATION_OBJECTS if name.endswith("__c")}
# What sales has no business with: how the Stripe balance moves and what Stripe keeps.
NOT_FOR_SALES = {"Balance_Transaction__c", "Payout__c", "Payout_Line__c", "Payment_Status_Change__c"}
FIELDS_NOT_FOR_SALES = {
    "Payment__c.Settlement_Amount__c",
    "Payment__c.Settlement_Currency__c",
    "Payment__c.Fee__c",
    "Payment__c.Net__c",
    "Payment__c.Exchange_Rate__c",
    "Payment__c.Reporting_Amount__c",
    "Payment__c.Reporting_Currency__c",
    "Payment__c.Reporting_Rate__c",
    "Payment__c.Reporting_Rate_Source__c",
    "Payment__c.Reporting_Rate_At__c",
    "Dispute__c.Fee__c",
    "Dispute__c.Net_Impact__c",
    "Dispute__c.Settlement_Currency__c",
    *(
        f"{owner}.Payment_{rest}__c"
        for owner in ("Opportunity", "Order")
        for rest in ("Fee", "Net", "Settlement_Currency")
    ),
}
# Kept by whoever keeps the catalogue; nobody else needs to see them.
CATALOGUE_FIELDS = {"PricebookEntry.Stripe_Price_Id__c", "Product2.Stripe_Product_Id__c"}
STANDARD_FIELDS_READ = {
    "Account.BillingAddress",
    "Account.Phone",
    "Contact.AccountId",
    "Contact.Email",
    "Contact.MailingAddress",
    "Contact.Phone",
    "Opportunity.AccountId",
    "Opportunity.Amount",
    "OpportunityLineItem.Description",
    "OpportunityLineItem.Discount",
    "OpportunityLineItem.TotalPrice",
    "OpportunityLineItem.UnitPrice",
    "Order.BillToContactId",
    "OrderItem.Description",
    "OrderItem.TotalPrice",
    "OrderItem.UnitPrice",
    "Product2.Description",
    "Product2.ProductCode",
}
LETTERS = {
    "allowCreate": "C", "allowRead": "R", "allowEdit": "E", "allowDelete": "D",
    "viewAllRecords": "A", "modifyAllRecords": "M", "viewAllFields": "F",
}  # fmt: skip


@pytest.fixture
def package() -> Package:
    return Package(SOURCE)


@pytest.fixture
def permission_sets(package: Package) -> dict[str, Node]:
    return dict(package.named("permissionset"))


def objects_granted(granted: Node) -> dict[str, str]:
    return {
        node.value("object"): "".join(letter for tag, letter in LETTERS.items() if node.is_true(tag))
        for node in granted.all("objectPermissions")
    }


def fields_granted(granted: Node, right: str) -> set[str]:
    return {node.value("field") for node in granted.all("fieldPermissions") if node.is_true(right)}


def fields_of_package(package: Package) -> set[str]:
    return {
        f"{owner}.{name}"
        for (owner, name), node in package.fields.items()
        if owner != "Activity" and not owner.endswith("__e") and not node.is_true("required")
    } - CATALOGUE_FIELDS


def test_integration_user_gets_exactly_what_it_needs(package: Package, permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Integration"]
    assert objects_granted(granted) == INTEGRATION_OBJECTS
    assert fields_granted(granted, "editable") == fields_of_package(package)
    assert fields_granted(granted, "readable") == fields_of_package(package) | STANDARD_FIELDS_READ | CATALOGUE_FIELDS
    assert granted.texts("userPermissions/name") == ["ApiEnabled"]


def test_integration_user_may_write_every_field_that_is_written(
    package: Package, permission_sets: dict[str, Node]
) -> None:
    editable = fields_granted(permission_sets["Counterfoil_Integration"], "editable")
    always = {f"{owner}.{name}" for (owner, name), node in package.fields.items() if node.is_true("required")}
    written = {
        f"{record.sobject}.{field}"
        for record in widest_records("main")
        for field in (record.key_field, *record.fields)
        if field
        not in {"Id", "CurrencyIsoCode"}  # which no permission set names: whoever writes a record may write them
    }
    assert len(written) > 100
    assert written - editable - always == set()


def test_finance_reads_everything_and_changes_nothing(package: Package, permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Finance"]
    assert objects_granted(granted) == dict.fromkeys(OURS, "RA")
    assert fields_granted(granted, "editable") == set()
    assert fields_granted(granted, "readable") == fields_of_package(package)
    assert granted.texts("userPermissions/name") == ["RunReports"]
    assert set(granted.texts("tabSettings/tab")) == OURS


def test_sales_read_payments_without_fees_and_payouts(package: Package, permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Sales"]
    hidden = {field for field in fields_of_package(package) if field.partition(".")[0] in NOT_FOR_SALES}
    assert objects_granted(granted) == dict.fromkeys(OURS - NOT_FOR_SALES, "R")
    assert fields_granted(granted, "editable") == set()
    assert fields_granted(granted, "readable") == fields_of_package(package) - hidden - FIELDS_NOT_FOR_SALES
    assert granted.texts("userPermissions/name") == []
    assert set(granted.texts("tabSettings/tab")) == OURS - NOT_FOR_SALES


def test_requesters_publish_and_nothing_else(permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Request_Payments"]
    assert objects_granted(granted) == {"Payment_Request__e": "CR"}
    assert fields_granted(granted, "readable") == set()
    assert granted.texts("userPermissions/name") == []


def test_approvers_decide_and_nothing_else(permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Approve_Requests"]
    assert objects_granted(granted) == {"Payment_Approval__e": "CR"}
    assert fields_granted(granted, "readable") == set()
    assert granted.texts("userPermissions/name") == []


def test_every_permission_set_is_known(permission_sets: dict[str, Node]) -> None:
    assert set(permission_sets) == {
        "Counterfoil_Integration", "Counterfoil_Activated_Orders", "Counterfoil_Reactions",
        "Counterfoil_Request_Payments", "Counterfoil_Approve_Requests", "Counterfoil_Finance", "Counterfoil_Sales",
        "Counterfoil_Sales_Actions", "Counterfoil_Finance_Actions",
    }  # fmt: skip


def test_activated_orders_are_a_grant_of_their_own(permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Activated_Orders"]
    assert granted.texts("userPermissions/name") == ["ActivateOrder", "EditActivatedOrders"]
    assert objects_granted(granted) == {}
    assert fields_granted(granted, "readable") == set()


def test_reactions_are_a_grant_of_their_own(permission_sets: dict[str, Node]) -> None:
    granted = permission_sets["Counterfoil_Reactions"]
    assert granted.texts("userPermissions/name") == ["ActivitiesAccess", "EditTask", "SendCustomNotifications"]
    assert objects_granted(granted) == {"Payment_Outcome__e": "CR"}
    assert fields_granted(granted, "editable") == {"Task.Counterfoil_Key__c"}


@pytest.mark.parametrize(
    ("name", "may", "classes"),
    [
        (
            "Counterfoil_Sales_Actions",
            {"Request_Payment", "Send_Invoice", "Sync_Customer"},
            {"RequestPayment", "CreateInvoice", "ChangeInvoice", "SyncCustomer"},
        ),
        (
            "Counterfoil_Finance_Actions",
            {"Change_Payment", "Change_Invoice"},
            {"CapturePayment", "CancelPayment", "RefundPayment", "ChangeInvoice"},
        ),
    ],
)
def test_who_presses_buttons_may_do_no_more_than_they_say(
    permission_sets: dict[str, Node], name: str, may: set[str], classes: set[str]
) -> None:
    """Above all not create the event, by which anything could be asked for through the API."""
    granted = permission_sets[name]
    assert set(granted.texts("customPermissions/name")) == {f"Counterfoil_{one}" for one in may}
    assert set(granted.texts("classAccesses/apexClass")) == {f"Counterfoil{one}" for one in {"Form", *classes}}
    assert objects_granted(granted) == {}
    assert fields_granted(granted, "readable") == set()
    assert granted.texts("userPermissions/name") == []


def test_code_is_for_those_who_press_buttons(permission_sets: dict[str, Node]) -> None:
    approvers = permission_sets["Counterfoil_Approve_Requests"]
    assert approvers.texts("classAccesses/apexClass") == ["CounterfoilDecision"]
    others = {name: one for name, one in permission_sets.items() if not name.endswith("_Actions")}
    assert [name for name, one in others.items() if one.all("customPermissions")] == []
    assert [name for name, one in others.items() if one.all("classAccesses")] == ["Counterfoil_Approve_Requests"]


@pytest.mark.parametrize(
    "other",
    ["pageAccesses", "flowAccesses", "customSettingAccesses", "customMetadataTypeAccesses",
     "externalCredentialPrincipalAccesses", "recordTypeVisibilities"],
)  # fmt: skip
def test_no_permission_set_grants_anything_else(permission_sets: dict[str, Node], other: str) -> None:
    assert [name for name, granted in permission_sets.items() if granted.all(other)] == []
