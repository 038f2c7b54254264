"""The Salesforce client over a real socket: sign-in, sessions, queries, writes record by record, and every failure."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service.clients import SalesforceApi, Session
from service.clock import Clock, SystemClock
from service.config import Org
from service.errors import ConfigurationError, VendorDenied, VendorError, VendorRejected, VendorUnavailable
from tests.support.scripted_vendor import Reply, Request, Vendor, vendor
from tests.support.waiting import until

ORG_ID = "00D000000000001EAA"
BASE = "/services/data/v66.0"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class FakeTime:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def new_id(self) -> UUID:
        return UUID(int=1)

    def jitter(self, span: timedelta) -> timedelta:
        return span * 0


class OrgServer:
    """Signs anybody in with a fresh token; `refused` tokens get a 401; everything else answers as `rest` says."""

    def __init__(self, it: Vendor) -> None:
        self.vendor = it
        self.tokens = 0
        self.refused: set[str] = set()
        self.sign_in: Reply | None = None
        self.rest = Reply({})
        it.answer = self.answer

    def answer(self, request: Request) -> Reply:
        if request.path == "/services/oauth2/token":
            if self.sign_in:
                return self.sign_in
            self.tokens += 1
            identity = f"https://login.salesforce.com/id/{ORG_ID}/005000000000001AAA"
            return Reply({"access_token": f"t{self.tokens}", "instance_url": self.vendor.url, "id": identity})
        if request.headers["authorization"].removeprefix("Bearer ") in self.refused:
            return Reply([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], 401)
        return self.rest

    def calls(self, path: str = BASE) -> list[Request]:
        return [request for request in self.vendor.requests if request.path.startswith(path)]

    @property
    def sign_ins(self) -> list[Request]:
        return self.calls("/services/oauth2")


@pytest.fixture
async def server() -> AsyncIterator[OrgServer]:
    async with vendor(lambda _: Reply()) as it:
        yield OrgServer(it)


def org(url: str, folder: Path, flow: str = "jwt_bearer", **settings: Any) -> Org:
    (folder / "secret").write_text(PEM if flow == "jwt_bearer" else "s3cret")
    secret = {"file": folder / "secret"}
    auth = {"flow": flow, "client_id": "consumer"} | (
        {"username": "integration@acme.test", "private_key": secret}
        if flow == "jwt_bearer"
        else {"client_secret": secret}
    )
    values = {"org_id": ORG_ID, "is_sandbox": True, "login_url": url, "auth": auth, "timeout_seconds": 1, **settings}
    return Org.model_validate(values)


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def api(server: OrgServer, tmp_path: Path, clock: Clock) -> SalesforceApi:
    return SalesforceApi("main", org(server.vendor.url, tmp_path), clock)


async def test_jwt_bearer_signs_for_a_few_minutes(api: SalesforceApi, server: OrgServer, clock: FakeTime) -> None:
    session = await api.session()
    assert session == Session("t1", server.vendor.url, ORG_ID)
    assert "t1" not in repr(session)
    form = server.sign_ins[0].form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"],
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://test.salesforce.com",
        options={"verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("consumer", "integration@acme.test")
    assert claims["exp"] == int(clock.moment.timestamp()) + 180


async def test_client_credentials(server: OrgServer, tmp_path: Path, clock: Clock) -> None:
    api = SalesforceApi("main", org(server.vendor.url, tmp_path, "client_credentials"), clock)
    await api.session()
    assert server.sign_ins[0].form == {
        "grant_type": "client_credentials",
        "client_id": "consumer",
        "client_secret": "s3cret",
    }


async def test_all_who_wait_share_one_sign_in_even_if_the_first_gives_up(api: SalesforceApi, server: OrgServer) -> None:
    gate = asyncio.Event()
    identity = f"/id/{ORG_ID}/005"
    server.sign_in = Reply({"access_token": "t", "instance_url": server.vendor.url, "id": identity}, wait=gate.wait)
    waiters = [asyncio.create_task(api.session()) for _ in range(20)]
    await until(lambda: server.sign_ins)
    waiters[0].cancel()
    gate.set()
    results = await asyncio.gather(*waiters, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {one.access_token for one in results[1:] if isinstance(one, Session)} == {"t"}
    assert len(server.sign_ins) == 1


async def test_a_session_is_renewed_only_for_whom_it_was_refused(api: SalesforceApi, server: OrgServer) -> None:
    first = await api.session()
    second, again = await asyncio.gather(api.session(refresh_after=first), api.session(refresh_after=first))
    assert first != second == again == await api.session(refresh_after=first) == await api.session()
    assert len(server.sign_ins) == 2


async def test_an_expired_session_costs_one_sign_in_and_one_repetition(api: SalesforceApi, server: OrgServer) -> None:
    server.rest = Reply({"records": [], "totalSize": 0, "done": True})
    await api.query("SELECT Id FROM Account")
    server.refused = {"t1"}
    await asyncio.gather(*(api.query("SELECT Id FROM Account") for _ in range(5)))
    assert len(server.sign_ins) == 2
    server.refused = {"t1", "t2", "t3"}
    with pytest.raises(VendorDenied) as caught:
        await api.query("SELECT Id FROM Account")
    assert caught.value.code == "INVALID_SESSION_ID"
    assert len(server.sign_ins) == 3


async def test_a_refused_sign_in_is_not_repeated_at_once(
    api: SalesforceApi, server: OrgServer, clock: FakeTime
) -> None:
    server.sign_in = Reply({"error": "invalid_grant", "error_description": "for integration@acme.test"}, 400)
    pauses = []
    for asked in (1, 2, 3):
        for _ in range(3):
            with pytest.raises(VendorDenied) as caught:
                await api.session()
        assert caught.value.code == "invalid_grant"
        assert "acme.test" not in str(caught.value)
        assert len(server.sign_ins) == asked
        assert caught.value.retry_after is not None
        pauses.append(caught.value.retry_after)
        clock.moment += caught.value.retry_after
    assert pauses == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    server.sign_in = None
    assert (await api.session()).access_token == "t1"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(gone=True),
        Reply(b"<html>", 503),
        Reply({"error": "server_error"}, 400),
        Reply({}, 429),
        Reply(b"<html>"),
        Reply({"access_token": "t"}),
        Reply({"access_token": "t", "instance_url": "https://x", "id": "nonsense"}),
        Reply({"access_token": "t", "instance_url": "file:///etc/passwd", "id": f"/id/{ORG_ID}/005"}),
    ],
)
async def test_a_sign_in_without_a_result_may_be_repeated(api: SalesforceApi, server: OrgServer, reply: Reply) -> None:
    server.sign_in = reply
    with pytest.raises(VendorUnavailable):
        await api.session()
    server.sign_in = None
    await api.session()


async def test_the_sign_in_of_another_org_is_refused(api: SalesforceApi, server: OrgServer) -> None:
    other = "/id/00D000000000002EAA/005"
    server.sign_in = Reply({"access_token": "t", "instance_url": server.vendor.url, "id": other})
    with pytest.raises(ConfigurationError) as caught:
        await api.session()
    assert caught.value.field == "orgs.main.org_id"


async def test_the_org_id_may_come_from_the_token(api: SalesforceApi, server: OrgServer) -> None:
    server.sign_in = Reply({"access_token": f"{ORG_ID[:15]}!abc", "instance_url": server.vendor.url})
    assert (await api.session()).org_id == ORG_ID


def test_a_key_that_is_none_is_a_matter_of_the_configuration(server: OrgServer, tmp_path: Path) -> None:
    settings = org(server.vendor.url, tmp_path)
    (tmp_path / "secret").write_text("-----BEGIN NONSENSE-----")
    api = SalesforceApi("main", settings, SystemClock())
    with pytest.raises(ConfigurationError, match="private_key"):
        asyncio.run(api.session())


async def test_a_query_pages_and_keeps_fractions_exact(api: SalesforceApi, server: OrgServer) -> None:
    pages = {
        f"{BASE}/query": b'{"totalSize": 2, "done": false, "nextRecordsUrl": "/services/data/v66.0/query/01g-2000",'
        b' "records": [{"Amount": 40000.1, "Quantity": 3}]}',
        f"{BASE}/query/01g-2000": b'{"totalSize": 2, "done": true, "records": [{"Amount": 0.30}]}',
    }
    sign_in = server.answer
    server.vendor.answer = lambda request: (
        Reply(pages[request.path], headers={"Sforce-Limit-Info": "api-bursts=1/750; api-usage=18/5000"})
        if request.path in pages
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
