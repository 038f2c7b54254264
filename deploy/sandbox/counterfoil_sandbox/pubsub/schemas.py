"""Avro schemas under the ids the Pub/Sub API gives them, and payloads as they travel: bodies without any header.

Each schema is parsed on its own, since names such as ChangeEventHeader are defined anew in every one. A payload that
does not fit is refused by the name of its field, never by its value.
"""

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.validation import ValidationError, validate


@dataclass(frozen=True)
class EventSchema:
    """One version of a topic's schema: its 22-character base64url id, its JSON text, and the parsed form."""

    schema_id: str
    text: str
    parsed: Any
    definition: dict[str, Any]

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> "EventSchema":
        """Parse a schema and give it its id, which depends on its content only.

        Raises:
            fastavro.schema.SchemaParseException: this is no Avro schema.
        """
        text = json.dumps(definition, separators=(",", ":"))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        schema_id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return cls(schema_id, text, parse_schema(json.loads(text)), json.loads(text))

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Write a payload; a field left out takes its default, or null where the schema allows it.

        Raises:
            ValueError: a field is unknown, missing or of the wrong type; the message names it.
        """
        fields = {field["name"]: field for field in self.definition["fields"]}
        unknown = sorted(payload.keys() - fields.keys())
        if unknown:
            raise ValueError(f"{self.definition['name']} has no field {', '.join(unknown)}")
        complete = {name: payload.get(name, field.get("default")) for name, field in fields.items()}
        try:
            validate(complete, self.parsed, raise_errors=True)
        except ValidationError as refusal:
            names = ", ".join(sorted({error.field or "?" for error in refusal.errors}))
            raise ValueError(f"{self.definition['name']}: the value does not fit the schema at {names}") from None
        body = io.BytesIO()
        schemaless_writer(body, self.parsed, complete, strict_allow_default=True)
        return body.getvalue()

    def decode(self, payload: bytes) -> dict[str, Any]:
        """Read a payload which was written by this schema.

        Raises:
            ValueError: the bytes are not such a payload, or there are more of them than it takes.
        """
        body = io.BytesIO(payload)
        try:
            decoded = schemaless_reader(body, self.parsed, None)
        except (EOFError, IndexError, ValueError, MemoryError, OverflowError) as problem:
            raise ValueError(f"the payload is not a {self.definition['name']}") from problem
        if body.tell() != len(payload) or not isinstance(decoded, dict):
            raise ValueError(f"the payload is not a {self.definition['name']}")
        return decoded

    def with_extra_field(self) -> dict[str, Any]:
        """The definition after an administrator added one more custom field: nullable, and last."""
        names = {field["name"] for field in self.definition["fields"]}
        number = next(n for n in range(1, len(names) + 2) if f"Added_{n}__c" not in names)
        extra = {
            "name": f"Added_{number}__c",
            "type": ["null", "string"],
            "doc": f"Data:Text:00N{number:012d}",
            "default": None,
        }
        return {**self.definition, "fields": [*self.definition["fields"], extra]}
