# ruff: noqa: S608  # the queries of a test hold nothing from outside
from typing import Any

from tests.conformance.salesforce_sandbox.rest import Rest, refused

FIELDS = "Amount, IsWon, IsClosed, Probability, ForecastCategory, ForecastCategoryName, ExpectedRevenue"


def opportunity(rest: Rest, name: str, more: str = FIELDS) -> dict[str, Any]:
    return rest.one(f"SELECT Id, {more} FROM Opportunity WHERE Name = '{name}'")


def change(rest: Rest, name: str, record_id: str, **body: Any) -> int:
    answer = rest.patch(f"/sobjects/{name}/{record_id}", json=body)
    assert answer.status_code == 204, answer.text
    return answer.status_code


def test_the_seed(rest: Rest) -> None:
    accounts = rest.rows("SELECT Id, Stripe_Customer_Id__c, (SELECT Email FROM Contacts) FROM Account")
    assert len(accounts) >= 6
    assert all(row["Stripe_Customer_Id__c"] is None and row["Contacts"]["records"][0]["Email"] for row in accounts)
    amounts = {
        (row["CurrencyIsoCode"], row["Amount"]) for row in rest.rows("SELECT CurrencyIsoCode, Amount FROM Opportunity")
    }
    assert {("JPY", 50000.0), ("KWD", 12.34)} < amounts
    assert {code for code, _ in amounts} == {"USD", "EUR", "GBP", "JPY", "KWD"}
    assert rest.soql("SELECT COUNT() FROM Opportunity WHERE IsClosed = false")["totalSize"] >= 10
    orders = rest.rows("SELECT StatusCode, TotalAmount, OrderNumber FROM Order ORDER BY OrderNumber")
    assert {row["StatusCode"] for row in orders} == {"Draft", "Activated"}
    assert [row["TotalAmount"] for row in orders] == [240.0, 1285.0, 1380.0, 18000.0, 147.36]
    assert rest.one("SELECT IsSandbox FROM Organization") == {"IsSandbox": True}
    currencies = rest.rows("SELECT IsoCode, DecimalPlaces FROM CurrencyType")
    assert {row["IsoCode"]: row["DecimalPlaces"] for row in currencies} == {
        "EUR": 2,
        "GBP": 2,
        "JPY": 0,
        "KWD": 3,
        "USD": 2,
    }


def test_stage_decides_what_is_won(rest: Rest) -> None:
    before = opportunity(rest, "Kestrel Renewal")
    assert (before["IsWon"], before["Probability"], before["ExpectedRevenue"]) == (False, 90.0, 756.45)
    change(rest, "Opportunity", before["Id"], StageName="Closed Won")
    after = opportunity(rest, "Kestrel Renewal")
    assert (after["IsWon"], after["IsClosed"], after["Probability"]) == (True, True, 100.0)
    assert (after["ForecastCategory"], after["ForecastCategoryName"]) == ("Closed", "Closed")
    change(rest, "Opportunity", before["Id"], StageName="Closed Lost", Probability=3)
    lost = opportunity(rest, "Kestrel Renewal")
    assert (lost["IsWon"], lost["IsClosed"], lost["Probability"]) == (False, True, 3.0)


def test_amount_is_the_sum_while_there_are_items(rest: Rest) -> None:
    deal = opportunity(rest, "Asahi Kogei Seats", "Amount, HasOpportunityLineItem, CurrencyIsoCode")
    assert (deal["Amount"], deal["HasOpportunityLineItem"]) == (54000.0, True)
    change(rest, "Opportunity", deal["Id"], Amount=1)
    assert opportunity(rest, "Asahi Kogei Seats")["Amount"] == 54000.0
    refused(
        rest.patch(f"/sobjects/Opportunity/{deal['Id']}", json={"CurrencyIsoCode": "EUR"}),
        400,
        "FIELD_INTEGRITY_EXCEPTION",
    )
    item = rest.one(f"SELECT Id, PricebookEntryId FROM OpportunityLineItem WHERE OpportunityId = '{deal['Id']}'")
    change(rest, "OpportunityLineItem", item["Id"], Quantity=2, UnitPrice=10000)
    assert opportunity(rest, "Asahi Kogei Seats")["Amount"] == 20000.0
    both = {
        "OpportunityId": deal["Id"],
        "PricebookEntryId": item["PricebookEntryId"],
        "Quantity": 1,
        "UnitPrice": 1,
        "TotalPrice": 1,
    }
    refused(rest.post("/sobjects/OpportunityLineItem", json=both), 400, "FIELD_INTEGRITY_EXCEPTION")
    assert rest.delete(f"/sobjects/OpportunityLineItem/{item['Id']}").status_code == 204
    assert opportunity(rest, "Asahi Kogei Seats", "HasOpportunityLineItem")["HasOpportunityLineItem"] is False
    change(rest, "Opportunity", deal["Id"], Amount=5)
    assert opportunity(rest, "Asahi Kogei Seats")["Amount"] == 5.0


