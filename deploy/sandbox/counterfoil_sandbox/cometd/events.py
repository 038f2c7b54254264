"""Events of the bus as the Streaming API tells them: JSON, a number for a replay id, dates as text.

A replay id here is not the one of the Pub/Sub API: whoever mixes them up is refused. An event carries its UUID from API
52.0 on. A change event leaves out what did not change, names the changed fields in plain, and knows no nulledFields or
diffFields. Facts: developer.salesforce.com/docs/platform/api-streaming, "Streaming API and Replay"; Change Data Capture
Developer Guide, "Deserialize and Process Change Event Bitmap Fields".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from counterfoil_sandbox.pubsub.bus import PublishedEvent
from counterfoil_sandbox.pubsub.schemas import EventSchema

FIRST_VERSION_WITH_UUID = 52
HEADER = "ChangeEventHeader"
_NUMBERS_BEHIND = 0x9000
_DATE = re.compile(r"(?:^|:)(?:DateTime|DateOnly)(?::|$)")
_BITMAPS = ("changedFields", "nulledFields", "diffFields")
_BITMAP = re.compile(r"(?:(\d+)-)?0x([0-9a-fA-F]+)")


def replay_number(position: int) -> int:
    """Return the replay id of a position of the bus, as CometD counts."""
    return position - _NUMBERS_BEHIND


def message(event: PublishedEvent, schema: EventSchema, version: int) -> dict[str, Any]:
    """Return the message that a subscriber of the event's channel receives."""
    fields = {field["name"]: field for field in schema.definition["fields"]}
    payload = {name: _value(value, fields[name].get("doc", "")) for name, value in schema.decode(event.payload).items()}
    about: dict[str, Any] = {"replayId": replay_number(event.position)}
    if version >= FIRST_VERSION_WITH_UUID:
        about["EventUuid"] = event.event_uuid
    if HEADER in payload:
        payload = _change(payload, list(fields.values()))
    else:
        about["EventApiName"] = schema.definition["name"]
    return {"data": {"schema": event.schema_id, "payload": payload, "event": about}, "channel": event.topic}


def _value(value: object, doc: str) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and _DATE.search(doc):
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03}Z"
    return value


def _change(payload: dict[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
    header = dict(payload[HEADER])
    lists = {name: _named(header.pop(name, ()), fields) for name in _BITMAPS}
    header["changedFields"] = lists["changedFields"]
    told = {name.partition(".")[0] for name in lists["changedFields"]}
    rest = {name: value for name, value in payload.items() if name != HEADER and (value is not None or name in told)}
    return {HEADER: header, **rest}


def _named(texts: list[str], fields: list[dict[str, Any]]) -> list[str]:
    """Return the names that bitmaps stand for; a text that is none stands for itself."""
    names: list[str] = []
    for text in texts:
        found = _BITMAP.fullmatch(text)
        if found is None:
            names.append(text)
            continue
        parent = None if found.group(1) is None else fields[int(found.group(1))]
        among = fields if parent is None else _children(parent)
        bits = int(found.group(2), 16)
        own = [field["name"] for number, field in enumerate(among) if bits >> number & 1]
        names += own if parent is None else [f"{parent['name']}.{name}" for name in own]
    return names


def _children(field: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return next((list(kind["fields"]) for kind in kinds if isinstance(kind, dict) and "fields" in kind), [])
