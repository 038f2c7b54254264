"""From a CometD message to the words of a feed, in the shape that the Pub/Sub feed gives the same event.

Every number of a field is exact: JSON is read without a float. Salesforce's custom number fields are doubles, whether
the text of this one has a fraction or not, so all become decimals; a change event's header has integers, which stay.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from subscribers.feed import ReceivedEvent

ALL_EVENTS = -2  # what Salesforce still holds, 72 hours of it
_POSITION = re.compile(rb"[0-9]{20,30}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Reads JSON; NaN and Infinity, which Salesforce does not send, stay the words they are.
loads = partial(json.loads, parse_float=Decimal, parse_constant=str)


def replay_number(message: dict[str, Any]) -> int | None:
    """Return the replay id of a message; None when it has none that can be asked for."""
    about = _part(message, "event")
    number = about.get("replayId") if about is not None else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def position_of(number: int) -> bytes:
    """Return a replay id as a position: its digits, filled up so that positions sort as their numbers do."""
    return b"-2" if number == ALL_EVENTS else b"%020d" % number


def number_of(position: bytes | None) -> int | None:
    """Return the replay id of a position; everything when there is no position; None when it is not one of ours."""
    if position is None:
        return ALL_EVENTS
    if position == position_of(ALL_EVENTS):
        return ALL_EVENTS
    return int(position) or None if _POSITION.fullmatch(position) else None


def received(topic: str, message: dict[str, Any]) -> ReceivedEvent:
    """Return the event of a message; raw when it has not the shape of one."""
    number, payload = replay_number(message), _part(message, "payload")
    about, data = _part(message, "event") or {}, message.get("data")
    uuid = about.get("EventUuid")
    whole = json.dumps(message, default=str).encode()
    identity = uuid if isinstance(uuid, str) else None
    if identity is None and number is None:  # its place in the stream is not known either
        identity = f"sha256:{hashlib.sha256(whole).hexdigest()}"
    return ReceivedEvent(
        topic=topic,
        replay_id=b"" if number is None else position_of(number),
        event_id=identity,
        schema_id=str(data.get("schema", "")) if isinstance(data, dict) else "",
        payload=whole if payload is None else {name: _field(name, value) for name, value in payload.items()},
    )


def _part(message: dict[str, Any], name: str) -> dict[str, Any] | None:
    data = message.get("data")
    part = data.get(name) if isinstance(data, dict) else None
    return part if isinstance(part, dict) else None


def _field(name: str, value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return _milliseconds(value) if name == "CreatedDate" and isinstance(value, str) else value


def _milliseconds(text: str) -> Any:
    """Return a time as the Pub/Sub API tells it: in milliseconds since 1970; a text that is none stays."""
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):
        return text
