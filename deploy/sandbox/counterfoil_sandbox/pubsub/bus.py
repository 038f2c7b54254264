"""The event bus: topics, their schemas, and 72 hours of events behind opaque, gapped replay ids.

Everything happens on one asyncio loop, so nothing here locks or waits. A position is valid only while it is retained:
an id that was never issued (a neighbour of a real one, say) is as unusable as one that has expired.
Facts: developer.salesforce.com/docs/platform/pub-sub-api/guide/event-message-durability.html.
"""

import asyncio
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from counterfoil_sandbox.pubsub.schemas import EventSchema

RETENTION_SECONDS = 72 * 3600
# Of 24 hours, to all subscribers by an API; an org with add-ons has so many.
DELIVERIES_LIMIT = 1_000_000
_FIRST_POSITION = 0x9300
_WIDEST_GAP = 7
_COUNTER_BYTES = 8
_LENGTHS = (_COUNTER_BYTES, _COUNTER_BYTES + 2)


class UnusableReplayId(ValueError):
    """The replay id is malformed, was never issued, or is no longer retained."""


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """One retained event: ``payload`` is Avro binary by ``schema_id``; ``published_at`` is in seconds since 1970."""

    topic: str
    position: int
    event_uuid: str
    schema_id: str
    payload: bytes
    published_at: float

    @property
    def replay_id(self) -> bytes:
        """The position as it travels: ten bytes."""
        return encode_position(self.position)


def encode_position(position: int) -> bytes:
    """A replay id as the service sends it: an 8-byte big-endian counter and two zero bytes."""
    return position.to_bytes(_COUNTER_BYTES, "big") + b"\x00\x00"


def decode_position(replay_id: bytes) -> int:
    """The counter in a replay id of ten bytes, or of the eight which older clients stored.

    Raises:
        UnusableReplayId: it has another length, or its last two bytes are not zero.
    """
    if len(replay_id) not in _LENGTHS or any(replay_id[_COUNTER_BYTES:]):
        raise UnusableReplayId("a replay id of this form is never issued")
    return int.from_bytes(replay_id[:_COUNTER_BYTES], "big")


@dataclass
class Topic:
    """One topic: its newest schema, its events in order, and the positions keepalives told while it was quiet."""

    name: str
    schema: EventSchema
    first_schema: EventSchema
    events: deque[PublishedEvent]
    gaps: random.Random
    latest: int = _FIRST_POSITION
    marks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=1000))
    listeners: set[asyncio.Event] = field(default_factory=set)

    def advance(self) -> int:
        """Move on to a new position, leaving a gap."""
        self.latest += self.gaps.randint(1, _WIDEST_GAP)
        return self.latest

    def forget_before(self, deadline: float) -> None:
        """Drop what was published or told before ``deadline`` (seconds since 1970)."""
        while self.events and self.events[0].published_at < deadline:
            self.events.popleft()
        while self.marks and self.marks[0][1] < deadline:
            self.marks.popleft()

    def wake(self) -> None:
        """Tell every subscriber that there may be something to do."""
        for listener in self.listeners:
            listener.set()


