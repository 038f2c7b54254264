# ruff: noqa: S608  # the queries of a test hold nothing from outside
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.salesforce_sandbox.rest import Rest, refused, sample, shape

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def names(rest: Rest, where: str) -> list[str]:
    return [row["Name"] for row in rest.rows(f"SELECT Name FROM Account WHERE {where} ORDER BY Name")]


def test_parents_and_children(rest: Rest) -> None:
    answer = rest.soql(
        "SELECT Id, Amount, CloseDate, LastModifiedDate, Account.Name, "
        "(SELECT Quantity, Product2.Name FROM OpportunityLineItems ORDER BY Quantity DESC) "
        "FROM Opportunity WHERE Name IN ('Brightwater Expansion', 'Asahi Kogei Starter') ORDER BY Name DESC"
    )
    with_items, without = answer["records"]
    expected = sample("query_page", "records", "0")
    del expected["OpportunityLineItems"]
    items = with_items.pop("OpportunityLineItems")
    assert shape(with_items) == shape(expected)
    assert [(row["Quantity"], row["Product2"]["Name"]) for row in items["records"]] == [
        (10.0, "Platform Subscription"),
        (1.0, "Onboarding Package"),
    ]
    assert (items["totalSize"], items["done"], without["OpportunityLineItems"]) == (2, True, None)
    assert with_items["Amount"] == 2700.0
    orphan = rest.add("Contact", LastName="Orphan")
    assert rest.one(f"SELECT Account.Name FROM Contact WHERE Id = '{orphan}'") == {"Account": None}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Name = 'ASAHI KOGEI'", ["Asahi Kogei"]),
        ("Name LIKE 'a%' AND BillingCountry != 'Japan'", ["Al Noor Trading", "Atelier Perrin"]),
        ("NOT Name LIKE '%n%'", ["Asahi Kogei"]),
        ("(BillingCountry = 'Japan' OR BillingCountry = 'Kuwait') AND Name > 'B'", []),
        ("BillingCountry IN ('Japan', 'Kuwait')", ["Al Noor Trading", "Asahi Kogei"]),
        ("BillingCountry NOT IN ('United States','Germany','France','Japan')", ["Al Noor Trading", "Kestrel & Sons"]),
        ("Site = null AND Name <= 'Asahi Kogei'", ["Al Noor Trading", "Asahi Kogei"]),
        ("Site != null", []),
        ("Id IN (SELECT AccountId FROM Opportunity WHERE Amount = 12.34)", ["Al Noor Trading"]),
        ("Id NOT IN (SELECT AccountId FROM Order)", ["Atelier Perrin", "Northgate Clinics"]),
        ("CreatedDate < 2026-09-02T00:00:00Z AND Name = 'Kestrel & Sons'", ["Kestrel & Sons"]),
        ("CreatedDate >= 2026-09-01T10:00:00+02:00 AND Name = 'Asahi Kogei'", ["Asahi Kogei"]),
        ("CreatedDate = TODAY", []),
        ("CreatedDate < LAST_N_DAYS:3 AND Name = 'Asahi Kogei'", ["Asahi Kogei"]),
        ("Owner.IsActive = false", []),
    ],
)
def test_conditions(rest: Rest, where: str, expected: list[str]) -> None:
    assert names(rest, where) == expected


def test_numbers_dates_booleans_and_order(rest: Rest) -> None:
    rows = rest.rows("SELECT Name, Amount FROM Opportunity WHERE IsClosed = false AND Amount < 100 ORDER BY Amount")
    assert [row["Amount"] for row in rows] == [0.5, 12.34, 99.99]
    assert rest.soql("SELECT COUNT() FROM Opportunity WHERE CloseDate > 2026-12-15")["totalSize"] == 6
    rest.add("Opportunity", Name="Empty", StageName="Prospecting", CloseDate="2026-12-31")
    order = "SELECT Name FROM Opportunity ORDER BY Amount"
    assert rest.rows(f"{order} LIMIT 1")[0]["Name"] == "Empty"
    assert rest.rows(f"{order} DESC NULLS LAST LIMIT 1")[0]["Name"] == "Asahi Kogei Seats"
    assert rest.rows(f"{order} NULLS LAST, Name")[-1]["Name"] == "Empty"
    assert rest.rows(f"{order} LIMIT 2 OFFSET 1")[0]["Name"] == "Northgate Clinics Training"
    lower = rest.soql("select id, NAME, account.NAME from opportunity o where o.name = 'empty'")["records"][0]
    assert set(lower) == {"attributes", "Id", "Name", "Account"}


