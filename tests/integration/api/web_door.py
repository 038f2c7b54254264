"""The web door on a real socket, with an intake that only remembers: what the door does is what is looked at."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
from stripe import WebhookSignature

from service.api import Readiness, WebServer, build_web_app
from service.config import Settings
from service.errors import Overloaded
from service.intake import Intake, Receipt, StripeEvent

SECRET = "whsec_first"
ROLLED = "whsec_second"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIMIT = 4096


class StillClock:
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW

    def new_id(self) -> UUID:
        return uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        return span


class RememberingIntake(Intake):
    """Remembers events instead of storing them; can be told to hold one back, or to fail."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.events: list[StripeEvent] = []
        self.fails: Exception | None = None
        self.entered = asyncio.Event()
        self.release: asyncio.Event | None = None

    async def receive(self, event: StripeEvent) -> Receipt:
        self.entered.set()
        if self.fails is not None:
            raise self.fails
        if self.release is not None:
            await self.release.wait()
        known = event.event_id in {seen.event_id for seen in self.events}
        self.events.append(event)
        return Receipt.DUPLICATE if known else Receipt.NEW


@dataclass
class WebDoor:
    """A running web door and what stands behind it."""

    server: WebServer
    intake: RememberingIntake
    readiness: Readiness
    port: int
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}")

    async def close(self) -> None:
        await self.client.aclose()
        await self.server.stop(timedelta(seconds=1))


async def open_web_door(
    *,
    max_connections: int = 64,
    head_timeout: timedelta = timedelta(seconds=10),
    body_timeout: timedelta = timedelta(seconds=10),
) -> WebDoor:
    intake = RememberingIntake()
    readiness = Readiness(["database", "worker"])
    settings = Settings(webhook_max_body_bytes=LIMIT)
    secrets = {"acme": lambda: (SECRET, ROLLED)}
    app = build_web_app(intake, secrets, readiness, StillClock(), settings, body_timeout=body_timeout)
    server = WebServer(app, host="127.0.0.1", port=0, max_connections=max_connections, head_timeout=head_timeout)
    return WebDoor(server, intake, readiness, await server.start())


def event_body(event_id: str = "evt_1", **changes: object) -> bytes:
    event: dict[str, object] = {
        "id": event_id,
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": 1_790_000_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
    }
    return json.dumps(event | changes).encode()


def signed(body: bytes, *, secret: str = SECRET, ahead: timedelta = timedelta(0)) -> dict[str, str]:
    moment = int((NOW + ahead).timestamp())
    return {"stripe-signature": WebhookSignature.generate_signature_header(body.decode(), secret, moment)}


def full() -> Overloaded:
    return Overloaded("too many events are waiting", retry_after=timedelta(seconds=2.5))
