"""Who is calling, proven on real sockets: tokens of an issuer, whose keys change, and client certificates."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.config import Settings
from service.config.access import Access
from service.errors import ConfigurationError
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.gen.counterfoil.v1 import payments_service_pb2_grpc
from tests.integration.api.payments_door import OPPORTUNITY, PaymentsDoor, facts, info_of, open_payments_door
from tests.support.identities import AUDIENCE, ISSUER, Authority, SigningKey, bearer, jwk_set
from tests.support.waiting import eventually

ASK = api.CreatePaymentRequest(entity="acme", record_id=OPPORTUNITY, unconfirmed=api.Unconfirmed())
LIST = api.ListPaymentsRequest(entity="acme")
KEY, NEXT = SigningKey.new("one"), SigningKey.new("two")
OK = grpc.StatusCode.OK


@dataclass
class Issuer:
    """Serves a JWK Set over HTTP, and counts how often it is read."""

    keys: bytes = field(default_factory=lambda: jwk_set(KEY))
    status: int = 200
    reads: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.reads += 1
        return web.Response(status=self.status, body=self.keys, content_type="application/json")


def access(keys: dict[str, Any], **issuer: Any) -> Access:
    login = {"issuer": ISSUER, "audience": [AUDIENCE], "keys": keys, "entities_claim": "entities", **issuer}
    callers = {"billing": {"issuer": "login", "subject": "robot", "roles": ["requester"], "entities": ["acme"]}}
    return Access.model_validate({"issuers": {"login": login}, "callers": callers})


@pytest.fixture(scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PaymentsDoor]:
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_bytes(jwk_set(KEY))
    opened = await open_payments_door(access=access({"file": str(path)}))
    opened.reader.payments.append(facts())
    yield opened
    await opened.close()


async def ask(door: PaymentsDoor, token: str, request: Any = ASK) -> tuple[grpc.StatusCode, dict[str, str]]:
    """Return how a call ended, and its error's metadata with the reason."""
    method = door.stub.CreatePayment if isinstance(request, api.CreatePaymentRequest) else door.stub.ListPayments
    try:
        await method(request, metadata=bearer(token), timeout=20)
    except grpc.aio.AioRpcError as error:
        info = info_of(error)
        return error.code(), {"reason": info.reason, **info.metadata}
    return OK, {}


async def cause(door: PaymentsDoor, token: str) -> str:
    code, details = await ask(door, token)
    assert (code, details["reason"]) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    return details["cause"]


async def test_a_token_says_who_asks_and_the_ledger_is_told(door: PaymentsDoor) -> None:
    assert await ask(door, KEY.token(roles=["requester"], entities=["acme"])) == (OK, {})
    assert door.commands.requests[-1].requested_by == "login:ada"


async def test_a_caller_of_the_configuration_has_its_roles_not_the_tokens(door: PaymentsDoor) -> None:
    token = KEY.token(sub="robot", roles=["admin"], entities=["*"])
    assert await ask(door, token) == (OK, {})
    assert door.commands.requests[-1].requested_by == "billing"
    code, details = await ask(door, token, api.ListPaymentsRequest(entity="other"))
    assert (code, details["reason"]) == (grpc.StatusCode.PERMISSION_DENIED, "ENTITY_NOT_ALLOWED")


async def test_without_a_role_or_with_another_nothing_may_be_asked(door: PaymentsDoor) -> None:
    for roles in (None, [], "viewer", ["viewer", "approver", "operator"], "superuser", 7, {"requester": True}):
        code, details = await ask(door, KEY.token(roles=roles, entities="*"))
        assert (code, details["reason"]) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_MISSING")
        assert details["roles"] == "admin, requester"


async def test_roles_may_be_a_text_with_spaces(door: PaymentsDoor) -> None:
    assert await ask(door, KEY.token(roles="openid requester", entities="acme")) == (OK, {})


@pytest.mark.parametrize("entity", ["other", "nobodys"])
async def test_another_entity_and_one_that_is_not_there_look_the_same(door: PaymentsDoor, entity: str) -> None:
    token = KEY.token(roles="viewer", entities="acme")
    assert await ask(door, token, LIST) == (OK, {})
    code, details = await ask(door, token, api.ListPaymentsRequest(entity=entity))
    assert (code, details["reason"]) == (grpc.StatusCode.PERMISSION_DENIED, "ENTITY_NOT_ALLOWED")


async def test_without_entities_a_caller_sees_none(door: PaymentsDoor) -> None:
    code, details = await ask(door, KEY.token(roles="viewer"), LIST)
    assert (code, details["reason"]) == (grpc.StatusCode.PERMISSION_DENIED, "ENTITY_NOT_ALLOWED")


def _ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


