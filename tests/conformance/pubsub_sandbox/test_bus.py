"""The event bus: positions, retention, schema versions and payloads."""

import json
from itertools import pairwise
from typing import Any

import pytest
from counterfoil_sandbox.pubsub.bus import (
    RETENTION_SECONDS,
    EventBus,
    UnusableReplayId,
    decode_position,
    encode_position,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.pubsub_sandbox.client import ORDER_SCHEMA, VENDOR_DATA, order
from tests.conformance.pubsub_sandbox.test_contract import needs_vendor_data

TOPIC = "/event/Order_Event__e"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bus() -> EventBus:
    bus = EventBus()
    bus.define(TOPIC, ORDER_SCHEMA)
    return bus


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {**ORDER_SCHEMA, "fields": [*ORDER_SCHEMA["fields"], {"name": name, "type": kind, **more}]}


def test_positions_ascend_with_gaps_and_travel_as_ten_bytes(bus: EventBus) -> None:
    events = [bus.publish(TOPIC, order()) for _ in range(200)]
    steps = {after.position - before.position for before, after in pairwise(events)}
    assert min(steps) >= 1
    assert len(steps) > 1
    assert all(len(event.replay_id) == 10 and event.replay_id.endswith(b"\0\0") for event in events)
    assert [event.replay_id for event in events] == sorted(event.replay_id for event in events)
    assert len({event.event_uuid for event in events}) == 200


@given(st.integers(min_value=0, max_value=2**63))
def test_a_position_is_read_back_from_ten_bytes_and_from_eight(position: int) -> None:
    assert decode_position(encode_position(position)) == position
    assert decode_position(encode_position(position)[:8]) == position


@given(st.binary(max_size=16).filter(lambda data: len(data) not in {8, 10} or any(data[8:])))
def test_ids_of_another_form_are_unusable(replay_id: bytes) -> None:
    with pytest.raises(UnusableReplayId):
        decode_position(replay_id)


def test_only_issued_positions_can_be_resumed(bus: EventBus) -> None:
    event = bus.publish(TOPIC, order())
    mark = bus.mark(TOPIC)
    assert bus.resume(TOPIC, event.replay_id) == event.position
    assert bus.resume(TOPIC, encode_position(mark)[:8]) == mark
    with pytest.raises(UnusableReplayId):
        bus.resume(TOPIC, encode_position(mark + 1))


def test_after_72_hours_an_event_and_its_position_are_gone() -> None:
    clock = Clock()
    bus = EventBus(clock=clock)
    bus.define(TOPIC, ORDER_SCHEMA)
    old = bus.publish(TOPIC, order("old"))
    clock.now += RETENTION_SECONDS / 2
    mark = bus.mark(TOPIC)
    young = bus.publish(TOPIC, order("young"))
    clock.now += RETENTION_SECONDS / 2 + 1
    assert bus.after(TOPIC, 0, 10) == [young]
    with pytest.raises(UnusableReplayId):
        bus.resume(TOPIC, old.replay_id)
    assert bus.resume(TOPIC, encode_position(mark)) == mark


def test_history_is_bounded() -> None:
    bus = EventBus(history=3)
    bus.define(TOPIC, ORDER_SCHEMA)
    events = [bus.publish(TOPIC, order(str(number))) for number in range(5)]
    assert bus.after(TOPIC, 0, 10) == events[2:]


def test_a_changed_schema_gets_an_id_of_its_own_and_the_old_id_stays(bus: EventBus) -> None:
    first = bus.topic(TOPIC).schema.schema_id
    event = bus.publish(TOPIC, order())
    second = bus.define(TOPIC, field("Extra__c", ["null", "string"], default=None))
    assert len(first) == len(second) == 22
    assert first != second
    assert bus.publish(TOPIC, order()).schema_id == second
    assert event.schema_id == first
    assert bus.schema(first).decode(event.payload)["Order_Number__c"] == "A-1"
    assert bus.define(TOPIC, ORDER_SCHEMA) == first


def test_a_field_left_out_is_null_and_money_is_a_double(bus: EventBus) -> None:
    event = bus.publish(TOPIC, {**order(), "Amount__c": 12.34})
    decoded = bus.schema(event.schema_id).decode(event.payload)
    assert decoded == {**order(), "City__c": None, "Amount__c": 12.34}


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({**order(), "Surprise__c": "secret"}, "Surprise__c"),
        ({**order(), "Amount__c": "secret"}, "Amount__c"),
        ({"CreatedById": "secret"}, "CreatedDate"),
    ],
)
def test_a_payload_which_does_not_fit_is_refused_by_field_and_not_by_value(
    bus: EventBus, payload: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named) as refusal:
        bus.publish(TOPIC, payload)
    assert "secret" not in str(refusal.value)
    assert bus.after(TOPIC, 0, 10) == []


def test_an_unknown_topic_is_a_key_error(bus: EventBus) -> None:
    with pytest.raises(KeyError):
        bus.publish("/event/Nobody__e", order())


def test_reset_drops_events_and_schema_changes_but_never_reuses_a_position(bus: EventBus) -> None:
    event = bus.publish(TOPIC, order())
    bus.define(TOPIC, field("Extra__c", ["null", "string"], default=None))
    bus.reset()
    assert bus.after(TOPIC, 0, 10) == []
    with pytest.raises(UnusableReplayId):
        bus.resume(TOPIC, event.replay_id)
    again = bus.publish(TOPIC, order())
    assert again.position > event.position
    assert again.schema_id == event.schema_id


@needs_vendor_data
@pytest.mark.parametrize("kind", ["create", "update"])
def test_change_events_are_written_and_read_as_published(kind: str) -> None:
    sample = json.loads((VENDOR_DATA / "samples" / "opportunity_change_events.json").read_text())[kind]
    schema = json.loads((VENDOR_DATA / "avro" / "OpportunityChangeEvent.SEMI-SYNTHETIC.avsc").read_text())
    bus = EventBus()
    schema_id = bus.define("/data/OpportunityChangeEvent", schema)
    assert bus.schema(schema_id).decode(bytes.fromhex(sample["avro_hex"])) == sample["decoded"]
    assert bus.publish("/data/OpportunityChangeEvent", sample["decoded"]).payload.hex() == sample["avro_hex"]


@needs_vendor_data
def test_platform_event_bytes_are_as_published(bus: EventBus) -> None:
    sample = json.loads((VENDOR_DATA / "samples" / "platform_event_payload.json").read_text())
    assert bus.publish(TOPIC, sample["decoded"]).payload.hex() == sample["avro_hex"]


@needs_vendor_data
def test_every_published_schema_can_be_defined_beside_the_others() -> None:
    bus = EventBus()
    files = sorted((VENDOR_DATA / "avro").glob("*.avsc"))
    ids = {bus.define(f"/data/{path.stem}", json.loads(path.read_text())) for path in files}
    assert len(ids) == len(files) > 4
