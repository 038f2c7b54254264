# the queries of a test hold nothing from outside
"""Bulk API 2.0 as simple-salesforce drives it: inserts, updates, deletions, and queries as jobs."""

import csv
import io
from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import Rest, refused

Row = dict[str, Any]


def bulk(salesforce: Any, name: str, operation: str, records: list[Row]) -> Row:
    (outcome,) = getattr(getattr(salesforce.bulk2, name), operation)(records=records, wait=0.05)
    found: Row = outcome
    return found


def test_inserts_updates_and_deletions(salesforce: Any, rest: Rest) -> None:
    done = bulk(salesforce, "Account", "insert", [{"Name": "Bulk 1"}, {"Name": ""}, {"Name": "Bulk 3"}])
    assert (done["numberRecordsTotal"], done["numberRecordsFailed"]) == (3, 1)
    failed = list(csv.DictReader(io.StringIO(salesforce.bulk2.Account.get_failed_records(done["job_id"]))))
    assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --")
    ids = [row["Id"] for row in rest.rows("SELECT Id FROM Account WHERE Name LIKE 'Bulk%' ORDER BY Name")]
    changes = [{"Id": record, "Phone": "5"} for record in ids] + [{"Id": "001000000000000AAA", "Phone": "6"}]
    assert bulk(salesforce, "Account", "update", changes)["numberRecordsFailed"] == 1
    assert rest.soql("SELECT COUNT() FROM Account WHERE Phone = '5'")["totalSize"] == 2
    assert bulk(salesforce, "Account", "delete", [{"Id": record} for record in ids])["numberRecordsFailed"] == 0
    assert rest.rows("SELECT Id FROM Account WHERE Name LIKE 'Bulk%'") == []
    listed = rest.get("/jobs/ingest").json()
    assert [job["operation"] for job in listed["records"]] == ["insert", "update", "delete"]


def test_a_query_comes_in_parts(salesforce: Any, rest: Rest) -> None:
    for number in range(5):
        rest.add("Contact", LastName=f"Ours {number}", Description='say "a, b"')
    query = (
        "select Id, name, Account.name, Description, IsDeleted, CreatedDate from Contact where LastName like 'Ours%'"
    )
    pages = list(salesforce.bulk2.Contact.query(f"{query} order by LastName", max_records=2, wait=0.05))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert [len(page.splitlines()) - 1 for page in pages] == [2, 2, 1]
    assert [row["Name"] for row in rows] == [f"Ours {number}" for number in range(5)]
    assert (rows[0]["Account.name"], rows[0]["Description"], rows[0]["IsDeleted"]) == ("", 'say "a, b"', "false")
    assert rows[0]["CreatedDate"].endswith(".000Z")


def test_the_life_of_a_query_job(rest: Rest) -> None:
    job = rest.post("/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"}).json()
    path = f"/jobs/query/{job['id']}"
    assert (job["state"], job["object"], job["columnDelimiter"]) == ("UploadComplete", "Account", "COMMA")
    refused(rest.get(f"{path}/results"), 400, "INVALIDJOBSTATE")
    assert [rest.get(path).json()["state"] for _ in range(3)] == ["InProgress", "JobComplete", "JobComplete"]
    answer = rest.get(f"{path}/results", params={"maxRecords": 3})
    assert (answer.headers["sforce-numberofrecords"], answer.headers["sforce-locator"]) == ("3", "3")
    rest_of = rest.get(f"{path}/results", params={"locator": "3"})
    assert rest_of.headers["sforce-locator"] == "null"
    refused(rest.patch(path, json={"state": "Aborted"}), 400, "INVALIDJOBSTATE")
    assert rest.delete(path).status_code == 204
    refused(rest.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"operation": "query", "query": "SELECT COUNT(Id) FROM Account"}, 400, "FUNCTIONALITY_NOT_ENABLED"),
        ({"operation": "query", "query": "SELECT Nope FROM Account"}, 400, "INVALID_FIELD"),
        ({"operation": "query"}, 400, "MALFORMED_QUERY"),
        ({"operation": "delete", "query": "SELECT Id FROM Account"}, 400, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": "X"}, 400, "INVALIDJOB"),
    ],
)
def test_query_jobs_that_cannot_be(rest: Rest, body: Row, status: int, code: str) -> None:
    refused(rest.post("/jobs/query", json=body), status, code)


def test_other_delimiters_and_line_ends(rest: Rest) -> None:
    form = {"columnDelimiter": "SEMICOLON", "lineEnding": "CRLF", "contentType": "CSV"}
    job = rest.post("/jobs/ingest", json={"object": "Account", "operation": "insert"} | form).json()
    assert (job["columnDelimiter"], job["lineEnding"]) == ("SEMICOLON", "CRLF")
    path = f"/jobs/ingest/{job['id']}"
    assert rest.put(f"{path}/batches", content="Name;Phone\r\nSemi;1,5\r\n").status_code == 201
    rest.patch(path, json={"state": "UploadComplete"})
    assert [rest.get(path).json()["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
    assert rest.get(f"{path}/successfulResults").text.endswith('"Semi";"1,5"\r\n')
    refused(rest.post("/jobs/ingest", json={"object": "Account", "operation": "upsert"}), 400, "INVALIDJOB")
    refused(rest.post("/jobs/ingest", json={"object": "Account", "operation": "merge"}), 400, "INVALIDJOB")
