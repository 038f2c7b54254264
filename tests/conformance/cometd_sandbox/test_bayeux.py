"""The protocol as a raw client sees it: handshake, connects, subscriptions with replay, events, and every refusal."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.conformance.cometd_sandbox.conftest import CHANNEL, Raw

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RECORD = "006000000000001AAA"


def numbers(events: list[dict[str, object]]) -> list[int]:
    return [event["data"]["event"]["replayId"] for event in events]  # type: ignore[index]


def versions(events: list[dict[str, object]]) -> list[str]:
    return [event["data"]["payload"]["Version__c"] for event in events]  # type: ignore[index]


def test_a_handshake_gives_a_client_long_polling_and_the_replay_extension(raw: Raw) -> None:
    told = raw.handshake()
    assert told["successful"] is True
    assert told["supportedConnectionTypes"] == ["long-polling"]
    assert (told["ext"]["replay"], told["version"]) == (True, "1.0")
    assert told["clientId"]
    assert "BAYEUX_BROWSER" in raw.http.cookies


def test_the_first_connect_is_answered_at_once_with_advice(raw: Raw) -> None:
    raw.handshake()
    (told,) = raw.connect()
    assert told["successful"] is True
    assert told["advice"] == {"reconnect": "retry", "interval": 0, "timeout": 2000}


def test_an_event_has_salesforces_shape(raw: Raw) -> None:
    raw.begin()
    uuid = raw.publish("7", Record_Id__c=RECORD)
    (event,) = raw.events()
    assert event["channel"] == CHANNEL
    about = event["data"]["event"]
    assert (about["EventUuid"], about["EventApiName"]) == (uuid, "Payment_Request__e")
    assert UUID.fullmatch(uuid)
    assert isinstance(about["replayId"], int)
    assert len(event["data"]["schema"]) == 22
    payload = event["data"]["payload"]
    assert (payload["Version__c"], payload["Record_Id__c"], payload["Operation__c"]) == ("7", RECORD, "create_payment")
    assert payload["Entity__c"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", payload["CreatedDate"])
    assert payload["CreatedById"].startswith("005")


def test_before_api_52_an_event_has_no_uuid(raw: Raw) -> None:
    raw.path = "/cometd/51.0"
    raw.begin()
    raw.publish()
    (event,) = raw.events()
    assert set(event["data"]["event"]) == {"replayId", "EventApiName"}


def test_a_connect_is_held_until_an_event_comes(raw: Raw) -> None:
    raw.begin()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(raw.events)
        raw.publish("held")
        assert versions(held.result(10)) == ["held"]
    assert raw.events() == []


def test_a_subscription_made_while_a_connect_is_held_delivers_through_it(raw: Raw) -> None:
    raw.publish("kept")
    raw.handshake()
    raw.connect()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(raw.events)
        assert raw.subscribe(-2)["successful"]
        assert versions(held.result(10)) == ["kept"]


def test_replay_minus_one_gives_what_is_new_minus_two_all_and_an_id_what_is_behind_it(raw: Raw, other: Raw) -> None:
    for number in range(4):
        raw.publish(str(number))
    raw.begin(-2)
    everything = raw.events()
    assert versions(everything) == ["0", "1", "2", "3"]
    assert all(before < after for before, after in pairwise(numbers(everything)))
    other.begin(numbers(everything)[1])
    assert versions(other.events()) == ["2", "3"]
    other.handshake()
    other.connect()
    other.subscribe(None)
    raw.publish("new")
    assert versions(other.events()) == ["new"]


@pytest.mark.parametrize("replay", [1, 0, -3, 10**12])
def test_an_id_that_is_not_kept_is_refused(raw: Raw, replay: int) -> None:
    raw.publish()
    raw.handshake()
    raw.connect()
    told = raw.subscribe(replay)
    assert told["successful"] is False
    assert told["error"].startswith(f"400::The replayId {{{replay}}} you provided was invalid.")


def test_a_replay_id_of_the_pubsub_api_is_refused(raw: Raw) -> None:
    raw.publish()
    raw.begin(-2)
    (event,) = raw.events()
    (kept,) = raw.sandbox.control("GET", "/salesforce/events")["events"]
    assert kept["id"] == event["data"]["event"]["EventUuid"]
    assert not raw.subscribe(event["data"]["event"]["replayId"] + 0x9000)["successful"]


def test_an_unknown_channel_is_refused(raw: Raw) -> None:
    raw.handshake()
    raw.connect()
    told = raw.subscribe(-1, "/event/Nothing__e")
    assert told["error"] == "400::The channel you requested to subscribe to does not exist {/event/Nothing__e}"


def test_a_token_that_is_none_is_refused_at_every_message(raw: Raw) -> None:
    good = raw.http.headers["Authorization"]
    raw.begin()
    raw.http.headers["Authorization"] = "Bearer nonsense"
    (told,) = raw.connect()
    assert (told["error"], told["advice"]["reconnect"]) == ("401::Authentication invalid", "none")
    denied = raw.handshake()
    assert denied["error"] == "403::Handshake denied"
    assert denied["ext"]["sfdc"] == {"failureReason": "401::Authentication invalid"}
    assert "clientId" not in denied
    raw.http.headers["Authorization"] = good
    assert raw.handshake()["successful"]


def test_an_unknown_client_is_advised_to_shake_hands(raw: Raw) -> None:
    raw.client_id = "stranger"
    (told,) = raw.connect()
    assert (told["error"], told["advice"]["reconnect"]) == ("403::Unknown client", "handshake")


def test_a_client_without_its_cookie_is_refused(raw: Raw) -> None:
    raw.begin()
    raw.http.cookies.clear()
    (told,) = raw.connect()
    assert told["error"].endswith("has established a session, but no BAYEUX_BROWSER cookie present")


def test_a_client_that_stays_away_is_forgotten(raw: Raw) -> None:
    raw.begin()
    raw.sandbox.control("POST", "/cometd/settings", {"away_ms": 1})
    (told,) = raw.connect()
    assert told["error"] == "403::Unknown client"
    assert raw.sessions() == []


def test_a_connect_beside_other_messages_is_not_held(raw: Raw) -> None:
    raw.sandbox.control("POST", "/cometd/settings", {"hold_ms": 60_000})
    raw.publish("beside")
    raw.handshake()
    raw.connect()
    subscribe = {"channel": "/meta/subscribe", "subscription": CHANNEL, "ext": {"replay": {CHANNEL: -2}}}
    told = raw.send({"channel": "/meta/connect", "connectionType": "long-polling"}, subscribe)
    assert [one["channel"] for one in told] == ["/meta/connect", "/meta/subscribe"]
    assert versions(raw.events()) == ["beside"]


def test_unsubscribed_and_disconnected_clients_hear_no_more(raw: Raw) -> None:
    raw.begin()
    (told,) = raw.send({"channel": "/meta/unsubscribe", "subscription": CHANNEL})
    assert told["successful"]
    raw.publish()
    assert raw.events() == []
    (told,) = raw.send({"channel": "/meta/disconnect"})
    assert told["successful"]
    assert raw.connect()[0]["error"] == "403::Unknown client"


def test_nobody_publishes_over_cometd(raw: Raw) -> None:
    raw.begin()
    (told,) = raw.send({"channel": CHANNEL, "data": {"payload": {}}})
    assert told["successful"] is False


@pytest.mark.parametrize(
    ("path", "status"), [("/cometd", 400), ("/cometd/", 400), ("/cometd/36.0", 400), ("/cometd/99.0", 400)]
)
def test_a_version_that_is_not_served_is_refused(raw: Raw, path: str, status: int) -> None:
    assert raw.http.post(path, json=[]).status_code in {status, 404}


def test_a_body_above_32_kilobytes_and_one_that_is_no_list_are_refused(raw: Raw) -> None:
    assert raw.post({"channel": "/meta/connect", "padding": "x" * 32_768}).status_code == 413
    assert raw.http.post(raw.path, content=b"{").status_code == 400
    assert raw.http.get(raw.path).status_code == 405
