"""What a Salesforce event becomes before it is stored: nothing lost, nothing rounded, one identity for its copies."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import ReceivedEvent
from subscribers.handoff import UNDECODABLE, event_id, plain, stream_event

TOPIC = "/event/Payment_Request__e"
REPLAY = bytes.fromhex("000000000000938b0000")


def received(**changes: Any) -> ReceivedEvent:
    values: dict[str, Any] = {
        "topic": TOPIC,
        "replay_id": REPLAY,
        "event_id": "5d0ea1f2-0000-4000-8000-000000000001",
        "schema_id": "_CADE3qaegX3ECEW0rlbYA",
        "payload": {"Record_Id__c": "006000000000001AAA"},
    }
    return ReceivedEvent(**values | changes)


def test_copies_of_an_event_share_the_publishers_id() -> None:
    assert event_id(received()) == event_id(received(replay_id=b"other")) == received().event_id


@pytest.mark.parametrize("missing", [None, ""])
def test_without_an_id_the_place_in_the_stream_is_the_identity(missing: str | None) -> None:
    assert event_id(received(event_id=missing)) == "replay:000000000000938b0000"


@given(st.text(min_size=1, max_size=300))
def test_any_id_becomes_plain_text_of_bounded_length_and_stays_distinct(chosen: str) -> None:
    identity = event_id(received(event_id=chosen))
    assert identity.isascii()
    assert identity.isprintable()
    assert len(identity) <= 200
    assert identity != event_id(received(event_id=chosen + "\0"))


@pytest.mark.parametrize(
    ("double", "text"),
    [
        (40000.1, "40000.1"),
        (50000.0, "50000.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e22, "1" + "0" * 22),
        (-12.34, "-12.34"),
    ],
)
def test_a_double_becomes_its_shortest_decimal(double: float, text: str) -> None:
    assert plain(double) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_double_changes_its_value(double: float) -> None:
    text = plain(double)
    assert "e" not in text.lower()
    assert float(Decimal(text)) == double


@pytest.mark.parametrize("double", [float("nan"), float("inf"), float("-inf")])
def test_a_double_that_is_no_number_is_carried_as_text(double: float) -> None:
    assert isinstance(plain(double), str)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=5))
def test_every_payload_becomes_json_without_a_float(payload: dict[str, Any]) -> None:
    def floats(value: Any) -> bool:
        if isinstance(value, dict):
            return any(map(floats, value.values()))
        return any(map(floats, value)) if isinstance(value, list) else isinstance(value, float)

    decoded = orjson.loads(stream_event("main", received(payload=payload)).payload)
    assert decoded.keys() == payload.keys()
    assert not floats(decoded)


def test_an_event_keeps_topic_place_and_the_publishers_trace() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    row = stream_event("main", received(traceparent=trace))
    assert (row.kind, row.replay_id) == (TOPIC, REPLAY)
    assert row.traceparent is not None
    assert row.traceparent.split("-")[1] == trace.split("-")[1]
    assert orjson.loads(row.payload) == {"Record_Id__c": "006000000000001AAA"}


@pytest.mark.parametrize("trace", ["", "\x00", "00-" + "0" * 32, "nonsense\x00", "x" * 5000])
def test_a_trace_that_is_none_is_left_out(trace: str) -> None:
    row = stream_event("main", received(traceparent=trace))
    assert row.traceparent is None


def test_no_text_has_what_no_table_can_hold() -> None:
    row = stream_event("main", received(payload={"Note__c": "a\x00b", "More": ["\x00"]}))
    assert orjson.loads(row.payload) == {"Note__c": "a\ufffdb", "More": ["\ufffd"]}


def test_an_id_that_is_a_card_number_is_none() -> None:
    row = stream_event("main", received(event_id="4242424242424242"))
    assert row.event_id == f"replay:{REPLAY.hex()}"


def test_what_cannot_be_decoded_is_kept_as_hex() -> None:
    row = stream_event("main", received(payload=b"\x00\xff"))
    assert row.kind == UNDECODABLE
    assert orjson.loads(row.payload) == {"topic": TOPIC, "schema_id": "_CADE3qaegX3ECEW0rlbYA", "raw": "00ff"}
    assert row.event_id == received().event_id
