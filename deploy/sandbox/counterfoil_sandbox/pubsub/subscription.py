"""One Subscribe stream: what the client may still be sent, where it stands, and when the stream ends.

The client pulls. Each FetchRequest adds to what is owed, 100 at most; keepalives flow only while something is owed; a
stream that is owed nothing and asks for nothing is closed. All of this is developer.salesforce.com/docs/platform/
pub-sub-api/guide/flow-control.html and .../references/methods/subscribe-rpc.html. How long an idle stream ends is not
documented beyond "closed": here it ends with OK.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2 as pb
from counterfoil_sandbox.pubsub.bus import EventBus, PublishedEvent, UnusableReplayId, decode_position, encode_position
from counterfoil_sandbox.pubsub.errors import CallFailure
from counterfoil_sandbox.pubsub.faults import FaultPlan

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

MAX_OUTSTANDING = 100
MAX_RESPONSE_BYTES = 3 * 1024 * 1024
_ENDINGS = ("goaway", "ok_end", "disconnect", "error")


@dataclass
class Settings:
    """Times in seconds which tests shorten; the defaults are those of the service."""

    keepalive: float = 60.0
    idle: float = 60.0
    publish_idle: float = 1800.0


class Subscription:
    """Serves one stream from its first FetchRequest to its end."""

    def __init__(
        self,
        *,
        bus: EventBus,
        faults: FaultPlan,
        settings: Settings,
        context: "ServicerContext[Any, Any]",
        cut: Callable[[str], None],
    ) -> None:
        self.rpc_id = str(uuid.uuid4())
        self.topic = ""
        self.outstanding = 0
        self.delivered = 0
        self.position = 0
        self._bus = bus
        self._faults = faults
        self._settings = settings
        self._context = context
        self._cut = cut
        self._failure: CallFailure | None = None
        self._half_closed = False
        self._silent_since: int | None = None
        self._last_exchange = time.monotonic()

    async def run(self, requests: AsyncIterator[Any]) -> None:
        """Serve the stream until it ends with OK.

        Raises:
            CallFailure: it has to end with a failure.
        """
        first = await self._first(requests)
        if first is None:
            return
        self._open(first)
        with self._bus.listen(self.topic) as wakeup:
            reader = asyncio.create_task(self._read(requests, wakeup))
            try:
                await self._serve(wakeup)
            finally:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader

    async def _first(self, requests: AsyncIterator[Any]) -> Any:
        try:
            async with asyncio.timeout(self._settings.idle):
                return await anext(requests, None)
        except TimeoutError:
            return None

    def _open(self, request: pb.FetchRequest) -> None:
        self.topic = known_topic(self._bus, request.topic_name)
        fault = self._faults.take(("expired_token",), self.topic)
        if fault is not None:
            raise fault.failure
        self.position = self._start(request)
        self._demand(request)

    def _start(self, request: pb.FetchRequest) -> int:
        if request.replay_preset == pb.LATEST:
            return self._bus.topic(self.topic).latest
        if request.replay_preset == pb.EARLIEST:
            return 0
        if request.replay_preset != pb.CUSTOM:
            raise CallFailure("subscription.fetch.request.invalid")
        if not request.replay_id:
            raise CallFailure("subscription.fetch.replayid.validation.failed")
        try:
            wanted = decode_position(request.replay_id)
            fault = self._faults.take(
                ("expired_replay_id",), self.topic, lambda fault: wanted <= fault.floors.get(self.topic, 0)
            )
            if fault is not None:
                raise fault.failure
            return self._bus.resume(self.topic, request.replay_id)
        except UnusableReplayId:
            raise CallFailure("subscription.fetch.replayid.corrupted") from None

    def _demand(self, request: pb.FetchRequest) -> None:
        if request.topic_name not in {"", self.topic}:
            raise CallFailure("subscription.fetch.topic.mismatch")
        if request.auth_refresh:
            raise CallFailure("service.auth.refresh.invalid")
        if request.num_requested <= 0:
            raise CallFailure("subscription.fetch.requested.events.invalid")
        self._add(request.num_requested)

    def _add(self, requested: int) -> None:
        self.outstanding = min(MAX_OUTSTANDING, self.outstanding + requested)
        self._last_exchange = time.monotonic()

    async def _acknowledge(self) -> None:
        """Tell what else there is to tell; nothing here."""

    async def _read(self, requests: AsyncIterator[Any], wakeup: asyncio.Event) -> None:
        try:
            async for request in requests:
                self._demand(request)
                wakeup.set()
        except CallFailure as failure:
            self._failure = failure
        self._half_closed = True
        wakeup.set()

    async def _serve(self, wakeup: asyncio.Event) -> None:
        while True:
            wakeup.clear()
            if self._misbehave():
                return
            if self._failure is not None:
                raise self._failure
            if self._half_closed and self.outstanding == 0:
                return
            silent = self._silent_since is not None
            await self._acknowledge()
            if not silent and await self._deliver():
                continue
            owing = self.outstanding > 0
            quiet = self._settings.keepalive if owing else self._settings.idle
            left = self._last_exchange + quiet - time.monotonic()
            if await _woken(wakeup, None if silent else left):
                continue
            if not owing:
                return
            await self._respond([], self._bus.mark(self.topic))

    def _misbehave(self) -> bool:
        """Strike with whatever fault waits for this topic; True means the stream is to end with OK."""
        if self._silent_since != self._faults.clearings:
            self._silent_since = None
        if self._silent_since is None and self._faults.take(("silence",), self.topic) is not None:
            self._silent_since = self._faults.clearings
        fault = self._faults.take(_ENDINGS, self.topic, lambda fault: fault.rpc == "Subscribe")
        if fault is None:
            return False
        if fault.kind == "ok_end":
            return True
        if fault.kind == "disconnect":
            self._cut(self._context.peer())
            raise CallFailure(None, "the connection was cut", grpc.StatusCode.UNAVAILABLE)
        raise fault.failure

    async def _deliver(self) -> bool:
        if self.outstanding == 0:
            return False
        if self._bus.spent:
            raise CallFailure("subscription.limit.exceeded")
        batch = _within(self._bus.after(self.topic, self.position, self.outstanding), MAX_RESPONSE_BYTES)
        if not batch:
            return False
        self.position = batch[-1].position
        self.outstanding -= len(batch)
        self.delivered += len(batch)
        self._bus.deliveries += len(batch)
        await self._respond(batch, self._bus.topic(self.topic).latest)
        return True

    async def _respond(self, batch: list[PublishedEvent], latest: int) -> None:
        self._last_exchange = time.monotonic()
        await self._context.write(self._response(batch, latest))

    def _response(self, batch: list[PublishedEvent], latest: int) -> Any:
        return pb.FetchResponse(
            events=[consumer_event(event) for event in batch],
            latest_replay_id=encode_position(latest),
            rpc_id=self.rpc_id,
            pending_num_requested=self.outstanding,
        )


def known_topic(bus: EventBus, name: str) -> str:
    """The name itself.

    Raises:
        CallFailure: it is empty, or there is no such topic.
    """
    if not name:
        raise CallFailure("topic.validation.empty", "The topic name must not be empty.")
    if name not in bus.topics():
        raise CallFailure("topic.not.found")
    return name


def consumer_event(event: PublishedEvent) -> pb.ConsumerEvent:
    """An event as a stream delivers it."""
    produced = pb.ProducerEvent(id=event.event_uuid, schema_id=event.schema_id, payload=event.payload)
    return pb.ConsumerEvent(event=produced, replay_id=event.replay_id)


def _within(events: list[PublishedEvent], size: int) -> list[PublishedEvent]:
    """The longest head of ``events`` whose payloads fit into ``size`` bytes, and at least one."""
    for count, event in enumerate(events):
        size -= len(event.payload)
        if size < 0 and count:
            return events[:count]
    return events


async def _woken(wakeup: asyncio.Event, within: float | None) -> bool:
    try:
        # Not wait_for: before Python 3.12 it swallows a cancellation which comes together with the wakeup.
        async with asyncio.timeout(within):
            await wakeup.wait()
    except TimeoutError:
        return False
    return True
