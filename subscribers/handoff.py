"""From a batch of Salesforce events to rows of intake: one commit for the events and the position behind them.

Refuses to lose or to change an event: what cannot be decoded is kept as hex, doubles become decimal text by their
shortest form (the figure a person typed), and an event without a usable id is known by its place in the stream. Only
NUL, which no text of PostgreSQL's can hold, comes as the sign for what cannot be shown, and a malformed trace is none.
"""

import hashlib
import re
from decimal import Decimal
from typing import Any

import orjson

from service.domain.cards import holds_card
from service.intake import StreamBatch, StreamEvent, StreamIntake, StreamLease
from service.telemetry import current_traceparent, log, span
from subscribers.feed import Batch, ReceivedEvent

UNDECODABLE = "undecodable"
# A publisher may choose the id freely; anything but plain text of this length is represented by its digest.
_PLAIN = re.compile(r"[\x21-\x7e]{1,200}")
# W3C Trace Context, "traceparent": any other text would break the row, and means nothing.
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NUL, _NOT_SHOWN = "\x00", "\ufffd"
# Salesforce's numbers have 18 digits and a double 308; a text may claim any exponent, and is not written out beyond.
_MAX_DIGITS = 400


def event_id(event: ReceivedEvent) -> str:
    """Return what makes copies of one event one: the publisher's id, else the place in the stream.

    An id that is a card number is none: it would be kept, and logged.
    """
    if not event.event_id or holds_card(event.event_id):
        return f"replay:{event.replay_id.hex()}"
    if _PLAIN.fullmatch(event.event_id):
        return event.event_id
    return f"sha256:{hashlib.sha256(event.event_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def plain(value: Any) -> Any:
    """Return a decoded value as JSON values without a float: numbers with a fraction as decimal text, bytes as hex."""
    if isinstance(value, str):
        return value.replace(_NUL, _NOT_SHOWN)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= _MAX_DIGITS else str(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else value


def _content(event: ReceivedEvent) -> tuple[str, str]:
    """Return kind and JSON of an event."""
    if isinstance(event.payload, bytes):
        log().warning("stream.event_undecodable", topic=event.topic, schema_id=event.schema_id)
        raw = {"topic": event.topic, "schema_id": event.schema_id, "raw": event.payload.hex()}
        return UNDECODABLE, orjson.dumps(raw).decode()
    return event.topic, orjson.dumps(plain(event.payload)).decode()


def stream_event(org: str, event: ReceivedEvent) -> StreamEvent:
    """Return the row of an event; its span begins the trace of all that follows from it."""
    identity = event_id(event)
    attributes = {
        "counterfoil.org": org,
        "salesforce.topic": event.topic,
        "salesforce.event_id": identity,
        "salesforce.replay_id": event.replay_id.hex(),
        "salesforce.schema_id": event.schema_id,
    }
    parent = event.traceparent if _TRACE.fullmatch(event.traceparent or "") else None
    with span("salesforce.event", parent=parent, attributes=attributes):
        kind, payload = _content(event)
        return StreamEvent(identity, kind, payload, event.replay_id, current_traceparent() or parent)


async def hand_over(intake: StreamIntake, batch: Batch, lease: StreamLease) -> int:
    """Store a batch and its position in one commit; return how many events were new.

    Raises:
        LeaseLost: another process reads the stream by now; nothing was stored.
    """
    events = tuple(stream_event(lease.org, event) for event in batch.events)
    return await intake.record_stream(StreamBatch(lease.org, batch.topic, batch.position, events), lease)
