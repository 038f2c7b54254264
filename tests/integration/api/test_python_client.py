"""The Python client before the real door: identities, errors as classes, pages; and a watch across a restart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from counterfoil_client import (
    TLS,
    Client,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Reason,
    Unauthenticated,
    Unavailable,
    types,
)
from cryptography import x509

from service.config import Settings
from service.config.access import Access
from service.errors import Conflict as AskedOtherwise
from tests.integration.api.payments_door import OPPORTUNITY, PaymentsDoor, facts, open_payments_door
from tests.integration.api.watched import replica
from tests.support.identities import AUDIENCE, ISSUER, Authority, SigningKey, jwk_set
from tests.support.waiting import until

ASK: dict[str, Any] = {"entity": "acme", "record_id": OPPORTUNITY, "unconfirmed": types.Unconfirmed()}
KEY = SigningKey.new("one")
SPIFFE = "spiffe://acme/billing"


@pytest.fixture
async def client(payments: PaymentsDoor) -> AsyncIterator[Client]:
    with Client(f"localhost:{payments.port}") as it:
        yield it


async def test_a_payment_is_asked_for_and_typed(client: Client, payments: PaymentsDoor) -> None:
    asked = await asyncio.to_thread(client.payments.create_payment, **ASK)
    assert asked.client_secret == "pi_1_secret_x"
    assert asked.payment.request_state == types.RequestState.REQUEST_STATE_SUCCEEDED
    [request] = payments.commands.requests
    assert request.request_id


async def test_every_fault_of_a_request_is_told_at_once(client: Client) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await asyncio.to_thread(client.payments.create_payment, entity="acme", record_id="006", request_id="\n")
    assert raised.value.reason == Reason.INVALID_REQUEST
    assert {"record_id", "method", "request_id"} <= {violation.field for violation in raised.value.violations}


async def test_refusals_have_their_classes_and_reasons(client: Client, payments: PaymentsDoor) -> None:
    with pytest.raises(NotFound) as unknown:
        await asyncio.to_thread(client.payments.get_payment, entity="nobody", payment_id="pi_1")
    assert unknown.value.reason == Reason.ENTITY_UNKNOWN
    payments.commands.fails = AskedOtherwise("asked before with another amount")
    with pytest.raises(Conflict) as conflict:
        await asyncio.to_thread(client.payments.create_payment, **ASK, request_id="mine")
    assert (conflict.value.reason, conflict.value.request_id) == (Reason.COMMAND_CONFLICT, "mine")


async def test_a_listing_is_one_iterator(client: Client, payments: PaymentsDoor) -> None:
    names = [f"cmd_{number:032x}" for number in range(7)]
    payments.reader.payments += [facts(name) for name in names]
    listed = await asyncio.to_thread(lambda: list(client.payments.list_payments(entity="acme", page_size=3)))
    assert [payment.payment_id for payment in listed] == names[::-1]


async def test_a_token_says_who_calls(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(jwk_set(KEY))
    login = {"issuer": ISSUER, "audience": [AUDIENCE], "keys": {"file": str(tmp_path / "jwks.json")}}
    access = Access.model_validate({"issuers": {"login": login | {"entities_claim": "entities"}}})
    door = await open_payments_door(access=access)
    target = f"localhost:{door.port}"
    try:
        with Client(target, token=lambda: KEY.token(roles=["requester"], entities=["acme"])) as clerk:
            await asyncio.to_thread(clerk.payments.create_payment, **ASK)
            assert door.commands.requests[-1].requested_by == "login:ada"
            with pytest.raises(PermissionDenied) as elsewhere:
                await asyncio.to_thread(clerk.payments.get_payment, entity="other", payment_id="pi_1")
            assert elsewhere.value.reason == Reason.ENTITY_NOT_ALLOWED
        with Client(target, token=KEY.token(aud="another")) as stranger, pytest.raises(Unauthenticated) as nobody:
            await asyncio.to_thread(stranger.payments.create_payment, **ASK)
        assert nobody.value.metadata == {"cause": "audience"}
    finally:
        await door.close()


async def test_a_certificate_says_who_calls(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    certificate, key = authority.server(tmp_path)
    settings = Settings(
        grpc_port=0, grpc_tls_cert_file=certificate, grpc_tls_key_file=key, grpc_tls_client_ca_file=tmp_path / "ca.pem"
    )
    caller = {"certificate": f"uri:{SPIFFE}", "roles": ["requester"], "entities": ["acme"]}
    door = await open_payments_door(settings, access=Access.model_validate({"callers": {"billing": caller}}))
    target = f"localhost:{door.port}"
    try:
        chain, private = authority.issue("b", x509.UniformResourceIdentifier(SPIFFE))
        with Client(target, tls=TLS(authority.pem, chain, private)) as billing:
            await asyncio.to_thread(billing.payments.create_payment, **ASK)
        assert door.commands.requests[-1].requested_by == "billing"
        for tls in (TLS(authority.pem), TLS(Authority().pem, chain, private), None):
            with Client(target, tls=tls, timeout=1.5) as nobody, pytest.raises(Unavailable):
                await asyncio.to_thread(nobody.payments.create_payment, **ASK)
    finally:
        await door.close()


async def test_a_watch_goes_on_after_a_restart_and_misses_nothing(database_url: str) -> None:
    async with replica(database_url) as first:
        port = first.port
        client = Client(f"localhost:{port}")
        watch = await asyncio.to_thread(client.payments.watch_payments, entity="acme")
        await first.pay(["pi_1"])
        assert (await asyncio.to_thread(next, watch)).payment.payment_id == "pi_1"
        waiting = asyncio.create_task(asyncio.to_thread(next, watch))
        await until(lambda: first.feed.watchers == 1)
    async with replica(database_url) as elsewhere:
        await elsewhere.pay(["pi_2"], second=1)  # while nobody listens where the client looks
    async with replica(database_url, port=port) as second:
        assert (await waiting).payment.payment_id == "pi_2"
        await second.pay(["pi_3"], second=2)
        assert (await asyncio.to_thread(next, watch)).payment.payment_id == "pi_3"
        ending = asyncio.create_task(asyncio.to_thread(list, watch))
        watch.close()
        assert await ending == []
        await until(lambda: second.feed.watchers == 0)
        client.close()
