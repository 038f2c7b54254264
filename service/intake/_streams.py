"""Salesforce events: a batch and the position behind it are one commit, made only by the stream's present holder."""

from dataclasses import dataclass
from datetime import timedelta

import orjson

from service import inbox, telemetry
from service.clock import Clock
from service.config.changes import CHANGE_TOPICS
from service.db import Database, Wakes
from service.inbox import InboxRow, State, StreamLease, coverage
from service.redaction import may_hold_unkept, remove_unkept

UNDECODABLE = "undecodable"


class LeaseLost(Exception):
    """Another process reads this stream now; nothing of the batch was stored."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: `payload` is JSON, money as decimal text; kind "undecodable" carries the raw bytes as hex."""

    event_id: str
    kind: str
    payload: str
    replay_id: bytes
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Events in stream order, and the position behind the last of them; no events for a mere position."""

    org: str
    topic: str
    position: bytes
    events: tuple[StreamEvent, ...]


class StreamIntake:
    """Takes Salesforce streams in, one holder a stream."""

    def __init__(self, database: Database, wakes: Wakes, clock: Clock) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock

    async def claim_stream(
        self, org: str, topic: str, holder: str, lease: timedelta, *, feed: str
    ) -> StreamLease | None:
        """Take a stream for `lease`, to be read by `feed` from its own position; None while another process has it."""
        async with self._database.transaction() as tx:
            return await inbox.claim(tx, org, topic, feed, holder, now=self._clock.now(), lease=lease)

    async def renew_stream(self, lease: StreamLease, span: timedelta) -> bool:
        """Hold a stream for another `span`; False when it was lost."""
        async with self._database.transaction() as tx:
            return await inbox.renew(tx, lease, until=self._clock.now() + span)

    async def release_stream(self, lease: StreamLease) -> None:
        """Give a stream up, for others to take at once."""
        async with self._database.transaction() as tx:
            await inbox.release(tx, lease)

    async def note_gap(self, lease: StreamLease) -> bool:
        """Note that a stream's position is lost: records can be read again, platform events cannot.

        Returns False when the stream was lost to another process.
        """
        recoverable = lease.topic.startswith(CHANGE_TOPICS)
        async with self._database.transaction() as tx:
            noted = await coverage.note_gap(tx, lease, recoverable=recoverable, now=self._clock.now())
        self._wakes.signal("coverage")
        return noted

    async def record_stream(self, batch: StreamBatch, lease: StreamLease) -> int:
        """Store a batch with its position; return how many events were new.

        Raises:
            LeaseLost: the stream has another holder by now; nothing was stored.
        """
        now = self._clock.now()
        rows = [
            InboxRow(
                source="salesforce",
                account=batch.org,
                event_id=event.event_id,
                kind=event.kind,
                object_id=event.replay_id.hex(),
                payload=_fit_to_keep(event.payload),
                state=State.QUARANTINED if event.kind == UNDECODABLE else State.RECORDED,
                reason="UNDECODABLE" if event.kind == UNDECODABLE else None,
                traceparent=event.traceparent,
                received_at=now,
            )
            for event in batch.events
        ]
        async with self._database.transaction() as tx:
            if not await inbox.advance(tx, lease, batch.position, now=now):
                raise LeaseLost(batch.topic)
            fresh = await inbox.record(tx, rows) if rows else set()
        if fresh:
            self._wakes.signal("inbox")
            for row in rows:
                telemetry.events_recorded.add(1, {"source": "salesforce", "kind": row.kind})
        return len(fresh)


def _fit_to_keep(payload: str) -> str:
    """Return an event without card numbers and keys; whoever acts on it sees which field held one, and refuses it."""
    if not may_hold_unkept(payload.encode()):
        return payload
    body = orjson.loads(payload)
    fields = remove_unkept(body)
    if not fields:
        return payload
    telemetry.log().warning("unkept.removed", source="salesforce", fields=fields[:10])
    return orjson.dumps(body).decode()
