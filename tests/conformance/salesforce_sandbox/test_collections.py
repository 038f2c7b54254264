from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused, sample, shape

UPSERT = "/composite/sobjects/Payment__c/Stripe_Id__c"


def payment(stripe_id: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Payment__c"}, "Stripe_Id__c": stripe_id, **values}


def test_each_record_has_its_own_result(rest: Rest) -> None:
    records = [payment("pi_1", Amount__c=1), payment("pi_2", Status__c="Nope"), payment("pi_3", Foo__c=1)]
    answer = rest.patch(UPSERT, json={"allOrNone": False, "records": records})
    assert answer.status_code == 200
    created, failed, unknown = answer.json()
    assert shape([created, failed]) == shape(sample("collections_upsert", "response", "body"))
    assert failed["errors"] == [sample("collections_upsert", "response", "body", "1", "errors", "0")]
    assert unknown["errors"][0]["statusCode"] == "INVALID_FIELD"
    again = rest.patch(UPSERT, json={"records": [payment("pi_1", Amount__c=2)]}).json()
    assert again == [created | {"created": False}]


def test_all_fail_and_still_200(rest: Rest) -> None:
    answer = rest.patch(UPSERT, json={"records": [payment("pi_1", Status__c="Nope")]})
    assert (answer.status_code, answer.json()[0]["success"]) == (200, False)
    assert "id" not in answer.json()[0]


def test_all_or_none_undoes_everything(rest: Rest) -> None:
    kept = rest.add("Payment__c", Stripe_Id__c="pi_0", Amount__c=1)
    records = [payment("pi_0", Amount__c=9), payment("pi_1"), payment("pi_2", Status__c="Nope")]
    updated, created, failed = rest.patch(UPSERT, json={"allOrNone": True, "records": records}).json()
    for result in (updated, created):
        assert shape([result]) == shape(sample("collections_all_or_none_failure"))
        assert result["errors"][0] == sample("collections_all_or_none_failure", "0", "errors", "0")
    assert failed["errors"][0]["statusCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert rest.rows("SELECT Id, Amount__c FROM Payment__c") == [{"Id": kept, "Amount__c": 1.0}]


def test_a_key_given_twice_fails_both(rest: Rest) -> None:
    results = rest.patch(UPSERT, json={"records": [payment("pi_1"), payment("pi_2"), payment("pi_1")]}).json()
    assert [result["success"] for result in results] == [False, True, False]
    assert results[0]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"


def test_limits_of_a_call(rest: Rest) -> None:
    refused(rest.patch(UPSERT, json={"records": [payment(f"pi_{n}") for n in range(201)]}), 400, "EXCEEDED_ID_LIMIT")
    results = rest.patch(UPSERT, json={"records": [payment(f"pi_{n}") for n in range(200)]}).json()
    assert all(result["created"] for result in results)
    refused(rest.patch("/composite/sobjects/Payment__c/Entity__c", json={"records": [payment("x")]}), 404, "NOT_FOUND")
    missing = rest.patch(UPSERT, json={"records": [{"attributes": {"type": "Payment__c"}}]}).json()
    assert missing[0]["errors"][0]["statusCode"] == "MISSING_ARGUMENT"


def test_create_update_delete_retrieve(rest: Rest) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("One", "Two")]
    created = rest.post("/composite/sobjects", json={"records": records}).json()
    ids = [result["id"] for result in created]
    assert created[0] == {"id": ids[0], "success": True, "errors": []}
    changes = [{"attributes": {"type": "Account"}, "id": key, "Site": "s"} for key in [*ids, "001000000000001AAA"]]
    updated = rest.patch("/composite/sobjects", json={"records": changes}).json()
    assert [result["success"] for result in updated] == [True, True, False]
    assert updated[2]["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    found = rest.post(
        "/composite/sobjects/Account", json={"ids": [*ids, "001000000000001AAA"], "fields": ["Site"]}
    ).json()
    assert [row and row["Site"] for row in found] == ["s", "s", None]
    deleted = rest.delete("/composite/sobjects", params={"ids": ",".join(ids), "allOrNone": "true"}).json()
    assert deleted == created


def test_composite_hands_ids_on(rest: Rest) -> None:
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "a", "body": {"Name": "New"}},
            {
                "method": "PATCH",
                "url": f"{DATA}/sobjects/Payment__c/Stripe_Id__c/pi_1",
                "referenceId": "p",
                "body": {"Account__c": "@{a.id}"},
            },
            {
                "method": "GET",
                "url": f"{DATA}/query?q=SELECT+Id+FROM+Payment__c+WHERE+Account__r.Name='New'",
                "referenceId": "q",
            },
        ],
    }
    first, second, third = rest.post("/composite", json=body).json()["compositeResponse"]
    assert shape(first) == shape(sample("composite_partial", "compositeResponse", "0"))
    assert (first["httpStatusCode"], second["httpStatusCode"], third["httpStatusCode"]) == (201, 201, 200)
    assert third["body"]["records"][0]["Id"] == second["body"]["id"]


@pytest.mark.parametrize(("all_or_none", "left"), [(True, 0), (False, 1)])
def test_composite_failure(rest: Rest, all_or_none: bool, left: int) -> None:
    body = {
        "allOrNone": all_or_none,
        "compositeRequest": [
            {
                "method": "POST",
                "url": f"{DATA}/sobjects/Payment__c",
                "referenceId": "p",
                "body": {"Stripe_Id__c": "pi_1"},
            },
            {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "a", "body": {}},
            {"method": "GET", "url": f"{DATA}/sobjects/Account/@{{a.id}}", "referenceId": "g"},
        ],
    }
    answer = rest.post("/composite", json=body)
    assert answer.status_code == 200
    entries = answer.json()["compositeResponse"]
    codes = [entry["body"][0]["errorCode"] if entry["httpStatusCode"] == 400 else None for entry in entries]
    assert codes == ["PROCESSING_HALTED" if all_or_none else None, "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    if all_or_none:
        assert entries[0]["body"] == sample("composite_partial", "compositeResponse", "1", "body")
    assert rest.soql("SELECT COUNT() FROM Payment__c")["totalSize"] == left


def test_composite_batch(rest: Rest) -> None:
    body = {
        "batchRequests": [
            {"method": "PATCH", "url": "v66.0/sobjects/Payment__c/Stripe_Id__c/pi_1", "richInput": {"Amount__c": 1}},
            {"method": "GET", "url": "v66.0/sobjects/Nope"},
        ]
    }
    answer = rest.post("/composite/batch", json=body).json()
    assert (answer["hasErrors"], [result["statusCode"] for result in answer["results"]]) == (True, [201, 404])
    refused(rest.post("/composite/graph", json={}), 400, "JSON_PARSER_ERROR")


def test_simple_salesforce_collections(salesforce: Any) -> None:
    body = {"records": [payment("pi_1", Amount__c=3)]}
    results = salesforce.restful("composite/sobjects/Payment__c/Stripe_Id__c", method="PATCH", json=body)
    assert results[0]["created"] is True
