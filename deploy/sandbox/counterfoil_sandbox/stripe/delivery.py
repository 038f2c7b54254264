"""Webhook deliveries: signed HTTP POSTs, retried with back-off, and spoilt on request.

Sources: docs.stripe.com/webhooks (retries, any answer but 2xx is a failure, redirects are not followed) and
docs.stripe.com/webhooks/signatures. Order is not promised, as at Stripe. Each attempt has a fresh timestamp.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.stripe import versions
from counterfoil_sandbox.stripe.errors import Json

if TYPE_CHECKING:
    from counterfoil_sandbox.stripe.world import World

LOG_LENGTH = 5_000
MAX_UNDER_WAY = 50_000
HOLD_MS = 2_000
OLD_VERSION = "2024-06-20"


def sign(body: bytes, secrets: list[str], timestamp: int) -> str:
    """Return a Stripe-Signature header with one v1 for each live secret."""
    signed = f"{timestamp}.".encode() + body
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={digest}" for digest in digests)])


class Courier:
    """Carries events to endpoints, a bounded number at a time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.faults = FaultBook()
        self.log: deque[Json] = deque(maxlen=LOG_LENGTH)
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[str, list[asyncio.Event]] = {}
        self._resting = 0
        self._slots = asyncio.Semaphore(1)

    def start(self) -> None:
        """Open the HTTP client; needs a running loop."""
        # Receivers on a developer's machine have private certificates. Bodies are what they are: nothing is decoded.
        connector = aiohttp.TCPConnector(limit=256, ssl=False)
        self._client = aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=False)
        self._slots = asyncio.Semaphore(self._world.settings.webhook_concurrency)

    async def stop(self) -> None:
        """Drop what is under way and close the client."""
        tasks = list(self._tasks)
        self.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client:
            await self._client.close()
            self._client = None

    def clear(self) -> None:
        """Forget deliveries and faults."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._held.clear()
        self._resting = 0
        self.log.clear()
        self.faults.clear()

    def resize(self) -> None:
        """Take over a changed concurrency for the deliveries to come."""
        self._slots = asyncio.Semaphore(self._world.settings.webhook_concurrency)

    def counts(self) -> tuple[int, int]:
        """Return (deliveries under way, those among them that wait for their next attempt)."""
        return len(self._tasks), self._resting

    def send(self, event: Json, endpoint: str) -> None:
        """Begin a delivery, as the faults queued for its type will have it."""
        if self._client is None or len(self._tasks) >= MAX_UNDER_WAY:
            self._note(event, endpoint, 0, None, "dropped")
            return
        fault = self.faults.take(lambda entry: _concerns(entry, event["type"])) or {}
        kind = fault.get("fault")
        if kind == "drop":
            self._note(event, endpoint, 0, None, "dropped")
            return
        copies = max(2, int(fault.get("copies", 2))) if kind == "duplicate" else 1
        for copy in range(copies):
            self._spawn(event, endpoint, fault, counts=copy == 0)
        if kind == "duplicate_new_id" and "data" in event:
            self._spawn(self._world.twin(event), endpoint, {}, counts=True)

    def _spawn(self, event: Json, endpoint: str, fault: Json, *, counts: bool) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(event, endpoint, fault, counts=counts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, event: Json, endpoint: str, fault: Json, *, counts: bool) -> None:
        """Attempt one delivery until it succeeds, the schedule ends, or the endpoint is gone."""
        kind = fault.get("fault")
        if kind == "delay":
            await asyncio.sleep(int(fault.get("ms", HOLD_MS)) / 1000)
        if kind == "reorder":
            await self._hold(endpoint, int(fault.get("ms", HOLD_MS)))
        version = str(fault.get("api_version", OLD_VERSION)) if kind == "old_api_version" else None
        schedule = list(self._world.settings.webhook_retry_schedule_ms)
        for attempt in range(len(schedule) + 1):
            if attempt:
                await self._rest(schedule[attempt - 1])
            row = self._endpoint(endpoint)
            if row is None or row["status"] != "enabled":
                self._note(event, endpoint, attempt, None, "endpoint disabled")
                return
            delivered = await self._attempt(event, row, attempt + 1, version)
            self._release(endpoint)
            if delivered:
                if "pending_webhooks" in event:
                    event["pending_webhooks"] -= int(counts)
                return

    async def _rest(self, delay_ms: int) -> None:
        self._resting += 1
        try:
            await asyncio.sleep(delay_ms / 1000)
        finally:
            self._resting = max(0, self._resting - 1)

    async def _hold(self, endpoint: str, limit_ms: int) -> None:
        """Wait until another delivery to the endpoint has been attempted, at most `limit_ms`."""
        gate = asyncio.Event()
        self._held.setdefault(endpoint, []).append(gate)
        try:
            await asyncio.wait_for(gate.wait(), limit_ms / 1000)
        except TimeoutError:
            self._held[endpoint].remove(gate)

    def _release(self, endpoint: str) -> None:
        for gate in self._held.pop(endpoint, []):
            gate.set()

    async def _attempt(self, event: Json, endpoint: Json, number: int, version: str | None) -> bool:
        client = self._client
        if client is None:
            return False
        async with self._slots:
            body = json.dumps(_shown(event, version or endpoint.get("api_version")), indent=2).encode()
            headers = {
                "content-type": "application/json; charset=utf-8",
                "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                "stripe-signature": sign(body, self._secrets(endpoint["id"]), int(time.time())),
            }
            try:
                async with client.post(
                    _url(endpoint), data=body, headers=headers, allow_redirects=False, timeout=self._patience()
                ) as answer:
                    await answer.read()
            except (aiohttp.ClientError, OSError, ValueError) as error:
                self._note(event, endpoint["id"], number, None, type(error).__name__)
                return False
        delivered = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        self._note(event, endpoint["id"], number, answer.status, "delivered" if delivered else "failed")
        return delivered

    def _patience(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._world.settings.webhook_timeout_ms / 1000)

    def _endpoint(self, identifier: str) -> Json | None:
        rows = self._world.webhook_endpoints.rows
        return rows.get(identifier) or self._world.destinations.rows.get(identifier)

    def _secrets(self, endpoint: str) -> list[str]:
        now = time.monotonic()
        live: list[tuple[str, float]] = self._world.hidden(endpoint)["secrets"]
        return [secret for secret, until in live if until > now]

    def _note(self, event: Json, endpoint: str, attempt: int, status: int | None, outcome: str) -> None:
        url = _url(self._endpoint(endpoint) or {})
        self.log.append(
            {
                "event": event["id"],
                "type": event["type"],
                "endpoint": endpoint,
                "url": url,
                "attempt": attempt,
                "status": status,
                "outcome": outcome,
                "at_ms": int(time.time() * 1000),
            }
        )


def _shown(event: Json, version: str | None) -> Json:
    """Return an event as it is pushed: a thin one has no version, and leaves out what only the API tells."""
    if event["object"] == "v2.core.event":
        return {name: value for name, value in event.items() if name not in ("changes", "snapshot_event")}
    shown = version or versions.PIN
    return dict(versions.render({**event, "api_version": shown}, shown))


def _url(endpoint: Json) -> str:
    return str((endpoint.get("webhook_endpoint") or endpoint).get("url"))


def _concerns(fault: Json, kind: str) -> bool:
    """Tell whether a fault's `types` (default all; `charge.*` for a family) cover a type of event."""
    types: Any = fault.get("types") or ["*"]
    return any(kind == wanted or (wanted.endswith("*") and kind.startswith(wanted[:-1])) for wanted in types)