def test_fields_function(rest: Rest) -> None:
    standard = rest.rows("SELECT FIELDS(STANDARD) FROM Opportunity LIMIT 1")[0]
    custom = rest.rows("SELECT FIELDS(CUSTOM) FROM Opportunity LIMIT 1")[0]
    everything = rest.rows("SELECT FIELDS(ALL) FROM Opportunity LIMIT 1")[0]
    assert "Payment_Status__c" in custom
    assert set(standard) | set(custom) == set(everything)
    refused(rest.get("/query", params={"q": "SELECT FIELDS(ALL) FROM Account"}), 400, "MALFORMED_QUERY")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT Id FROM", 400, "MALFORMED_QUERY"),
        ("SELECT Id, FROM Account", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'x", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", 400, "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Account", 400, "MALFORMED_QUERY"),
        ("", 400, "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account", 400, "INVALID_FIELD"),
        ("SELECT Nope__r.Name FROM Account", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount = '5'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'x'", 400, "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Nope", 400, "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Nopes) FROM Account", 400, "INVALID_TYPE"),
        ("SELECT Id FROM Payment_Request__e", 400, "INVALID_TYPE_FOR_OPERATION"),
        ("SELECT StageName FROM Opportunity GROUP BY ROLLUP(StageName)", 501, "SANDBOX_NOT_IMITATED"),
        ("SELECT Id FROM Account FOR UPDATE", 501, "SANDBOX_NOT_IMITATED"),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Task", 501, "SANDBOX_NOT_IMITATED"),
        ("SELECT convertCurrency(Amount) FROM Opportunity", 501, "SANDBOX_NOT_IMITATED"),
        ("SELECT Id FROM Account WHERE CreatedDate = THIS_DECADE", 400, "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Account", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account GROUP BY Name", 400, "MALFORMED_QUERY"),
        ("SELECT COUNT(Id) FROM Account LIMIT 1", 400, "MALFORMED_QUERY"),
        ("SELECT Name n FROM Account", 400, "MALFORMED_QUERY"),
        ("SELECT SUM(Name) FROM Account", 400, "MALFORMED_QUERY"),
        ("SELECT Amount FROM Opportunity GROUP BY Amount", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Account HAVING COUNT(Id) > 1", 400, "MALFORMED_QUERY"),
        ("SELECT Account.Name, Owner.Name FROM Opportunity GROUP BY Account.Name, Owner.Name", 400, "MALFORMED_QUERY"),
        ("SELECT CALENDAR_YEAR(Name) FROM Account GROUP BY CALENDAR_YEAR(Name)", 400, "MALFORMED_QUERY"),
    ],
)
def test_errors(rest: Rest, query: str, status: int, code: str) -> None:
    error = refused(rest.get("/query", params={"q": query}), status, code)
    if query == "SELECT Nope FROM Account":
        assert error["message"].startswith(
            "\nSELECT Nope FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nope' on entity 'Account'."
        )


def test_a_query_too_long_for_a_uri(rest: Rest) -> None:
    query = f"SELECT Id FROM Account WHERE Name = '{'x' * 16_384}'"
    refused(rest.get("/query", params={"q": query}), 414, "URI_TOO_LONG")


def test_pages(rest: Rest, salesforce: Any) -> None:
    for start in range(0, 450, 150):
        records = [
            {"attributes": {"type": "Payment__c"}, "Stripe_Id__c": f"pi_{number:03d}"}
            for number in range(start, start + 150)
        ]
        rest.patch("/composite/sobjects/Payment__c/Stripe_Id__c", json={"records": records}).raise_for_status()
    query = "SELECT Stripe_Id__c FROM Payment__c ORDER BY Stripe_Id__c"
    page = rest.soql(query, **{"Sforce-Query-Options": "batchSize=1"})
    assert set(page) == set(sample("query_page"))
    assert (page["totalSize"], page["done"], len(page["records"])) == (450, False, 200)
    seen = page["records"]
    while not page["done"]:
        page = rest.get(
            f"{rest.base_url.copy_with(path='')}{page['nextRecordsUrl']}",
            headers={"Sforce-Query-Options": "batchSize=200"},
        ).json()
        seen += page["records"]
    assert [row["Stripe_Id__c"] for row in seen] == [f"pi_{number:03d}" for number in range(450)]
    assert "nextRecordsUrl" not in page
    refused(rest.get("/query/01g000000000000AAA-200"), 400, "INVALID_QUERY_LOCATOR")
    assert len(salesforce.query_all(query)["records"]) == 450


@FEW
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=40))
def test_any_text_is_found_by_its_escaped_literal(rest: Rest, text: str) -> None:
    account = rest.add("Account", Name=text)
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    pattern = literal.replace("%", "\\%").replace("_", "\\_")
    for condition in (f"Name = '{literal}'", f"Name IN ('{literal}')", f"Name LIKE '{pattern}'"):
        found = rest.rows(f"SELECT Id FROM Account WHERE {condition}")
        assert account in [row["Id"] for row in found], condition


@FEW
@given(amount=st.decimals(min_value=-(10**12), max_value=10**12, places=3))
def test_money_survives_the_journey(rest: Rest, amount: Any) -> None:
    path = "/sobjects/Payment__c/Stripe_Id__c/pi_money"
    answer = rest.patch(path, content=json.dumps({"Amount__c": "?"}).replace('"?"', str(amount)).encode())
    assert answer.status_code in {200, 201}
    assert json.loads(rest.get(path).content, parse_float=type(amount))["Amount__c"] == amount
