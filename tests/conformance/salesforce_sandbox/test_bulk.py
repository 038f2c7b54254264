"""Bulk API 2.0 ingest as the developer guide describes it."""

import csv
import io
from typing import Any

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused, sample
from tests.support.sandbox import RunningSandbox

JOB = {
    "object": "Charge__c",
    "externalIdFieldName": "Stripe_Id__c",
    "operation": "upsert",
    "contentType": "CSV",
    "lineEnding": "LF",
}


def opened(rest: Rest) -> dict[str, Any]:
    answer = rest.post("/jobs/ingest", json=JOB)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def run(rest: Rest, text: str) -> str:
    job = str(opened(rest)["id"])
    assert rest.put(f"/jobs/ingest/{job}/batches", content=text).status_code == 201
    assert rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    return job


def rows(rest: Rest, job: str, kind: str) -> list[dict[str, str]]:
    answer = rest.get(f"/jobs/ingest/{job}/{kind}")
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_job_has_the_documented_shape(rest: Rest) -> None:
    job = opened(rest)
    assert set(job) == set(sample("bulk2_job"))
    assert job["state"] == "Open"
    assert f"/{job['contentUrl']}" == f"{DATA}/jobs/ingest/{job['id']}/batches"


def test_rows_have_results_of_their_own(rest: Rest) -> None:
    rest.add("Payment__c", Stripe_Id__c="pi_1")
    job = run(
        rest,
        "Stripe_Id__c,Amount__c,Captured__c,Failure_Code__c,Payment__r.Stripe_Id__c\n"
        "ch_1,10.5,true,,pi_1\n"
        "ch_2,x,true,,pi_1\n"
        "ch_3,1,false,#N/A,pi_missing\n",
    )
    assert [rest.get(f"/jobs/ingest/{job}").json()["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
    (done,) = rows(rest, job, "successfulResults")
    assert (done["sf__Created"], done["Stripe_Id__c"]) == ("true", "ch_1")
    failed = {row["Stripe_Id__c"]: row["sf__Error"] for row in rows(rest, job, "failedResults")}
    assert set(failed) == {"ch_2", "ch_3"}
    assert failed["ch_3"].startswith("INVALID_FIELD:Foreign key external ID: pi_missing not found")
    assert rows(rest, job, "unprocessedrecords") == []
    charge = rest.one("SELECT Amount__c, Captured__c, Payment__r.Stripe_Id__c FROM Charge__c")
    assert (charge["Amount__c"], charge["Captured__c"]) == (10.5, True)


def test_an_empty_cell_leaves_a_field_and_a_sign_empties_it(rest: Rest) -> None:
    rest.add("Charge__c", Stripe_Id__c="ch_1", Failure_Code__c="a", Failure_Message__c="b")
    job = run(rest, "Stripe_Id__c,Failure_Code__c,Failure_Message__c\nch_1,,#N/A\n")
    for _ in range(2):
        rest.get(f"/jobs/ingest/{job}")
    assert rows(rest, job, "successfulResults")[0]["sf__Created"] == "false"
    charge = rest.one("SELECT Failure_Code__c, Failure_Message__c FROM Charge__c")
    assert charge == {"Failure_Code__c": "a", "Failure_Message__c": None}


def test_data_is_taken_once_and_a_job_can_be_given_up(rest: Rest) -> None:
    job = opened(rest)["id"]
    assert rest.put(f"/jobs/ingest/{job}/batches", content="Stripe_Id__c\nch_1\n").status_code == 201
    refused(rest.put(f"/jobs/ingest/{job}/batches", content="Stripe_Id__c\nch_2\n"), 400, "INVALIDJOBSTATE")
    assert rest.patch(f"/jobs/ingest/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    refused(rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"}), 400, "INVALIDJOBSTATE")
    assert rest.soql("SELECT COUNT() FROM Charge__c")["totalSize"] == 0
    assert rest.delete(f"/jobs/ingest/{job}").status_code == 204
    refused(rest.get(f"/jobs/ingest/{job}"), 404, "NOT_FOUND")


def test_a_job_that_fails_tells_what_it_left(org: RunningSandbox, rest: Rest) -> None:
    org.control("POST", "/salesforce/faults", {"fault": "bulk_failure", "rows": 1, "path_prefix": f"{DATA}/jobs"})
    org.control("DELETE", "/salesforce/faults")
    job = run(rest, "Stripe_Id__c\nch_1\nch_2\n")
    org.control(
        "POST", "/salesforce/faults", {"fault": "bulk_failure", "rows": 1, "method": "GET", "path_prefix": DATA}
    )
    assert [rest.get(f"/jobs/ingest/{job}").json()["state"] for _ in range(2)] == ["InProgress", "Failed"]
    assert [row["Stripe_Id__c"] for row in rows(rest, job, "successfulResults")] == ["ch_1"]
    assert [row["Stripe_Id__c"] for row in rows(rest, job, "unprocessedrecords")] == ["ch_2"]


def test_a_fault_of_a_nested_write_strikes_the_whole_call(org: RunningSandbox, rest: Rest) -> None:
    write = {
        "method": "PATCH",
        "url": f"{DATA}/composite/sobjects/Payment__c/Stripe_Id__c",
        "referenceId": "a",
        "body": {"records": [{"attributes": {"type": "Payment__c"}, "Stripe_Id__c": "pi_1"}]},
    }
    org.control(
        "POST",
        "/salesforce/faults",
        {"fault": "record_error", "error_code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no", "method": "PATCH"}
        | {"path_prefix": f"{DATA}/composite/sobjects", "sobject": "Payment__c"},
    )
    for wanted in (False, True):
        (answer,) = rest.post("/composite", json={"compositeRequest": [write]}).json()["compositeResponse"]
        assert answer["body"][0]["success"] is wanted
    struck = org.control("GET", "/salesforce/requests")["requests"][-2]
    assert (struck["fault"], struck["records"]) == ("record_error", 1)
    assert struck["subrequests"] == [{"method": "PATCH", "path": write["url"]}]


def test_the_daily_limit_can_be_set(org: RunningSandbox, rest: Rest) -> None:
    org.control("POST", "/salesforce/settings", {"daily_api_requests": 100, "api_calls": 40})
    assert rest.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=41/100"
