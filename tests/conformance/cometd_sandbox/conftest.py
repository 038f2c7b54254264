"""A raw client of Bayeux over httpx, written from the protocol and from nothing of ours, and the sandbox it asks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest

from tests.support.sandbox import RunningSandbox

CHANNEL = "/event/Payment_Request__e"
PATH = "/cometd/66.0"
REQUIRED = {"Operation__c": "create_payment", "Record_Id__c": "006000000000001AAA"}


@dataclass
class Raw:
    """One client: sends messages as they are given, adds clientId and id, keeps cookies as httpx does."""

    http: httpx.Client
    sandbox: RunningSandbox
    path: str = PATH
    client_id: str | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def post(self, *messages: dict[str, Any]) -> httpx.Response:
        return self.http.post(self.path, json=list(messages))

    def send(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        named = [{"id": str(next(self.numbers)), "clientId": self.client_id, **one} for one in messages]
        answer = self.post(*named)
        assert answer.status_code == 200, answer.text
        received: list[dict[str, Any]] = answer.json()
        return received

    def handshake(self) -> dict[str, Any]:
        asked = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}
        (told,) = self.send(asked | {"ext": {"replay": True}})
        self.client_id = told.get("clientId")
        return told

    def connect(self) -> list[dict[str, Any]]:
        return self.send({"channel": "/meta/connect", "connectionType": "long-polling"})

    def subscribe(self, replay: int | None = -1, channel: str = CHANNEL) -> dict[str, Any]:
        extension = {} if replay is None else {"ext": {"replay": {channel: replay}}}
        (told,) = self.send({"channel": "/meta/subscribe", "subscription": channel, **extension})
        return told

    def begin(self, replay: int | None = -1) -> None:
        """Shake hands, connect for the first time, subscribe."""
        assert self.handshake()["successful"]
        assert self.connect()[-1]["successful"]
        assert self.subscribe(replay)["successful"]

    def events(self) -> list[dict[str, Any]]:
        """Connect; return the events that came with the answer, which is a success."""
        *events, told = self.connect()
        assert (told["channel"], told["successful"]) == ("/meta/connect", True)
        return events

    def publish(self, version: str = "1", **fields: Any) -> str:
        """Publish an event over REST; return its UUID."""
        path = "/services/data/v66.0/sobjects/Payment_Request__e"
        answer = self.http.post(path, json={"Version__c": version, **REQUIRED, **fields})
        assert answer.status_code == 201, answer.text
        # REST answers a publication with its UUID as an "error" of code OPERATION_ENQUEUED.
        return str(answer.json()["errors"][0]["message"])

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.control("POST", "/cometd/faults", {"fault": kind, **more})

    def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("GET", "/cometd/sessions")["sessions"]
        return found


def sign_in(sandbox: RunningSandbox) -> str:
    facts = sandbox.info["salesforce"]
    form = {key: facts[key] for key in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
    answer = httpx.post(f"{facts['http_url']}/services/oauth2/token", data=form, trust_env=False)
    return str(answer.raise_for_status().json()["access_token"])


@pytest.fixture
def org(sandbox: RunningSandbox) -> RunningSandbox:
    """The sandbox, back in its seeded state, with connects that are not held for long."""
    sandbox.control("POST", "/reset")
    sandbox.control("POST", "/cometd/settings", {"hold_ms": 2000})
    return sandbox


@pytest.fixture
def raw(org: RunningSandbox) -> Iterator[Raw]:
    with httpx.Client(base_url=org.info["salesforce"]["http_url"], timeout=20, trust_env=False) as http:
        http.headers["Authorization"] = f"Bearer {sign_in(org)}"
        yield Raw(http, org)


@pytest.fixture
def other(org: RunningSandbox) -> Iterator[Raw]:
    """A second client of the same org."""
    with httpx.Client(base_url=org.info["salesforce"]["http_url"], timeout=20, trust_env=False) as http:
        http.headers["Authorization"] = f"Bearer {sign_in(org)}"
        yield Raw(http, org)