def test_items_must_fit_currency_and_price_book(rest: Rest) -> None:
    deal = opportunity(rest, "Lindenhof Pilot", "CurrencyIsoCode")
    entry = rest.one("SELECT Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' AND ProductCode = 'CF-SUB'")["Id"]
    body = {"OpportunityId": deal["Id"], "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    refused(rest.post("/sobjects/OpportunityLineItem", json=body), 400, "FIELD_INTEGRITY_EXCEPTION")


def test_orders_are_activated_by_status_alone(rest: Rest) -> None:
    account, book = rest.one("SELECT Id FROM Account LIMIT 1")["Id"], rest.one("SELECT Id FROM Pricebook2")["Id"]
    body = {"AccountId": account, "EffectiveDate": "2026-11-01", "Status": "Activated", "Pricebook2Id": book}
    refused(rest.post("/sobjects/Order", json=body), 400, "FAILED_ACTIVATION")
    order = rest.add("Order", **(body | {"Status": "Draft"}))
    path = f"/sobjects/Order/{order}"
    refused(rest.patch(path, json={"Status": "Activated"}), 400, "FAILED_ACTIVATION")
    entry = rest.one("SELECT Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' AND ProductCode = 'CF-SUB'")["Id"]
    item = rest.add("OrderItem", OrderId=order, PricebookEntryId=entry, Quantity=2, UnitPrice=10.55)
    assert rest.one(f"SELECT TotalAmount FROM Order WHERE Id = '{order}'") == {"TotalAmount": 21.1}
    refused(rest.patch(path, json={"TotalAmount": 1}), 400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    refused(rest.patch(path, json={"Status": "Activated", "Name": "x"}), 400, "FAILED_ACTIVATION")
    change(rest, "Order", order, Status="Activated")
    active = rest.get(path).json()
    assert (active["StatusCode"], active["ActivatedDate"] is not None) == ("Activated", True)
    change(rest, "Order", order, Amount_Paid__c=21.1)
    more = {"OrderId": order, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    refused(rest.post("/sobjects/OrderItem", json=more), 400, "FIELD_INTEGRITY_EXCEPTION")
    refused(rest.delete(f"/sobjects/OrderItem/{item}"), 400, "FIELD_INTEGRITY_EXCEPTION")
    refused(rest.delete(path), 400, "DELETE_FAILED")
    change(rest, "Order", order, Status="Draft")
    assert rest.delete(f"/sobjects/OrderItem/{item}").status_code == 204
    found = rest.get("/queryAll", params={"q": f"SELECT Id FROM OrderItem WHERE Id = '{item}'"}).json()
    assert found["totalSize"] == 0
    assert rest.delete(path).status_code == 204


def test_deletes_cascade(rest: Rest) -> None:
    account = rest.one("SELECT Id FROM Account WHERE Name = 'Atelier Perrin'")["Id"]
    busy = rest.one("SELECT Id FROM Account WHERE Name = 'Kestrel & Sons'")["Id"]
    refused(rest.delete(f"/sobjects/Account/{busy}"), 400, "DELETE_FAILED")
    assert rest.soql(f"SELECT COUNT() FROM Contact WHERE AccountId = '{busy}'")["totalSize"] == 1
    assert rest.delete(f"/sobjects/Account/{account}").status_code == 204
    for child in ("Contact", "Opportunity"):
        assert rest.soql(f"SELECT COUNT() FROM {child} WHERE AccountId = '{account}'")["totalSize"] == 0


def test_contact_and_task(rest: Rest) -> None:
    contact = rest.add("Contact", FirstName="Ada", LastName="Field", MailingCity="Ghent", MailingCountry="Belgium")
    row = rest.get(f"/sobjects/Contact/{contact}").json()
    assert row["Name"] == "Ada Field"
    assert (row["MailingAddress"]["city"], row["MailingAddress"]["street"]) == ("Ghent", None)
    deal = opportunity(rest, "Al Noor Pilot")["Id"]
    task = rest.add("Task", WhatId=deal, WhoId=contact, Subject="Call")
    assert (
        rest.one(f"SELECT Status, Priority, IsClosed, What.Name FROM Task WHERE Id = '{task}'")["Status"]
        == "Not Started"
    )