@pytest.mark.parametrize(
    ("expected", "claims"),
    [
        ("expired", {"exp": _ago(minutes=1)}),
        ("not_yet_valid", {"nbf": _ago(minutes=-30)}),
        ("issuer", {"iss": "https://login.evil.example"}),
        ("issuer", {"iss": None}),
        ("audience", {"aud": "another-service"}),
        ("claims", {"aud": None}),
        ("claims", {"exp": None}),
        ("claims", {"sub": None}),
        ("claims", {"sub": "x" * 201}),
        ("claims", {"sub": "a\nb"}),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(door: PaymentsDoor, expected: str, claims: dict[str, Any]) -> None:
    assert await cause(door, KEY.token(roles="admin", entities="*", **claims)) == expected


async def test_clocks_may_differ_a_little(door: PaymentsDoor) -> None:
    token = KEY.token(exp=_ago(seconds=5), nbf=_ago(seconds=-5), roles="requester", entities="acme")
    assert await ask(door, token) == (OK, {})


async def test_a_token_that_was_taken_is_refused_once_its_time_is_up(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwk_set(KEY))
    door = await open_payments_door(access=access({"file": str(path)}, entities=["*"], leeway_seconds=0))
    try:
        token = KEY.token(exp=int(time.time()) + 5, roles="requester")
        assert await ask(door, token) == (OK, {})
        assert await ask(door, token) == (OK, {})

        async def refused() -> bool:
            return (await ask(door, token))[0] is not OK

        await eventually(refused)
        assert await cause(door, token) == "expired"
    finally:
        await door.close()


def _forged() -> dict[str, tuple[str, str]]:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 300, "roles": "admin"}
    public = KEY.jwk()["x"]  # what everybody knows, taken for a secret
    head, body, signature = KEY.token(roles="viewer").split(".")
    other = KEY.token(roles="admin", entities="*").split(".")[1]
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "none": ("algorithm", jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})),
        "shared secret": ("algorithm", jwt.encode(claims, public, algorithm="HS256", headers={"kid": "one"})),
        "other algorithm": ("algorithm", jwt.encode(claims, rsa_key, algorithm="RS512", headers={"kid": "one"})),
        "other kind of key": ("signature", jwt.encode(claims, rsa_key, algorithm="RS256", headers={"kid": "one"})),
        "other key, its id": ("signature", SigningKey.new("one").token(roles="admin")),
        "unknown key": ("signature", SigningKey.new("nobodys").token(roles="admin")),
        "swapped body": ("signature", f"{head}.{other}.{signature}"),
        "no signature": ("signature", f"{head}.{body}."),
        "no token": ("malformed", "x"),
        "three dots": ("malformed", "..."),
        "not JSON": ("malformed", "eA.eA.eA"),
        "huge": ("malformed", "x" * 9000),
    }


@pytest.mark.parametrize("case", _forged())
async def test_a_forged_token_is_refused(door: PaymentsDoor, case: str) -> None:
    expected, token = _forged()[case]
    assert await cause(door, token) == expected


