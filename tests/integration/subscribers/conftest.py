"""Salesforce's event APIs as a process of its own, and intake on a real database."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.clock import SystemClock
from service.config import Org
from service.db import Database, Wakes
from service.intake import StreamIntake
from subscribers import CredentialsValue, Feed, Supervisor
from tests.integration.subscribers.stage import LEASE, ORG, PAUSES, Make, Watch

_NUMBERS = count(1)
_TOPICS = count(1)
DEFAULT_SETTINGS = {"keepalive_ms": 60_000, "idle_ms": 60_000}


@dataclass(frozen=True)
class Salesforce:
    """The stand-in; `told` is what it printed."""

    told: dict[str, Any]
    ca_file: Path
    http: httpx.Client

    def post(self, path: str, **wish: Any) -> Any:
        answer = self.http.post(f"/pubsub/{path}", json=wish)
        assert answer.is_success, answer.text
        return answer.json()

    def new_topic(self, *fields: str) -> str:
        """Define an event of its own for a test; return its topic."""
        name = f"Test_{next(_NUMBERS)}__e"
        self.define(f"/event/{name}", *fields)
        return f"/event/{name}"

    def define(self, topic: str, *fields: str) -> None:
        names = [{"name": field, "type": ["null", "double"], "default": None} for field in ("Number__c", *fields)]
        system = [{"name": "CreatedDate", "type": "long"}, {"name": "CreatedById", "type": "string"}]
        name = topic.rsplit("/", 1)[-1]
        schema = {"type": "record", "name": name, "namespace": "com.sforce.eventbus", "fields": system + names}
        self.post("topics", topic=topic, schema=schema)

    def publish(self, topic: str, number: float, **fields: Any) -> bytes:
        """Publish one event; return its replay id."""
        payload = {"CreatedDate": 1, "CreatedById": "005000000000001AAA", "Number__c": number, **fields}
        return bytes.fromhex(self.post("events", topic=topic, payload=payload)["replay_id"])

    def fault(self, kind: str, topic: str, times: int = 1) -> None:
        self.post("faults", fault=kind, topic=topic, times=times)

    def cometd(self, path: str, **wish: Any) -> None:
        answer = self.http.post(f"/cometd/{path}", json=wish)
        assert answer.is_success, answer.text

    def clients(self, topic: str) -> list[dict[str, Any]]:
        """Return the CometD clients that subscribe to a topic."""
        found = self.http.get("/cometd/sessions").json()["sessions"]
        return [one for one in found if topic in one["subscriptions"]]

    def streams(self, topic: str) -> list[dict[str, Any]]:
        return [one for one in self.http.get("/pubsub/streams").json()["streams"] if one["topic"] == topic]

    @property
    def credentials(self) -> CredentialsValue:
        metadata = self.told["metadata"]
        return CredentialsValue(metadata["accesstoken"], metadata["instanceurl"], metadata["tenantid"])

    @property
    def cometd_credentials(self) -> CredentialsValue:
        metadata = self.told["metadata"]
        return CredentialsValue(metadata["accesstoken"], self.told["cometd"], metadata["tenantid"])

    def org(self, *, tls: bool = False, ca_file: Path | None = None) -> Org:
        endpoint = self.told["endpoint"] if tls else self.told["plaintext_endpoint"]
        return Org.model_validate(
            {
                "org_id": "00D000000000001EAA",
                "is_sandbox": True,
                "login_url": "https://test.salesforce.com",
                "auth": {"flow": "client_credentials", "client_id": "x", "client_secret": {"env": "X"}},
                "ca_file": ca_file,
                "pubsub": {"endpoint": endpoint, "plaintext": not tls},
            }
        )


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Salesforce]:
    ca_file = tmp_path_factory.mktemp("pubsub") / "ca.pem"
    command = [sys.executable, "-m", "counterfoil_sandbox.pubsub", "--ca-file", str(ca_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ca_file.parent) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        with httpx.Client(base_url=told["control"]) as http:
            yield Salesforce(told, ca_file, http)
        server.terminate()
        assert server.wait(10) == 0


@pytest.fixture
def salesforce(process: Salesforce) -> Iterator[Salesforce]:
    yield process
    process.http.delete("/pubsub/faults").raise_for_status()
    process.post("settings", **DEFAULT_SETTINGS)
    process.http.delete("/cometd/faults").raise_for_status()
    process.cometd("settings", hold_ms=110_000, away_ms=40_000)


@pytest.fixture
def intake(database: Database) -> StreamIntake:
    return StreamIntake(database, Wakes(database.url), SystemClock())


@pytest.fixture
def topic() -> str:
    return f"/event/Scripted_{next(_TOPICS)}__e"


@pytest.fixture
def make(intake: StreamIntake, topic: str) -> Make:
    def build(feed: Feed, watch: Watch | None = None, **changes: Any) -> Supervisor:
        values = {"org": ORG, "topic": topic, "holder": "one", "lease": LEASE, "pauses": PAUSES, **changes}
        return Supervisor(intake, feed, watch or Watch(), **values)

    return build
