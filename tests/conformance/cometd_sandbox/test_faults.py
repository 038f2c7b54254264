"""What the control plane makes the Streaming API do, seen by a raw client and by the library that the service uses."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.exceptions import ServerError
from aiosfstream_ng.replay import DefaultMappingStorage, ReplayMarker

from tests.conformance.cometd_sandbox.conftest import CHANNEL, Raw, sign_in
from tests.support.sandbox import RunningSandbox
from tests.support.waiting import until


class Token(AuthenticatorBase):
    def __init__(self, org: RunningSandbox, url: str) -> None:
        super().__init__()
        self.org, self.url = org, url
        self.signed_in = 0

    async def _authenticate(self) -> tuple[int, dict[str, Any]]:
        self.signed_in += 1
        token = await asyncio.to_thread(sign_in, self.org)
        return 200, {"access_token": token, "token_type": "Bearer", "instance_url": self.url}


class Modern(Client):
    """The library as it is, at an API version that has event UUIDs, without its timer, which its Python broke."""

    def get_cometd_url(self, instance_url: str) -> str:  # type: ignore[override]
        return f"{instance_url}/cometd/66.0"


@pytest.fixture
def token(org: RunningSandbox) -> Token:
    return Token(org, org.info["salesforce"]["url"])


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The library's connect task ends by cancellation, which it reports as an error of a callback."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
async def client(org: RunningSandbox, token: Token) -> AsyncIterator[Client]:
    markers: dict[str, ReplayMarker] = {}
    it = Modern(
        token,
        replay=DefaultMappingStorage(markers, -2),
        replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL,
        connection_timeout=0,
    )
    it.ssl = ssl.create_default_context(cafile=org.info["salesforce"]["ca_file"])
    async with it:
        yield it


async def take(client: Client, count: int) -> list[str]:
    """Return the versions of the next events; each is marked once it is handled."""
    found: list[str] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            message = await client.receive()
            await client.replay_storage.extract_replay_id(message)
            found.append(message["data"]["payload"]["Version__c"])
    return found


async def test_the_library_reads_what_was_kept_and_what_comes(client: Client, raw: Raw) -> None:
    for number in range(3):
        await asyncio.to_thread(raw.publish, str(number))
    await client.subscribe(CHANNEL)
    assert await take(client, 3) == ["0", "1", "2"]
    await asyncio.to_thread(raw.publish, "new")
    assert await take(client, 1) == ["new"]


async def test_the_library_signs_in_anew_and_goes_on(client: Client, token: Token, raw: Raw) -> None:
    await client.subscribe(CHANNEL)
    await asyncio.to_thread(raw.publish, "before")
    assert await take(client, 1) == ["before"]
    await asyncio.to_thread(raw.fault, "expired_token")
    # Its connect is tried again with the new token, by a client that is forgotten by then: it shakes hands anew.
    await until(lambda: token.signed_in >= 2)
    await asyncio.to_thread(raw.publish, "after")
    assert await take(client, 1) == ["after"]


async def test_the_library_shakes_hands_anew_when_it_was_forgotten(client: Client, raw: Raw) -> None:
    await client.subscribe(CHANNEL)
    await asyncio.to_thread(raw.publish, "before")
    assert await take(client, 1) == ["before"]
    await asyncio.to_thread(raw.fault, "unknown_client")
    await asyncio.to_thread(raw.publish, "after")
    assert await take(client, 1) == ["after"]


async def test_the_library_is_told_of_an_id_that_expired(client: Client, raw: Raw) -> None:
    await asyncio.to_thread(raw.fault, "expired_replay_id", purge=True)
    client.replay_storage.mapping[CHANNEL] = ReplayMarker("2026-01-01T00:00:00.000Z", 17)  # type: ignore[attr-defined]
    with pytest.raises(ServerError) as caught:
        await client.subscribe(CHANNEL)
    assert caught.value.error_code == 400


def test_an_answer_that_is_lost_is_not_given_again(raw: Raw, other: Raw) -> None:
    raw.begin()
    raw.fault("disconnect")
    raw.publish("lost on the way")
    with pytest.raises(httpx.RemoteProtocolError):
        raw.connect()
    assert raw.events() == [], "which is why a client has to subscribe again from the id it stored"
    other.begin(-2)
    assert [event["data"]["payload"]["Version__c"] for event in other.events()] == ["lost on the way"]


def test_a_duplicate_has_the_same_uuid_and_id(raw: Raw) -> None:
    raw.begin()
    raw.fault("duplicate")
    raw.publish()
    first, second = raw.events()
    assert first == second


def test_silence_answers_nothing_until_the_client_hangs_up(raw: Raw) -> None:
    raw.begin()
    raw.fault("silence")
    raw.publish("kept")
    with pytest.raises(httpx.ReadTimeout):
        raw.http.post(
            raw.path,
            json=[{"channel": "/meta/connect", "clientId": raw.client_id, "connectionType": "long-polling"}],
            timeout=0.5,
        )
    assert [event["data"]["payload"]["Version__c"] for event in raw.events()] == ["kept"]


@pytest.mark.parametrize(
    ("kind", "error", "advice"),
    [
        ("expired_token", "401::Authentication invalid", "none"),
        ("unknown_client", "403::Unknown client", "handshake"),
        ("event_limit", "403::Organization total events daily limit exceeded", "none"),
    ],
)
def test_a_connect_is_refused(raw: Raw, kind: str, error: str, advice: str) -> None:
    raw.begin()
    raw.fault(kind)
    (told,) = raw.connect()
    assert (told["successful"], told["error"], told["advice"]["reconnect"]) == (False, error, advice)
    assert raw.sessions() == []


def test_a_subscription_is_denied(raw: Raw) -> None:
    raw.handshake()
    raw.connect()
    raw.fault("denied", topic=CHANNEL)
    assert raw.subscribe()["error"].startswith("403::")
    assert raw.subscribe()["successful"]


@pytest.mark.parametrize(("kind", "more", "status"), [("status", {"status": 503}, 503), ("session_lost", {}, 401)])
def test_a_request_is_refused_by_http_alone(raw: Raw, kind: str, more: dict[str, Any], status: int) -> None:
    raw.begin()
    raw.fault(kind, **more)
    assert raw.post({"channel": "/meta/connect", "clientId": raw.client_id}).status_code == status


@pytest.mark.parametrize(
    "wish", [{"fault": "nonsense"}, {"fault": "denied", "topic": "/event/None__e"}, {"fault": "silence", "times": 0}]
)
def test_a_fault_that_is_none_is_refused(raw: Raw, wish: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        raw.sandbox.control("POST", "/cometd/faults", wish)
    assert caught.value.response.status_code == 400
