"""What an event of the bus becomes over CometD: dates as text, change events without what did not change."""

from typing import Any

import pytest
from counterfoil_sandbox.cometd.events import message
from counterfoil_sandbox.pubsub.bus import EventBus

STREET = {"name": "Street", "type": ["null", "string"], "default": None}
CITY = {"name": "City", "type": ["null", "string"], "default": None}
LISTS = [{"name": name, "type": {"type": "array", "items": "string"}} for name in ("nulledFields", "diffFields")]
HEADER = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "commitNumber", "type": "long"},
        *LISTS,
        {"name": "changedFields", "type": {"type": "array", "items": "string"}},
    ],
}
ADDRESS = {"type": "record", "name": "Address", "fields": [STREET, CITY]}
CHANGE = {
    "type": "record",
    "name": "AccountChangeEvent",
    "namespace": "com.sforce.eventbus",
    "fields": [
        {"name": "ChangeEventHeader", "type": HEADER},
        {"name": "Name", "type": ["null", "string"], "default": None, "doc": "Data:Text"},
        {"name": "AnnualRevenue", "type": ["null", "double"], "default": None, "doc": "Data:Currency"},
        {"name": "BillingAddress", "type": ["null", ADDRESS], "default": None, "doc": "Data:Address"},
        {"name": "SystemModstamp", "type": ["null", "long"], "default": None, "doc": "Data:DateTime"},
    ],
}
TOPIC = "/data/AccountChangeEvent"


def told(changed: list[str], **fields: Any) -> dict[str, Any]:
    bus = EventBus()
    bus.define(TOPIC, CHANGE)
    header = {"entityName": "Account", "commitNumber": 2**60, "nulledFields": [], "diffFields": []}
    event = bus.publish(TOPIC, {"ChangeEventHeader": {**header, "changedFields": changed}, **fields})
    data: dict[str, Any] = message(event, bus.schema(event.schema_id), 66)["data"]
    return data


def test_a_change_names_its_fields_and_leaves_the_others_out() -> None:
    data = told(["0x12"], Name="Fenwick", SystemModstamp=1_795_395_723_045)
    assert data["payload"] == {
        "ChangeEventHeader": {
            "entityName": "Account",
            "commitNumber": 2**60,
            "changedFields": ["Name", "SystemModstamp"],
        },
        "Name": "Fenwick",
        "SystemModstamp": "2026-11-23T01:02:03.045Z",
    }
    assert set(data["event"]) == {"replayId", "EventUuid"}


@pytest.mark.parametrize(
    ("changed", "names", "fields"),
    [
        (["0x4"], ["AnnualRevenue"], {"AnnualRevenue": None}),
        (
            ["0x10", "3-0x2"],
            ["SystemModstamp", "BillingAddress.City"],
            {"SystemModstamp": None, "BillingAddress": None},
        ),
        ([], [], {}),
        (["Name"], ["Name"], {"Name": None}),
    ],
)
def test_a_field_that_was_emptied_is_there_and_null(
    changed: list[str], names: list[str], fields: dict[str, None]
) -> None:
    payload = told(changed)["payload"]
    assert payload.pop("ChangeEventHeader")["changedFields"] == names
    assert payload == fields
