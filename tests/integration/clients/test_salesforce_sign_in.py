"""Signing in to Salesforce: once for all who wait, again only for whom it was refused, and not soon after a refusal."""

import asyncio
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service.clients import SalesforceApi, Session
from service.clock import Clock, SystemClock
from service.errors import ConfigurationError, VendorDenied, VendorError, VendorUnavailable
from tests.integration.clients.org_server import KEY, ORG_ID, FakeTime, OrgServer, org
from tests.support.scripted_vendor import Reply
from tests.support.waiting import eventually, until


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
    with pytest.raises(ConfigurationError, match=r"orgs\.main\.auth\.private_key: is not an RSA private key"):
        SalesforceApi("main", settings, SystemClock())


@pytest.mark.parametrize(("said", "found"), [(True, False), (False, True)])
async def test_a_sandbox_is_never_taken_for_production(
    server: OrgServer, tmp_path: Path, clock: Clock, said: bool, found: bool
) -> None:
    api = SalesforceApi("main", org(server.vendor.url, tmp_path, is_sandbox=said), clock)
    server.kind = Reply({"totalSize": 1, "done": True, "records": [{"IsSandbox": found}]})
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=rf"orgs\.main\.is_sandbox: is {str(said).lower()}"):
            await api.query("SELECT Id FROM Account")
    assert not server.calls(), "nothing but the question itself was asked of the wrong org"
    server.kind = Reply({"totalSize": 1, "done": True, "records": [{"IsSandbox": said}]})
    assert (await api.session()).org_id == ORG_ID
    assert server.vendor.requests[-1].headers["authorization"] == "Bearer t3"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Reply([{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}], 503), VendorUnavailable),
        (Reply([{"errorCode": "API_DISABLED_FOR_ORG", "message": "x"}], 403), VendorDenied),
        (Reply({"records": []}), VendorUnavailable),
        (Reply({"records": [{"IsSandbox": "yes"}]}), VendorUnavailable),
        (Reply(b"<html>"), VendorUnavailable),
    ],
)
async def test_an_org_that_does_not_say_what_it_is_gives_no_session(
    api: SalesforceApi, server: OrgServer, kind: Reply, error: type[VendorError]
) -> None:
    server.kind = kind
    with pytest.raises(error):
        await api.session()


async def test_a_client_secret_is_replaced_without_a_restart(server: OrgServer, tmp_path: Path, clock: Clock) -> None:
    settings = org(server.vendor.url, tmp_path, "client_credentials")
    api = SalesforceApi("main", settings, clock)
    held = await api.session()
    assert settings.auth.flow == "client_credentials"
    path = settings.auth.client_secret.file
    assert path is not None
    path.write_text("an0ther")

    async def signed_in_with_the_new_one() -> bool:
        nonlocal held
        held = await api.session(refresh_after=held)
        return server.sign_ins[-1].form["client_secret"] == "an0ther"

    await eventually(signed_in_with_the_new_one)


async def test_a_private_key_is_replaced_without_a_restart(server: OrgServer, tmp_path: Path, clock: Clock) -> None:
    settings = org(server.vendor.url, tmp_path)
    api = SalesforceApi("main", settings, clock)
    held = await api.session()
    assert settings.auth.flow == "jwt_bearer"
    path = settings.auth.private_key.file
    assert path is not None
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        new.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )

    async def signed_with_the_new_one() -> bool:
        nonlocal held
        held = await api.session(refresh_after=held)
        try:
            jwt.decode(
                server.sign_ins[-1].form["assertion"],
                new.public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_aud": False},
            )
        except jwt.InvalidSignatureError:
            return False
        return True

    await eventually(signed_with_the_new_one)
