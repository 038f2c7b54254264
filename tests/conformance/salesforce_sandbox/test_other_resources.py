# ruff: noqa: S608  # the queries of a test hold nothing from outside
"""What clients other than Counterfoil ask of an org: trees, graphs, replication, conditions, older versions."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused
from tests.support.sandbox import RunningSandbox

JSON = {"Content-Type": "application/json"}


def branch(name: str, **body: Any) -> dict[str, Any]:
    return {"attributes": {"type": name, "referenceId": body.pop("ref")}, **body}


def test_a_tree_is_made_wholly_or_not_at_all(rest: Rest) -> None:
    children = {"records": [branch("Contact", ref="c", LastName="Leaf")]}
    root = branch("Account", ref="a", Name="Root", Contacts=children)
    answer = rest.post("/composite/tree/Account", json={"records": [root]})
    assert answer.status_code == 201
    body = answer.json()
    ids = {entry["referenceId"]: entry["id"] for entry in body["results"]}
    assert (body["hasErrors"], set(ids)) == (False, {"a", "c"})
    assert rest.one(f"SELECT AccountId FROM Contact WHERE Id = '{ids['c']}'") == {"AccountId": ids["a"]}
    bad = branch("Account", ref="x", Name="Rotten", Contacts={"records": [branch("Contact", ref="y", FirstName="?")]})
    answer = rest.post("/composite/tree/Account", json={"records": [bad]})
    (error,) = answer.json()["results"]
    assert (answer.status_code, answer.json()["hasErrors"], error["referenceId"]) == (400, True, "y")
    assert error["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert rest.rows("SELECT Id FROM Account WHERE Name = 'Rotten'") == []
    twice = {"records": [branch("Account", ref="a", Name="1"), branch("Account", ref="a", Name="2")]}
    refused(rest.post("/composite/tree/Account", json=twice), 400, "INVALID_INPUT")


def test_graphs_succeed_or_fail_one_by_one(rest: Rest) -> None:
    def graph(name: str, last: str | None) -> dict[str, Any]:
        contact = {"LastName": last, "AccountId": "@{a.id}"}
        requests = [
            {"method": "POST", "url": f"{DATA}/sobjects/{kind}", "referenceId": reference, "body": body}
            for kind, reference, body in (("Account", "a", {"Name": name}), ("Contact", "c", contact))
        ]
        return {"graphId": name, "compositeRequest": requests}

    answer = rest.post("/composite/graph", json={"graphs": [graph("good", "Leaf"), graph("bad", None)]})
    good, bad = answer.json()["graphs"]
    assert (good["graphId"], good["isSuccessful"], bad["isSuccessful"]) == ("good", True, False)
    statuses = [entry["httpStatusCode"] for entry in good["graphResponse"]["compositeResponse"]]
    first, second = bad["graphResponse"]["compositeResponse"]
    assert statuses == [201, 201]
    assert first["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert second["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert [row["Name"] for row in rest.rows("SELECT Name FROM Account WHERE Name IN ('good', 'bad')")] == ["good"]


def test_replication_tells_what_changed_and_what_went(rest: Rest) -> None:
    kept, gone = rest.add("Account", Name="Kept"), rest.add("Account", Name="Gone")
    assert rest.delete(f"/sobjects/Account/{gone}").status_code == 204
    now = datetime.now(UTC)
    span = {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(minutes=2)).isoformat()}
    updated = rest.get("/sobjects/Account/updated/", params=span).json()
    deleted = rest.get("/sobjects/Account/deleted/", params=span).json()
    assert updated["ids"] == [kept]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
    (entry,) = deleted["deletedRecords"]
    assert (entry["id"], entry["deletedDate"].endswith("+0000")) == (gone, True)
    refused(
        rest.get("/sobjects/Account/updated", params=span | {"end": span["start"]}), 400, "INVALID_REPLICATION_DATE"
    )
    refused(rest.get("/sobjects/Account/updated"), 400, "INVALID_REPLICATION_DATE")


@pytest.mark.parametrize("path", ["/sobjects", "/sobjects/Account/describe"])
def test_a_describe_that_did_not_change_is_not_sent_again(rest: Rest, path: str) -> None:
    changed = rest.get(path).headers["last-modified"]
    again = rest.get(path, headers={"If-Modified-Since": changed})
    assert (again.status_code, again.content) == (304, b"")
    before = parsedate_to_datetime(changed) - timedelta(seconds=1)
    assert rest.get(path, headers={"If-Modified-Since": format_datetime(before, usegmt=True)}).status_code == 200
    assert rest.get(path, headers={"If-Modified-Since": "yesterday"}).status_code == 200


def test_records_by_condition(rest: Rest) -> None:
    account = f"/sobjects/Account/{rest.add('Account', Name='Mine')}"
    first = rest.get(account)
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    assert rest.get(account, headers={"If-None-Match": tag}).status_code == 304
    assert rest.get(account, headers={"If-Modified-Since": changed}).status_code == 304
    assert rest.get(account, headers={"If-Match": '"other"'}).status_code == 412
    long_ago = {"If-Unmodified-Since": "Wed, 03 Jul 2013 19:43:31 GMT"}
    for method in ("PATCH", "DELETE", "GET"):
        answer = rest.request(method, account, headers=long_ago, json=None if method != "PATCH" else {"Phone": "1"})
        refused(answer, 412, "PRECONDITION_FAILED")
    assert rest.patch(account, headers={"If-Unmodified-Since": changed}, json={"Phone": "1"}).status_code == 204
    assert rest.get(account, headers={"If-None-Match": tag}).json()["Phone"] == "1"


def test_bodies_may_be_compressed_both_ways(rest: Rest) -> None:
    packed = gzip.compress(json.dumps({"Name": "Packed"}).encode())
    answer = rest.post("/sobjects/Account", content=packed, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 201
    assert rest.get("/sobjects/Account/describe").headers["content-encoding"] == "gzip"
    plain = rest.get("/sobjects/Account/describe", headers={"Accept-Encoding": "identity"})
    assert ("content-encoding" in plain.headers, plain.json()["name"]) == (False, "Account")
    broken = rest.post("/sobjects/Account", content=packed[:-9], headers=JSON | {"Content-Encoding": "gzip"})
    refused(broken, 400, "JSON_PARSER_ERROR")


def test_versions_that_older_clients_ask_for(rest: Rest, org: RunningSandbox) -> None:
    url = org.info["salesforce"]["http_url"]
    versions = {entry["version"]: entry["label"] for entry in httpx.get(f"{url}/services/data").json()}
    assert (versions["31.0"], versions["59.0"], versions["68.0"]) == ("Summer '14", "Winter '24", "Winter '27")
    key = "sobjects/Payment__c/Stripe_Id__c/pi_old"
    created = rest.patch(f"{url}/services/data/v45.0/{key}", json={"Amount__c": 1})
    again = rest.patch(f"{url}/services/data/v45.0/{key}", json={"Amount__c": 2})
    since = rest.patch(f"{url}/services/data/v46.0/{key}", json={"Amount__c": 3})
    assert (created.status_code, again.status_code, again.content, since.status_code) == (201, 204, b"", 200)
    refused(rest.get(f"{url}/services/data/v30.0/limits"), 410, "UNSUPPORTED_API_VERSION")
    refused(rest.get(f"{url}/services/data/v99.0/limits"), 404, "NOT_FOUND")


def test_a_token_may_be_asked_about(org: RunningSandbox) -> None:
    info = org.info["salesforce"]
    with Rest.sign_in(info) as signed_in:
        app = {"client_id": info["client_id"], "client_secret": info["client_secret"]}
        ask = f"{info['http_url']}/services/oauth2/introspect"
        told = httpx.post(ask, data=app | {"token": signed_in.token}).json()
        assert (told["active"], told["username"], told["exp"] > told["iat"]) == (True, info["username"], True)
        assert httpx.post(ask, data=app | {"token": "other"}).json() == {"active": False}
        stranger = httpx.post(ask, data=app | {"token": signed_in.token, "client_secret": "wrong"})
        assert (stranger.status_code, stranger.json()["error"]) == (400, "invalid_client")
        bad = httpx.get(f"{info['http_url']}/services/oauth2/userinfo", headers={"Authorization": "Bearer other"})
        assert (bad.status_code, bad.text) == (403, "Bad_OAuth_Token")


def test_layouts_are_refused_plainly(rest: Rest) -> None:
    refused(rest.get("/sobjects/Account/describe/layouts"), 501, "SANDBOX_NOT_IMITATED")
    refused(rest.get("/sobjects/Account/listviews"), 501, "SANDBOX_NOT_IMITATED")
