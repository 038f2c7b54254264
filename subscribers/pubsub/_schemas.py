"""Avro schemas by id, and payloads decoded with exactly the schema they name.

A schema never changes under its id, so it is asked for once; an event is never decoded with "the topic's" schema, since
one stream may hold several. Source: Pub/Sub API, "Event Avro Serialization" and "GetSchema".
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import fastavro
import orjson

# An org has a handful at a time and a new one after each change of an event; a parsed schema takes some 50 kB.
MAX_SCHEMAS = 256

# Fetches a schema as JSON text; None when Salesforce says there is none of that id.
Fetch = Callable[[str], Awaitable[str | None]]


def _parse(text: str | None) -> Any:
    """Return a parsed schema; None when there is none, or none that can be read."""
    if text is None:
        return None
    try:
        return fastavro.parse_schema(orjson.loads(text))
    except Exception:  # noqa: BLE001  (the text is foreign, and the library raises whatever it stumbles over)
        return None


def decode(schema: Any, payload: bytes) -> dict[str, Any] | None:
    """Return the fields of a payload; None unless it fits its schema from the first byte to the last."""
    if schema is None:
        return None
    source = BytesIO(payload)
    try:
        fields = fastavro.schemaless_reader(source, schema, None)
    except Exception:  # noqa: BLE001  (the bytes are foreign, and the library raises whatever it stumbles over)
        return None
    whole = source.tell() == len(payload)
    return fields if whole and isinstance(fields, dict) else None


class Schemas:
    """The schemas seen last, up to a limit."""

    def __init__(self, limit: int = MAX_SCHEMAS) -> None:
        self._limit = limit
        self._parsed: OrderedDict[str, Any] = OrderedDict()

    async def get(self, schema_id: str, fetch: Fetch) -> Any:
        """Return the parsed schema of an id, for `decode`; fetched when it is not at hand."""
        if schema_id in self._parsed:
            self._parsed.move_to_end(schema_id)
            return self._parsed[schema_id]
        parsed = _parse(await fetch(schema_id))
        self._parsed[schema_id] = parsed
        if len(self._parsed) > self._limit:
            self._parsed.popitem(last=False)
        return parsed
