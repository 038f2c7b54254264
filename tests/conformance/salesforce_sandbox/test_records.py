# ruff: noqa: S608  # the queries of a test hold nothing from outside
from typing import Any
from urllib.parse import quote

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused, sample, shape


def test_life_of_a_record_with_simple_salesforce(salesforce: Any) -> None:
    created = salesforce.Account.create({"Name": "Quarry Lane", "Description": ""})
    assert created == {"id": created["id"], "success": True, "errors": []}
    assert salesforce.Account.update(created["id"], {"Phone": "+1 555 0100"}) == 204
    account = salesforce.Account.get(created["id"][:15])
    assert (account["Name"], account["Phone"], account["Description"]) == ("Quarry Lane", "+1 555 0100", None)
    assert account["attributes"]["url"] == f"{DATA}/sobjects/Account/{created['id']}"
    assert salesforce.Account.delete(created["id"]) == 204
    assert salesforce.query(f"SELECT Id FROM Account WHERE Id = '{created['id']}'")["totalSize"] == 0
    found = salesforce.query(f"SELECT IsDeleted FROM Account WHERE Id = '{created['id']}'", include_deleted=True)
    assert found["records"][0]["IsDeleted"] is True


def test_upsert_by_external_id(rest: Rest) -> None:
    path = "/sobjects/Payment__c/Stripe_Id__c/pi_1"
    first = rest.patch(path, json={"Amount__c": 12.5, "Currency_Code__c": "EUR"})
    assert (first.status_code, shape(first.json())) == (201, shape(sample("upsert_one", "created", "body")))
    second = rest.patch(path, json={"Amount__c": 13})
    assert (second.status_code, second.json()) == (200, first.json() | {"created": False})
    payment = rest.get(path).json()
    assert (payment["Amount__c"], payment["Currency_Code__c"], payment["Name"]) == (13.0, "EUR", "PAY-00000001")
    refused(rest.patch("/sobjects/Payment__c/Stripe_Id__c/pi_2?updateOnly=true", json={}), 404, "NOT_FOUND")
    refused(rest.patch("/sobjects/Payment__c/Entity__c/x", json={}), 404, "NOT_FOUND")
    refused(rest.patch(path, json={"Stripe_Id__c": "pi_1"}), 400, "INVALID_FIELD")
    assert rest.delete(path).status_code == 204
    refused(rest.get(path), 404, "NOT_FOUND")
    again = rest.patch(path, json={})
    assert (again.status_code, again.json()["created"]) == (201, True)


def test_external_ids_mind_case_and_any_character(rest: Rest) -> None:
    for value in ("pi_a", "pi_A", "a/b c%d@e.fg"):
        assert rest.patch(f"/sobjects/Payment__c/Stripe_Id__c/{quote(value, safe='')}", json={}).status_code == 201
    found = rest.rows("SELECT Stripe_Id__c FROM Payment__c ORDER BY CreatedDate, Id")
    assert [row["Stripe_Id__c"] for row in found] == ["pi_a", "pi_A", "a/b c%d@e.fg"]


def test_unique_values_and_parents_by_external_id(rest: Rest, salesforce: Any) -> None:
    account = rest.one("SELECT Id FROM Account LIMIT 1")["Id"]
    rest.patch(f"/sobjects/Account/{account}", json={"Stripe_Customer_Id__c": "cus_1"})
    duplicate = refused(
        rest.post("/sobjects/Account", json={"Name": "x", "Stripe_Customer_Id__c": "cus_1"}), 400, "DUPLICATE_VALUE"
    )
    assert (
        duplicate["message"]
        == f"duplicate value found: Stripe_Customer_Id__c duplicates value on record with id: {account}"
    )
    payment = rest.add("Payment__c", Stripe_Id__c="pi_1", Account__r={"Stripe_Customer_Id__c": "cus_1"})
    assert salesforce.Payment__c.get(payment)["Account__c"] == account
    missing = rest.post("/sobjects/Payment__c", json={"Account__r": {"Stripe_Customer_Id__c": "cus_2"}})
    assert refused(missing, 400, "INVALID_FIELD")["message"] == (
        "Foreign key external ID: cus_2 not found for field Stripe_Customer_Id__c in entity Account"
    )