async def test_without_a_token_or_with_two_nobody_is_let_in(door: PaymentsDoor) -> None:
    good = bearer(KEY.token(roles="admin", entities="*"))
    for metadata, expected in (
        ((), "missing"),
        ((*good, *good), "malformed"),
        ((("authorization", "Basic YQ"),), "malformed"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await door.stub.CreatePayment(ASK, metadata=metadata)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert info_of(raised.value).metadata["cause"] == expected


async def test_health_is_open_and_reflection_is_not(door: PaymentsDoor) -> None:
    assert await health_pb2_grpc.HealthStub(door.channel).Check(health_pb2.HealthCheckRequest())
    stub = reflection_pb2_grpc.ServerReflectionStub(door.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    refused = stub.ServerReflectionInfo()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await refused.read()
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    call = stub.ServerReflectionInfo(metadata=bearer(KEY.token(roles="viewer")))
    await call.write(asked)
    assert (await call.read()).list_services_response.service
    call.cancel()


async def test_keys_in_a_file_are_rotated_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwk_set(KEY))
    door = await open_payments_door(access=access({"file": str(path)}, entities=["*"]))
    old, new = KEY.token(roles="requester"), NEXT.token(roles="requester")
    try:
        assert await ask(door, old) == (OK, {})
        assert await cause(door, new) == "signature"
        path.write_bytes(jwk_set(KEY, NEXT))
        assert [await ask(door, token) for token in (old, new)] == [(OK, {})] * 2
        path.write_bytes(b"half a fi")
        assert await ask(door, new) == (OK, {}), "a broken file leaves the keys of before"
        path.write_bytes(jwk_set(NEXT))
        assert await cause(door, old) == "signature", "a key that was taken out opens no more"
    finally:
        await door.close()


async def test_keys_at_a_url_are_rotated_when_a_token_names_a_new_one() -> None:
    issuer = Issuer(status=503)
    app = web.Application()
    app.router.add_get("/jwks", issuer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    door = await open_payments_door(access=access({"url": url}, entities=["*"]))
    try:
        code, details = await ask(door, KEY.token(roles="requester"))
        assert (code, details["reason"]) == (grpc.StatusCode.UNAVAILABLE, "IDENTITY_KEYS_UNAVAILABLE")
        issuer.status = 200

        async def let_in() -> bool:
            return (await ask(door, KEY.token(roles="requester")))[0] is OK

        await eventually(let_in)
        reads = issuer.reads
        assert await cause(door, NEXT.token(roles="requester")) == "signature"
        assert await cause(door, SigningKey.new("three").token(roles="requester")) == "signature"
        assert issuer.reads == reads, "made-up key ids do not make us ask again and again"
    finally:
        await door.close()
        await runner.cleanup()


@dataclass
class Mutual:
    """A door that asks for certificates of an authority."""

    folder: Path
    authority: Authority
    settings: Settings
    access: Access

    def credentials(
        self, certificate: tuple[bytes, bytes] | None, roots: bytes | None = None
    ) -> grpc.ChannelCredentials:
        chain, key = certificate or (None, None)
        return grpc.ssl_channel_credentials(roots or self.authority.pem, key, chain)

    async def call(self, port: int, certificate: tuple[bytes, bytes] | None, roots: bytes | None = None) -> Any:
        credentials = self.credentials(certificate, roots)
        # A pool of its own, or a second channel would go over the first one's connection.
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials, options=options) as channel:
            return await payments_service_pb2_grpc.PaymentsServiceStub(channel).CreatePayment(ASK, timeout=20)


@pytest.fixture
def mutual(tmp_path: Path) -> Mutual:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    certificate, key = authority.server(tmp_path)
    settings = Settings(
        grpc_port=0, grpc_tls_cert_file=certificate, grpc_tls_key_file=key, grpc_tls_client_ca_file=tmp_path / "ca.pem"
    )
    callers = {
        "billing": {"certificate": "uri:spiffe://acme/billing", "roles": ["requester"], "entities": ["acme"]},
        "looker": {"certificate": "cn:looker", "roles": ["viewer"], "entities": ["*"]},
    }
    return Mutual(tmp_path, authority, settings, Access.model_validate({"callers": callers}))


async def test_a_certificate_says_who_asks(mutual: Mutual) -> None:
    billing = mutual.authority.issue("b", x509.UniformResourceIdentifier("spiffe://acme/billing"))
    door = await open_payments_door(mutual.settings, access=mutual.access, credentials=mutual.credentials(billing))
    try:
        await door.stub.CreatePayment(ASK, timeout=20)
        assert door.commands.requests[-1].requested_by == "billing"
        port = door.port
        refusals = {
            "viewer": (mutual.authority.issue("looker"), grpc.StatusCode.PERMISSION_DENIED),
            "nobody known": (mutual.authority.issue("stranger"), grpc.StatusCode.UNAUTHENTICATED),
            # A common name beside alternative names says nothing.
            "cn beside san": (mutual.authority.issue("looker", x509.DNSName("x")), grpc.StatusCode.UNAUTHENTICATED),
            "no certificate": (None, grpc.StatusCode.UNAVAILABLE),
            "another authority": (Authority().issue("looker"), grpc.StatusCode.UNAVAILABLE),
        }
        for case, (certificate, expected) in refusals.items():
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await mutual.call(port, certificate)
            assert raised.value.code() is expected, case
    finally:
        await door.close()


async def test_certificates_and_the_authority_are_renewed_without_a_restart(mutual: Mutual) -> None:
    names = (x509.UniformResourceIdentifier("spiffe://acme/billing"),)
    billing = mutual.authority.issue("b", *names)
    door = await open_payments_door(mutual.settings, access=mutual.access, credentials=mutual.credentials(billing))
    following = Authority("Acme's next authority")
    renewed = following.issue("b", *names)
    try:
        await door.stub.CreatePayment(ASK, timeout=20)
        (mutual.folder / "tls.crt").write_bytes(b"half a fi")
        await mutual.call(door.port, billing)  # what cannot be read leaves the old one in use
        following.server(mutual.folder)
        (mutual.folder / "ca.pem").write_bytes(following.pem)

        async def answers() -> bool:
            try:
                return bool(await mutual.call(door.port, renewed, following.pem))
            except grpc.aio.AioRpcError:
                return False

        await eventually(answers)
        with pytest.raises(grpc.aio.AioRpcError):
            await mutual.call(door.port, billing, following.pem)
        await door.stub.CreatePayment(ASK, timeout=20)  # a connection that stands is not cut
    finally:
        await door.close()


async def test_a_key_of_another_certificate_is_a_configuration_error(mutual: Mutual) -> None:
    (mutual.folder / "tls.key").write_bytes(mutual.authority.issue("x")[1])
    with pytest.raises(ConfigurationError, match="belong together"):
        await open_payments_door(mutual.settings)
