"""Platform events: their Avro schemas on the bus, and publishing from REST and from flows.

The schema follows what GetSchema really answers: namespace com.sforce.eventbus, CreatedDate and CreatedById first and
not nullable, every custom field a union with null, the Salesforce type only in ``doc``.
"""

import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.salesforce.ids import SHORT, IdFactory
from counterfoil_sandbox.salesforce.model import Field, Schema, SObject
from counterfoil_sandbox.salesforce.store import Row

_AVRO = {"boolean": "boolean", "double": "double", "date": "long", "datetime": "long"}
_DOC = {
    "boolean": "Boolean",
    "double": "Double",
    "date": "DateOnly",
    "datetime": "DateTime",
    "textarea": "StringPlusClob",
}
_SYSTEM = {"ReplayId", "CreatedDate", "CreatedById"}


class Events:
    """Publishes the org's platform events on the bus."""

    def __init__(self, schema: Schema, bus: EventBus, ids: IdFactory) -> None:
        self._bus = bus
        self._ids = ids
        self.published = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=1000)
        for sobject in schema.objects.values():
            if sobject.is_event:
                bus.define(topic_of(sobject), avro_schema(sobject, ids))

    def publish(self, user: str, sobject: SObject, values: Row) -> tuple[str, str]:
        """Put an event on the bus now; return the id and the UUID that REST answers."""
        event_uuid = str(uuid.uuid4())
        payload: dict[str, Any] = {"CreatedDate": int(datetime.now(UTC).timestamp() * 1000), "CreatedById": user}
        payload |= {item.name: _wire(values.get(item.name, item.default)) for item in custom_fields(sobject)}
        self._bus.publish(topic_of(sobject), payload, event_uuid)
        self.published += 1
        self.recent.append({"event": sobject.name, "id": event_uuid, "payload": payload})
        return self._ids.make(sobject.key_prefix), event_uuid


def topic_of(sobject: SObject) -> str:
    """Return the topic of a platform event."""
    return f"/event/{sobject.name}"


def custom_fields(sobject: SObject) -> list[Field]:
    """Return the fields a publisher fills."""
    return [item for item in sobject.fields.values() if item.name not in _SYSTEM]


def avro_schema(sobject: SObject, ids: IdFactory) -> Mapping[str, Any]:
    """Return the Avro schema of a platform event; each custom field carries a field id in its doc."""
    return {
        "name": sobject.name,
        "namespace": "com.sforce.eventbus",
        "type": "record",
        "fields": [
            {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
            {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
            *(
                {
                    "name": item.name,
                    "type": ["null", _AVRO.get(item.type, "string")],
                    "doc": f"Data:{_DOC.get(item.type, 'Text')}:{ids.make('00N')[:SHORT]}",
                    "default": None,
                }
                for item in custom_fields(sobject)
            ),
        ],
    }


def _wire(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return value
