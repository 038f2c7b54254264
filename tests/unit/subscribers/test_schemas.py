"""A payload is decoded with its own schema, to its last byte, or not at all."""

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.pubsub._schemas import Schemas, decode

ADDRESS = {"type": "record", "name": "Address", "fields": [{"name": "City", "type": ["null", "string"]}]}
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order_Event__e",
    "namespace": "com.sforce.eventbus",
    "fields": [
        {"name": "CreatedDate", "type": "long"},
        {"name": "Amount__c", "type": ["null", "double"], "default": None},
        {"name": "Billing", "type": ["null", ADDRESS], "default": None},
        {"name": "Shipping", "type": ["null", "Address"], "default": None},
    ],
}
FIELDS = {"CreatedDate": 1, "Amount__c": 40000.1, "Billing": {"City": "Bern"}, "Shipping": None}
PARSED = fastavro.parse_schema(SCHEMA)


def encode(fields: dict[str, Any]) -> bytes:
    target = BytesIO()
    fastavro.schemaless_writer(target, PARSED, fields)
    return target.getvalue()


def test_a_payload_that_fits_is_decoded() -> None:
    assert decode(PARSED, encode(FIELDS)) == FIELDS


def test_a_payload_that_does_not_fit_to_its_last_byte_is_not() -> None:
    whole = encode(FIELDS)
    assert decode(PARSED, whole + b"\0") is None
    assert decode(PARSED, whole[:-1]) is None
    assert decode(PARSED, b"") is None
    assert decode(None, whole) is None


@given(st.binary(max_size=60))
def test_no_bytes_crash(payload: bytes) -> None:
    found = decode(PARSED, payload)
    assert found is None or found.keys() == FIELDS.keys()


class Source:
    def __init__(self, *texts: str | None) -> None:
        self.texts = list(texts)
        self.asked: list[str] = []

    async def fetch(self, schema_id: str) -> str | None:
        self.asked.append(schema_id)
        return self.texts[(len(self.asked) - 1) % len(self.texts)]


async def test_a_schema_is_fetched_once_and_the_oldest_is_forgotten() -> None:
    schemas, source = Schemas(limit=2), Source(json.dumps(SCHEMA))
    for schema_id in ("a", "b", "a", "c", "a", "b"):
        assert decode(await schemas.get(schema_id, source.fetch), encode(FIELDS)) == FIELDS
    assert source.asked == ["a", "b", "c", "b"]


@pytest.mark.parametrize("text", [None, "", "[", '{"type": "nonsense"}', "7"])
async def test_a_schema_that_cannot_be_read_decodes_nothing(text: str | None) -> None:
    assert decode(await Schemas().get("a", Source(text).fetch), encode(FIELDS)) is None
