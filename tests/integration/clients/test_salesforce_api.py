"""The Salesforce client over a real socket: queries, writes record by record, and every failure."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from service.clients import SalesforceApi
from service.errors import VendorDenied, VendorError, VendorRejected, VendorUnavailable
from tests.integration.clients.org_server import BASE, ORG_ID, OrgServer, asks_kind
from tests.support.scripted_vendor import Reply


async def test_a_query_pages_and_keeps_fractions_exact(api: SalesforceApi, server: OrgServer) -> None:
    pages = {
        f"{BASE}/query": b'{"totalSize": 2, "done": false, "nextRecordsUrl": "/services/data/v66.0/query/01g-2000",'
        b' "records": [{"Amount": 40000.1, "Quantity": 3}]}',
        f"{BASE}/query/01g-2000": b'{"totalSize": 2, "done": true, "records": [{"Amount": 0.30}]}',
    }
    sign_in = server.answer
    server.vendor.answer = lambda request: (
        Reply(pages[request.path], headers={"Sforce-Limit-Info": "api-bursts=1/750; api-usage=18/5000"})
        if request.path in pages and not asks_kind(request)
        else sign_in(request)
    )
    rows = await api.query("SELECT Amount FROM Opportunity")
    assert rows == [{"Amount": Decimal("40000.1"), "Quantity": 3}, {"Amount": Decimal("0.30")}]
    assert api.usage == (18, 5000)
    assert server.calls()[0].query == {"q": ["SELECT Amount FROM Opportunity"]}
    assert server.calls()[0].headers["sforce-call-options"] == "client=Counterfoil"


async def test_a_query_with_more_rows_than_asked_for_is_refused(api: SalesforceApi, server: OrgServer) -> None:
    server.rest = Reply({"totalSize": 3, "done": True, "records": [{}, {}, {}]})
    with pytest.raises(VendorRejected):
        await api.query("SELECT Id FROM Account", limit=2)
    assert len(await api.query("SELECT Id FROM Account", limit=3)) == 3


@pytest.mark.parametrize(
    "body",
    [[], {}, {"records": 1, "totalSize": 1}, {"records": [], "totalSize": 1, "done": False, "nextRecordsUrl": "x"}],
)
async def test_a_query_answer_of_another_shape_is_no_answer(api: SalesforceApi, server: OrgServer, body: Any) -> None:
    server.rest = Reply(body)
    with pytest.raises(VendorUnavailable):
        await api.query("SELECT Id FROM Account")


async def test_several_queries_are_one_call_and_each_has_its_own_answer(api: SalesforceApi, server: OrgServer) -> None:
    refused = [{"errorCode": "INVALID_FIELD", "message": "No such column 'X__c'"}]
    answers = [
        (200, {"totalSize": 1, "done": True, "records": [{"Amount": 1}]}),
        (400, refused),
        (200, {"totalSize": 3, "done": True, "records": [{}, {}, {}]}),
        (200, {"records": "many"}),
    ]
    server.rest = Reply(
        {
            "compositeResponse": [
                {"referenceId": f"query{number}", "httpStatusCode": status, "body": body, "httpHeaders": {}}
                for number, (status, body) in enumerate(answers)
            ]
        }
    )
    asked = ["SELECT Amount FROM Opportunity WHERE Name = 'a&b'", "SELECT X__c FROM Order", "SELECT Id FROM A", "x"]
    whole, wrong, many, odd = await api.queries(asked, limit=2)
    assert whole == [{"Amount": 1}]
    assert isinstance(wrong, VendorRejected)
    assert wrong.code == "INVALID_FIELD"
    assert isinstance(many, VendorRejected)
    assert isinstance(odd, VendorUnavailable)
    [call] = server.calls()
    assert call.path == f"{BASE}/composite"
    url = json.loads(call.body)["compositeRequest"][0]["url"]
    assert dict(parse_qsl(urlsplit(url).query)) == {"q": asked[0]}


@pytest.mark.parametrize("body", [[], {}, {"compositeResponse": [{"referenceId": "query0"}]}])
async def test_queries_without_an_answer_for_each_have_none(api: SalesforceApi, server: OrgServer, body: Any) -> None:
    server.rest = Reply(body)
    with pytest.raises(VendorUnavailable):
        await api.queries(["SELECT Id FROM Account", "SELECT Id FROM Contact"])


async def test_describe_tells_a_missing_object_apart(api: SalesforceApi, server: OrgServer) -> None:
    server.rest = Reply({"name": "Payment__c", "fields": []})
    assert (await api.describe("Payment__c")) == {"name": "Payment__c", "fields": []}
    assert server.calls()[0].path == f"{BASE}/sobjects/Payment__c/describe"
    server.rest = Reply([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], 404)
    assert await api.describe("Payment__c") is None


async def test_organization(api: SalesforceApi, server: OrgServer) -> None:
    row = {"attributes": {"type": "Organization"}, "Id": ORG_ID, "IsSandbox": True}
    server.rest = Reply({"totalSize": 1, "done": True, "records": [row]})
    assert await api.organization() == {"Id": ORG_ID, "IsSandbox": True}


async def test_an_upsert_sends_exact_numbers_and_settles_each_record(api: SalesforceApi, server: OrgServer) -> None:
    lock = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}
    server.rest = Reply(
        [
            {"id": "a0x000000000001AAA", "success": True, "errors": [], "created": True},
            {"id": "a0x000000000002AAA", "success": True, "errors": [], "created": False},
            {"success": False, "errors": [lock], "created": False},
            {"unexpected": 1},
        ]
    )
    record = {
        "Stripe_Id__c": "pi_1",
        "Amount__c": Decimal("12345678901234.120"),
        "Fee__c": Decimal("1E+2"),
        "Paid_At__c": None,
        "Account__r": {"Stripe_Customer_Id__c": "cus_1"},
    }
    results = await api.upsert("Payment__c", "Stripe_Id__c", [record, record, record, record])
    assert [(one.success, one.created) for one in results] == [
        (True, True),
        (True, False),
        (False, False),
        (False, False),
    ]
    assert results[0].id == "a0x000000000001AAA"
    assert [one.error.reason if one.error else None for one in results] == [
        None,
        None,
        "SALESFORCE_LOCKED",
        "SALESFORCE_UNAVAILABLE",
    ]
    (request,) = server.calls()
    assert (request.method, request.path) == ("PATCH", f"{BASE}/composite/sobjects/Payment__c/Stripe_Id__c")
    assert b'"Amount__c":12345678901234.120,"Fee__c":100,"Paid_At__c":null' in request.body
    sent = json.loads(request.body)
    assert sent["allOrNone"] is False
    assert sent["records"][0]["attributes"] == {"type": "Payment__c"}


async def test_an_update_goes_by_id(api: SalesforceApi, server: OrgServer) -> None:
    server.rest = Reply([{"id": "006000000000001AAA", "success": True, "errors": []}])
    (result,) = await api.update("Opportunity", [{"id": "006000000000001AAA", "Payment_Status__c": "Paid"}])
    assert (result.success, result.created) == (True, False)
    assert (server.calls()[0].method, server.calls()[0].path) == ("PATCH", f"{BASE}/composite/sobjects")


async def test_limits_of_a_write(api: SalesforceApi, server: OrgServer) -> None:
    assert await api.update("Opportunity", []) == []
    with pytest.raises(ValueError, match="200"):
        await api.update("Opportunity", [{"id": "x"}] * 201)
    with pytest.raises(TypeError):
        await api.update("Opportunity", [{"id": "x", "Amount": Decimal("NaN")}])
    assert server.vendor.requests == []


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (Reply(gone=True), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply([{"success": True}] * 3, cut=True), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply(b"<html>"), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply([]), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply([{"success": True}] * 2), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply(b"<html>", 503), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (Reply(None, 302, {"Location": "http://127.0.0.1:1/"}), VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        (
            Reply([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}], 403),
            VendorUnavailable,
            "SALESFORCE_LIMIT",
        ),
        (Reply([{"errorCode": "API_DISABLED_FOR_ORG", "message": ""}], 403), VendorDenied, "SALESFORCE_DENIED"),
        (Reply([{"errorCode": "NOT_FOUND", "message": "secret"}], 404), VendorRejected, "SALESFORCE_NOT_FOUND"),
        (Reply([{"errorCode": "JSON_PARSER_ERROR", "message": "secret"}], 400), VendorRejected, "SALESFORCE_REJECTED"),
    ],
)
async def test_every_failure_is_one_of_ours_after_one_try(
    api: SalesforceApi, server: OrgServer, reply: Reply, kind: type[VendorError], reason: str
) -> None:
    server.rest = reply
    with pytest.raises(VendorError) as caught:
        await api.upsert("Payment__c", "Stripe_Id__c", [{"Stripe_Id__c": "pi_1"}])
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert len(server.calls()) == 1
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_password_in_netrc_does_not_replace_the_token(
    api: SalesforceApi, server: OrgServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.rest = Reply({"records": [], "totalSize": 0, "done": True})
    await api.query("SELECT Id FROM Account")
    assert server.calls()[0].headers["authorization"] == "Bearer t1"
