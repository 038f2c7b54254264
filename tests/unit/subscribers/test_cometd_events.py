"""A CometD message as an event: exact numbers, the shape Pub/Sub gives, and nothing lost that has another shape."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.cometd._events import ALL_EVENTS, loads, number_of, position_of, received, replay_number
from subscribers.handoff import UNDECODABLE, plain, stream_event

TOPIC = "/event/Payment_Request__e"
UUID = "e981b488-81f3-4fcc-bd6f-f7033c9d7ac3"


def told(payload: str, about: str = f'{{"EventUuid":"{UUID}","replayId":157}}') -> dict[str, Any]:
    message: dict[str, Any] = loads(
        f'{{"channel":"{TOPIC}","data":{{"schema":"dffQ2QLzDNHqwB8_sHMxdA","payload":{payload},"event":{about}}}}}'
    )
    return message


def fields(payload: str) -> dict[str, Any]:
    found = received(TOPIC, told(payload)).payload
    assert isinstance(found, dict)
    return found


def test_an_event_carries_its_uuid_its_place_and_its_schema() -> None:
    event = received(TOPIC, told('{"Request_Id__c":"r-1"}'))
    assert (event.event_id, event.replay_id, event.schema_id) == (
        UUID,
        b"00000000000000000157",
        "dffQ2QLzDNHqwB8_sHMxdA",
    )
    assert (event.topic, event.traceparent) == (TOPIC, None)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**15), max_value=10**15))
def test_a_number_of_a_field_is_exact_however_it_is_written(amount: Decimal) -> None:
    for text in (format(amount, "f"), format(amount, "e")):
        found = fields(f'{{"Amount__c":{text}}}')["Amount__c"]
        assert isinstance(found, Decimal)
        assert found == amount
        assert Decimal(plain(found)) == amount


def test_no_float_is_left_anywhere() -> None:
    found = plain(fields('{"A__c":0.1,"B__c":5,"C__c":true,"D__c":null,"E__c":{"Latitude":1.5},"F__c":NaN}'))
    assert found == {
        "A__c": "0.1",
        "B__c": "5",
        "C__c": True,
        "D__c": None,
        "E__c": {"Latitude": "1.5"},
        "F__c": "NaN",
    }


def test_a_number_that_claims_a_million_digits_is_not_written_out() -> None:
    assert plain(fields('{"A__c":1e1000000}'))["A__c"] == "1E+1000000"


def test_a_change_events_header_keeps_its_whole_numbers() -> None:
    header = '{"commitNumber":11990182512345678,"commitTimestamp":1763859723000,"sequenceNumber":1}'
    found = plain(fields(f'{{"ChangeEventHeader":{header},"Amount":12.50}}'))
    assert found == {"ChangeEventHeader": json.loads(header), "Amount": "12.50"}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("2026-11-23T01:02:03.000Z", 1795395723000), ("2026-11-23T01:02:03.045Z", 1795395723045), ("soon", "soon")],
)
def test_the_time_of_publication_is_told_as_over_pubsub(text: str, milliseconds: object) -> None:
    assert fields(f'{{"CreatedDate":"{text}"}}')["CreatedDate"] == milliseconds


@pytest.mark.parametrize(
    "message",
    [
        {"channel": TOPIC, "data": {"event": {"replayId": 5}}},
        {"channel": TOPIC, "data": {"event": {"replayId": "5"}, "payload": "text"}},
        {"channel": TOPIC, "data": {"event": None, "payload": []}},
        {"channel": TOPIC, "data": "text"},
        {"channel": TOPIC},
    ],
)
def test_what_has_another_shape_is_kept_raw(message: dict[str, Any]) -> None:
    row = stream_event("main", received(TOPIC, message))
    assert row.kind == UNDECODABLE
    assert json.loads(bytes.fromhex(json.loads(row.payload)["raw"])) == message


def test_two_messages_without_id_and_place_stay_two() -> None:
    one, other = ({"channel": TOPIC, "data": {"text": text}} for text in "ab")
    assert stream_event("main", received(TOPIC, one)).event_id != stream_event("main", received(TOPIC, other)).event_id


@pytest.mark.parametrize("about", ["{}", '{"replayId":null}', '{"replayId":true}', '{"replayId":-1}', '{"replayId":0}'])
def test_a_place_that_cannot_be_asked_for_is_none(about: str) -> None:
    assert replay_number(told("{}", about)) is None


@given(st.integers(min_value=1, max_value=10**25))
def test_a_position_is_read_back(number: int) -> None:
    assert number_of(position_of(number)) == number


@given(st.integers(min_value=1, max_value=10**19), st.integers(min_value=1, max_value=10**19))
def test_positions_sort_as_their_numbers_do(one: int, other: int) -> None:
    assert (position_of(one) < position_of(other)) == (one < other)


def test_without_a_position_everything_is_read() -> None:
    assert number_of(None) == number_of(position_of(ALL_EVENTS)) == ALL_EVENTS


@given(st.integers(min_value=1, max_value=2**63).map(lambda number: number.to_bytes(8, "big") + b"\0\0"))
def test_a_position_of_pubsub_is_none_of_ours(position: bytes) -> None:
    assert number_of(position) is None