def test_numbers_dates_and_empties(rest: Rest) -> None:
    payment = rest.add(
        "Payment__c",
        Stripe_Id__c="pi_1",
        Amount__c=12.3455,
        Exchange_Rate__c="0.1234567895",
        Created_At__c="2026-11-23T01:02:03.987+02:00",
        Livemode__c=True,
        Failure_Code__c="   ",
        Currency_Code__c=" EUR ",
    )
    row = rest.get(f"/sobjects/Payment__c/{payment}").json()
    assert (row["Amount__c"], row["Exchange_Rate__c"]) == (12.346, 0.12345679)
    assert row["Created_At__c"] == "2026-11-22T23:02:03.000+0000"
    assert (row["Livemode__c"], row["Failure_Code__c"], row["Currency_Code__c"]) == (True, None, "EUR")
    assert rest.patch(f"/sobjects/Payment__c/{payment}", json={"Amount__c": None}).status_code == 204
    named = rest.get(f"/sobjects/Payment__c/{payment}", params={"fields": "Amount__c,Currency_Code__c"}).json()
    assert set(named) == {"attributes", "Id", "Amount__c", "Currency_Code__c"}
    assert named["Amount__c"] is None


NOBODY = "001000000000001AAA"


WON = {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-12-01", "IsWon": True}


@pytest.mark.parametrize(
    ("name", "body", "code", "fields"),
    [
        ("Opportunity", {"Foo__c": 1}, "INVALID_FIELD", None),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", ["StageName", "CloseDate"]),
        ("Account", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ("Payment__c", {"Amount__c": 10**15}, "NUMBER_OUTSIDE_VALID_RANGE", ["Amount__c"]),
        ("Contact", {"LastName": "x", "AccountId": "abc"}, "MALFORMED_ID", ["AccountId"]),
        ("Contact", {"LastName": "x", "AccountId": NOBODY}, "INVALID_CROSS_REFERENCE_KEY", ["AccountId"]),
        ("Payment__c", {"Status__c": "Nope"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Status__c"]),
        ("Account", {"Name": "x", "CurrencyIsoCode": "CHF"}, "INVALID_CURRENCY_ISO", ["CurrencyIsoCode"]),
        ("Opportunity", WON, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsWon"]),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR", None),
        ("Payment__c", {"Amount__c": "ten"}, "JSON_PARSER_ERROR", None),
        ("Payment__c", {"Paid_At__c": "yesterday"}, "JSON_PARSER_ERROR", None),
        ("Contact", {"LastName": "x", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
    ],
)
def test_refusals(rest: Rest, name: str, body: dict[str, Any], code: str, fields: list[str] | None) -> None:
    before = rest.soql(f"SELECT COUNT() FROM {name}")["totalSize"]
    error = refused(rest.post(f"/sobjects/{name}", json=body), 400, code)
    assert error.get("fields") == fields
    assert rest.soql(f"SELECT COUNT() FROM {name}")["totalSize"] == before


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("Opportunity", {"Foo__c": 1}, "No such column 'Foo__c' on sobject of type Opportunity"),
        ("Opportunity", {"Name": "x"}, "Required fields are missing: [StageName, CloseDate]"),
        ("Contact", {"LastName": "x", "AccountId": "abc"}, "Account ID: id value of incorrect type: abc"),
        ("Contact", {"LastName": "x", "AccountId": NOBODY}, "invalid cross reference id"),
        ("Payment__c", {"Status__c": "Nope"}, "Status: bad value for restricted picklist field: Nope"),
    ],
)
def test_words_of_refusals(rest: Rest, name: str, body: dict[str, Any], message: str) -> None:
    assert rest.post(f"/sobjects/{name}", json=body).json()[0]["message"] == message


def test_bad_json_and_bad_addresses(rest: Rest) -> None:
    refused(
        rest.post("/sobjects/Account", content=b"{", headers={"Content-Type": "application/json"}),
        400,
        "JSON_PARSER_ERROR",
    )
    refused(rest.post("/sobjects/Account", content=b'{"Name": NaN}'), 400, "JSON_PARSER_ERROR")
    refused(rest.get("/sobjects/Nothing__c"), 404, "NOT_FOUND")
    refused(rest.get("/sobjects/Account/001000000000001AAA"), 404, "NOT_FOUND")
    refused(rest.patch("/sobjects/Account/nonsense", json={}), 400, "MALFORMED_ID")
    refused(rest.put("/sobjects/Account", json={}), 405, "METHOD_NOT_ALLOWED")
    refused(rest.patch(f"/sobjects/Account/{NOBODY}", json={}), 404, "NOT_FOUND")
    refused(rest.get("/search", params={"q": "FIND {x}"}), 501, "SANDBOX_NOT_IMITATED")
    account = rest.one("SELECT Id FROM Account LIMIT 1")["Id"]
    assert rest.get(f"/sobjects/Account/{account[:15]}").json()["Id"] == account
    broken = account[:15] + ("AAA" if account[15:] != "AAA" else "BBB")
    refused(rest.get(f"/sobjects/Account/{broken}"), 404, "NOT_FOUND")


def test_deleted_records(rest: Rest) -> None:
    payment = rest.add("Payment__c", Stripe_Id__c="pi_1")
    charge = rest.add("Charge__c", Stripe_Id__c="ch_1", Payment__c=payment)
    assert rest.delete(f"/sobjects/Payment__c/{payment}").status_code == 204
    refused(rest.patch(f"/sobjects/Payment__c/{payment}", json={}), 404, "ENTITY_IS_DELETED")
    refused(rest.delete(f"/sobjects/Payment__c/{payment}"), 404, "ENTITY_IS_DELETED")
    refused(rest.post("/sobjects/Charge__c", json={"Payment__c": payment}), 400, "ENTITY_IS_DELETED")
    assert rest.get(f"/sobjects/Charge__c/{charge}").json()["Payment__c"] is None


def test_system_fields(rest: Rest) -> None:
    before = rest.one("SELECT Id, CreatedDate, SystemModstamp, CreatedById FROM Account LIMIT 1")
    assert rest.patch(f"/sobjects/Account/{before['Id']}", json={"Site": "x"}).status_code == 204
    after = rest.one(f"SELECT CreatedDate, SystemModstamp, LastModifiedDate FROM Account WHERE Id = '{before['Id']}'")
    assert after["CreatedDate"] == before["CreatedDate"]
    assert after["SystemModstamp"] == after["LastModifiedDate"] > before["SystemModstamp"]


def test_simple_salesforce_reads_our_errors(salesforce: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest) as failure:
        salesforce.Account.create({"Nope": 1})
    content: Any = failure.value.content  # typed as a status in simple-salesforce
    assert content[0]["errorCode"] == "INVALID_FIELD"
    assert salesforce.Payment__c.upsert("Stripe_Id__c/pi_9", {"Amount__c": 1}) == 201
    assert salesforce.Payment__c.upsert("Stripe_Id__c/pi_9", {"Amount__c": 2}) == 200
    assert salesforce.Payment__c.get_by_custom_id("Stripe_Id__c", "pi_9")["Amount__c"] == 2.0


def test_the_api_is_counted(rest: Rest) -> None:
    first = rest.get("/limits")
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/5000000"
    second = rest.get("/limits")
    assert second.headers["Sforce-Limit-Info"] == "api-usage=2/5000000"
    assert second.json()["DailyApiRequests"] == {"Max": 5_000_000, "Remaining": 4_999_998}
    assert set(sample("limits")) <= set(second.json())
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