class EventBus:
    """Topics which hold at most ``history`` events for at most ``retention_seconds``."""

    def __init__(
        self,
        *,
        retention_seconds: float = RETENTION_SECONDS,
        history: int = 20_000,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.deliveries = 0
        self.deliveries_limit = DELIVERIES_LIMIT
        self.before_publish: list[Callable[[str], None]] = []
        self.after_publish: list[Callable[[PublishedEvent], None]] = []
        self._retention = retention_seconds
        self._history = history
        self._seed = seed
        self._clock = clock
        self._topics: dict[str, Topic] = {}
        self._schemas: dict[str, EventSchema] = {}

    @property
    def spent(self) -> bool:
        """Whether the org's allowance of deliveries is used up."""
        return self.deliveries >= self.deliveries_limit

    def define(self, topic: str, schema: Mapping[str, Any]) -> str:
        """Create a topic, or change its schema; answers the schema's id. Ids given earlier keep resolving."""
        parsed = EventSchema.of(schema)
        self._schemas[parsed.schema_id] = parsed
        known = self._topics.get(topic)
        if known is not None:
            known.schema = parsed
        else:
            # Not for secrecy: the same seed gives the same positions, another topic others.
            gaps = random.Random(f"{self._seed}:{topic}")  # noqa: S311  (gaps, no secrets)
            events: deque[PublishedEvent] = deque(maxlen=self._history)
            self._topics[topic] = Topic(topic, parsed, parsed, events, gaps)
        return parsed.schema_id

    def topics(self) -> list[str]:
        """The names of all topics, in the order of their definition."""
        return list(self._topics)

    def topic(self, name: str) -> Topic:
        """One topic, rid of what is past retention.

        Raises:
            KeyError: there is no such topic.
        """
        topic = self._topics[name]
        topic.forget_before(self._clock() - self._retention)
        return topic

    def schema(self, schema_id: str) -> EventSchema:
        """The schema of an id.

        Raises:
            KeyError: the id was never given.
        """
        return self._schemas[schema_id]

    def publish(self, topic: str, payload: Mapping[str, Any], event_uuid: str | None = None) -> PublishedEvent:
        """Encode a payload by the topic's newest schema and publish it.

        Raises:
            KeyError: there is no such topic.
            ValueError: the payload does not fit the schema; the message names the field.
        """
        for hook in self.before_publish:
            hook(topic)
        schema = self.topic(topic).schema
        return self._append(topic, schema.schema_id, schema.encode(payload), event_uuid)

    def publish_encoded(self, topic: str, schema_id: str, payload: bytes, event_uuid: str | None) -> PublishedEvent:
        """Publish what a client encoded itself, by any schema this topic's event type ever had.

        Raises:
            KeyError: there is no such topic.
            ValueError: the schema is not one of this topic, or the payload was not written by it.
        """
        newest = self.topic(topic).schema
        schema = self._schemas.get(schema_id)
        if schema is None or schema.definition["name"] != newest.definition["name"]:
            raise ValueError("the schema id is not one of this topic")
        schema.decode(payload)
        return self._append(topic, schema_id, payload, event_uuid)

    def repeat(self, event: PublishedEvent) -> PublishedEvent:
        """Deliver an event once more: the same UUID and payload at a new position, as a publisher's retry leaves it."""
        return self._store(event.topic, event.schema_id, event.payload, event.event_uuid)

    def forward(self, event: PublishedEvent, topic: str) -> PublishedEvent:
        """Publish an event on another topic too, as on a channel that several kinds of events share."""
        return self._append(topic, event.schema_id, event.payload, event.event_uuid)

    def _append(self, topic: str, schema_id: str, payload: bytes, event_uuid: str | None) -> PublishedEvent:
        event = self._store(topic, schema_id, payload, event_uuid or str(uuid.uuid4()))
        for hook in self.after_publish:
            hook(event)
        return event

    def _store(self, name: str, schema_id: str, payload: bytes, event_uuid: str) -> PublishedEvent:
        topic = self._topics[name]
        event = PublishedEvent(name, topic.advance(), event_uuid, schema_id, payload, self._clock())
        topic.events.append(event)
        topic.wake()
        return event

    def after(self, name: str, position: int, limit: int) -> list[PublishedEvent]:
        """The first ``limit`` retained events behind a position, in order."""
        found: list[PublishedEvent] = []
        for event in reversed(self.topic(name).events):
            if event.position <= position:
                break
            found.append(event)
        return found[::-1][:limit]

    def resume(self, name: str, replay_id: bytes) -> int:
        """The position a replay id stands for.

        Raises:
            UnusableReplayId: it is malformed, was never issued, or is past retention.
        """
        position = decode_position(replay_id)
        topic = self.topic(name)
        told = (mark for mark, _ in topic.marks)
        if position not in told and all(event.position != position for event in topic.events):
            raise UnusableReplayId("the replay id is not within retention")
        return position

    def mark(self, name: str) -> int:
        """A fresh position behind all events, as a keepalive tells it: a quiet subscriber so stays within retention."""
        topic = self.topic(name)
        position = topic.advance()
        topic.marks.append((position, self._clock()))
        return position

    def forget(self, name: str) -> None:
        """Drop a topic's events and positions, as the end of their retention would."""
        self._topics[name].forget_before(float("inf"))

    @contextmanager
    def listen(self, name: str) -> Iterator[asyncio.Event]:
        """An event which is set whenever the topic moves, for as long as the block runs."""
        wakeup = asyncio.Event()
        listeners = self._topics[name].listeners
        listeners.add(wakeup)
        try:
            yield wakeup
        finally:
            listeners.discard(wakeup)

    def wake_all(self) -> None:
        """Tell every subscriber of every topic that there may be something to do."""
        for topic in self._topics.values():
            topic.wake()

    def reset(self) -> None:
        """Drop all events and return every topic to its first schema. Positions go on: an old id stays unusable."""
        self.deliveries, self.deliveries_limit = 0, DELIVERIES_LIMIT
        for topic in self._topics.values():
            self.forget(topic.name)
            topic.schema = topic.first_schema
