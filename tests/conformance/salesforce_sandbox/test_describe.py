from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import Rest

# The keys of a real answer, as "sObject Describe" in the REST API Developer Guide shows them.
OBJECT_KEYS = """actionOverrides activateable childRelationships compactLayoutable createable custom customSetting
    deletable deprecatedAndHidden feedEnabled fields hasSubtypes isSubtype keyPrefix label labelPlural layoutable
    listviewable lookupLayoutable mergeable mruEnabled name namedLayoutInfos networkScopeFieldName queryable
    recordTypeInfos replicateable retrieveable searchLayoutable searchable supportedScopes triggerable undeletable
    updateable urls"""
FIELD_KEYS = """autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive controllerName createable
    custom defaultValue defaultValueFormula defaultedOnCreate dependentPicklist deprecatedAndHidden digits
    displayLocationInDecimal encrypted externalId extraTypeInfo filterable filteredLookupInfo groupable highScaleNumber
    htmlFormatted idLookup inlineHelpText label length mask maskType name nameField namePointing nillable permissionable
    picklistValues polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName
    relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique
    updateable writeRequiresMasterRead"""


@pytest.mark.parametrize("name", ["Account", "Opportunity", "Order", "Payment__c", "Payment_Request__e"])
def test_every_key_is_there(rest: Rest, name: str) -> None:
    described = rest.get(f"/sobjects/{name}/describe").json()
    assert set(OBJECT_KEYS.split()) <= set(described)
    assert all(set(FIELD_KEYS.split()) <= set(field) for field in described["fields"])
    assert described["custom"] == ("__" in name)


def test_facts_of_fields(salesforce: Any) -> None:
    payment = {field["name"]: field for field in salesforce.Payment__c.describe()["fields"]}
    key = payment["Stripe_Id__c"]
    assert (key["externalId"], key["unique"], key["caseSensitive"], key["idLookup"]) == (True, True, True, True)
    assert (key["type"], key["length"], key["nillable"]) == ("string", 255, False)
    amount = payment["Amount__c"]
    assert (amount["type"], amount["precision"], amount["scale"], amount["soapType"]) == ("double", 18, 3, "xsd:double")
    assert (payment["Name"]["autoNumber"], payment["Name"]["createable"]) == (True, False)
    assert payment["Account__c"]["referenceTo"] == ["Account"]
    assert payment["Account__c"]["relationshipName"] == "Account__r"
    statuses = [value["value"] for value in payment["Status__c"]["picklistValues"]]
    assert {"Paid", "Partially_Refunded", "Unknown"} < set(statuses)
    opportunity = {field["name"]: field for field in salesforce.Opportunity.describe()["fields"]}
    assert (opportunity["IsWon"]["createable"], opportunity["ContactId"]["updateable"]) == (False, False)
    assert "CurrencyIsoCode" in opportunity


def test_global_describe(salesforce: Any, rest: Rest) -> None:
    described = salesforce.describe()
    assert described is not None
    by_name = {entry["name"]: entry for entry in described["sobjects"]}
    assert {"Account", "Order", "Payment__c", "Payment_Request__e", "OpportunityStage"} <= set(by_name)
    prefixes = {name: by_name[name]["keyPrefix"] for name in ("Account", "Opportunity", "Order", "OrderItem", "User")}
    assert prefixes == {"Account": "001", "Opportunity": "006", "Order": "801", "OrderItem": "802", "User": "005"}
    assert by_name["OpportunityStage"]["createable"] is False
    payment = rest.get("/sobjects/Payment__c").json()
    assert payment["objectDescribe"]["keyPrefix"] == by_name["Payment__c"]["keyPrefix"]
    children = salesforce.Opportunity.describe()["childRelationships"]
    assert {"OpportunityLineItems", "OpportunityContactRoles", "Payments__r"} <= {
        child["relationshipName"] for child in children
    }
