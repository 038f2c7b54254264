"""The CometD feed against a Streaming API in another process: every event, in order, and every way a stream can end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.errors import VendorDenied, VendorUnavailable
from subscribers import Batch, Cause, CometdFeed, CredentialsValue, StreamEnded
from subscribers.handoff import plain
from tests.integration.subscribers.conftest import Salesforce
from tests.support.waiting import until


class SignIn:
    """Gives the credentials that work, and remembers what was refused."""

    def __init__(self, value: CredentialsValue) -> None:
        self.value = value
        self.refused: list[CredentialsValue | None] = []
        self.error: Exception | None = None

    async def __call__(self, refused: CredentialsValue | None) -> CredentialsValue:
        self.refused.append(refused)
        if self.error:
            raise self.error
        return self.value


@pytest.fixture
def sign_in(salesforce: Salesforce) -> SignIn:
    return SignIn(salesforce.cometd_credentials)


@pytest.fixture
def feed(salesforce: Salesforce, sign_in: SignIn) -> CometdFeed:
    return CometdFeed("main", salesforce.org(), sign_in, silence=timedelta(seconds=5))


@pytest.fixture(autouse=True)
async def nothing_is_left(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Each test ends without a task of its own that still runs, and without a complaint of the event loop."""
    others = asyncio.all_tasks()
    yield
    await until(lambda: asyncio.all_tasks() <= others | {asyncio.current_task()})
    assert [one.message for one in caplog.records if one.name == "asyncio" and one.levelno >= logging.WARNING] == []


def numbers(batches: list[Batch]) -> list[Any]:
    return [event.payload["Number__c"] for one in batches for event in one.events if isinstance(event.payload, dict)]


async def take(feed: CometdFeed, topic: str, position: bytes | None, events: int) -> list[Batch]:
    """Read until that many events have come."""
    found: list[Batch] = []
    async with asyncio.timeout(20), aclosing(feed.batches(topic, position)) as batches:
        async for batch in batches:
            found.append(batch)
            if sum(len(one.events) for one in found) >= events:
                break
    return found


async def end_of(feed: CometdFeed, topic: str, position: bytes | None = None) -> StreamEnded:
    with pytest.raises(StreamEnded) as caught:
        await take(feed, topic, position, 1_000_000)
    return caught.value


async def test_every_event_comes_in_order_with_its_position(feed: CometdFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    for number in range(260):
        salesforce.publish(topic, number)
    batches = await take(feed, topic, None, 260)
    assert numbers(batches) == list(range(260))
    events = [event for one in batches for event in one.events]
    assert all(one.position == one.events[-1].replay_id for one in batches if one.events)
    assert [int(event.replay_id) for event in events] == sorted({int(event.replay_id) for event in events})
    assert len({event.event_id for event in events}) == 260
    assert {event.topic for event in events} == {topic}
    assert numbers(await take(feed, topic, events[256].replay_id, 3)) == [257, 258, 259]


async def test_an_event_is_the_same_as_over_pubsub_and_its_numbers_are_exact(
    feed: CometdFeed, salesforce: Salesforce
) -> None:
    topic = salesforce.new_topic("Whole__c", "Small__c")
    salesforce.publish(topic, 40000.1, Whole__c=50000, Small__c=1e-7)
    ((event,),) = [one.events for one in await take(feed, topic, None, 1)]
    assert event.payload == {
        "CreatedDate": 1,
        "CreatedById": "005000000000001AAA",
        "Number__c": Decimal("40000.1"),
        "Whole__c": Decimal(50000),
        "Small__c": Decimal("1e-7"),
    }
    assert plain(event.payload)["Number__c"] == "40000.1"
    assert plain(event.payload)["Small__c"] == "0.0000001"
    assert len(event.schema_id) == 22


async def test_what_was_stored_is_where_a_quiet_stream_stays(feed: CometdFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    salesforce.cometd("settings", hold_ms=50)
    salesforce.publish(topic, 1)
    async with asyncio.timeout(10), aclosing(feed.batches(topic, None)) as batches:
        first = await anext(batches)
        while not first.events:
            assert first.position == b"-2"
            first = await anext(batches)
        quiet = await anext(batches)
        assert (quiet.events, quiet.position) == ((), first.position)
        salesforce.publish(topic, 2)
        found = await anext(batches)
        while not found.events:
            found = await anext(batches)
    assert numbers([found]) == [2]


async def test_two_streams_of_one_org_do_not_disturb_each_other(feed: CometdFeed, salesforce: Salesforce) -> None:
    one, other = salesforce.new_topic(), salesforce.new_topic()
    salesforce.publish(one, 1)
    salesforce.publish(other, 2)
    first, second = await asyncio.gather(take(feed, one, None, 1), take(feed, other, None, 1))
    assert (numbers(first), numbers(second)) == ([1], [2])


@pytest.mark.parametrize(
    ("fault", "cause", "code"),
    [
        ({"fault": "expired_token"}, Cause.NEW_TOKEN, "401::Authentication invalid"),
        ({"fault": "session_lost"}, Cause.NEW_TOKEN, "HTTP 401"),
        ({"fault": "unknown_client"}, Cause.RETRY, "403::Unknown client"),
        ({"fault": "event_limit"}, Cause.SLOW_DOWN, "403::Organization total events daily limit exceeded"),
        ({"fault": "denied"}, Cause.STOP, "403::User not allowed to subscribe to the channel"),
        ({"fault": "disconnect"}, Cause.RETRY, "ServerDisconnectedError"),
        ({"fault": "status", "status": 503}, Cause.RETRY, "HTTP 503"),
        ({"fault": "status", "status": 429}, Cause.SLOW_DOWN, "HTTP 429"),
        ({"fault": "status", "status": 302}, Cause.RETRY, "HTTP 302"),
    ],
)
async def test_every_end_has_its_cause(
    feed: CometdFeed, salesforce: Salesforce, fault: dict[str, Any], cause: Cause, code: str
) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    salesforce.cometd("faults", **fault)
    end = await end_of(feed, topic)
    assert (end.cause, end.code) == (cause, code)
    assert numbers(await take(feed, topic, None, 1)) == [1]


@pytest.mark.parametrize("fault", ["expired_token", "unknown_client", "session_lost", "event_limit"])
async def test_a_held_connect_ends_as_well(feed: CometdFeed, salesforce: Salesforce, fault: str) -> None:
    topic = salesforce.new_topic()
    salesforce.cometd("settings", hold_ms=200)
    reader = asyncio.create_task(end_of(feed, topic))
    await until(lambda: [one for one in salesforce.clients(topic) if one["held"]])
    salesforce.cometd("faults", fault=fault)
    assert (await reader).cause is not Cause.SILENT


async def test_what_a_lost_answer_carried_comes_again_from_the_stored_place(
    feed: CometdFeed, salesforce: Salesforce
) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    position = (await take(feed, topic, None, 1))[-1].position
    reader = asyncio.create_task(end_of(feed, topic, position))
    await until(lambda: [one for one in salesforce.clients(topic) if one["held"]])
    salesforce.cometd("faults", fault="disconnect", topic=topic)
    salesforce.publish(topic, 2)
    assert (await reader).cause is Cause.RETRY
    assert numbers(await take(feed, topic, position, 1)) == [2]


async def test_an_unknown_topic_needs_a_person(feed: CometdFeed) -> None:
    assert (await end_of(feed, "/event/Nowhere__e")).cause is Cause.STOP


async def test_an_id_that_is_no_longer_kept_is_lost(feed: CometdFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    position = (await take(feed, topic, None, 1))[-1].position
    salesforce.cometd("faults", fault="expired_replay_id", topic=topic)
    end = await end_of(feed, topic, position)
    assert end.cause is Cause.REPLAY_LOST
    assert numbers(await take(feed, topic, None, 1)) == [1]


@pytest.mark.parametrize(
    "position", [b"", b"-1", b"157", b"0" * 20, b"157.5" * 4, bytes.fromhex("000000000000938b0000"), b"9" * 31]
)
async def test_a_position_of_another_feed_is_never_sent(feed: CometdFeed, sign_in: SignIn, position: bytes) -> None:
    assert (await end_of(feed, "/event/Any__e", position)).cause is Cause.REPLAY_LOST
    assert sign_in.refused == [], "Salesforce was not even asked"


@pytest.mark.parametrize("fault", ["silence"])
async def test_silence_ends_a_stream(salesforce: Salesforce, sign_in: SignIn, fault: str) -> None:
    topic = salesforce.new_topic()
    salesforce.cometd("faults", fault=fault)
    feed = CometdFeed("main", salesforce.org(), sign_in, silence=timedelta(milliseconds=300))
    assert (await end_of(feed, topic)).cause is Cause.SILENT


async def test_the_next_stream_after_a_refused_token_says_which_was_refused(
    feed: CometdFeed, salesforce: Salesforce, sign_in: SignIn
) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    good = sign_in.value
    sign_in.value = CredentialsValue("00D!stale", good.instance_url, good.tenant_id)
    end = await end_of(feed, topic)
    assert (end.cause, end.code) == (Cause.NEW_TOKEN, "401::Authentication invalid")
    stale, sign_in.value = sign_in.value, good
    await take(feed, topic, None, 1)
    assert sign_in.refused == [None, stale]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (VendorUnavailable("down", vendor="salesforce"), Cause.RETRY),
        (VendorDenied("no", vendor="salesforce", retry_after=timedelta(seconds=30)), Cause.STOP),
    ],
)
async def test_a_failed_sign_in_is_an_end(
    feed: CometdFeed, sign_in: SignIn, error: VendorUnavailable | VendorDenied, cause: Cause
) -> None:
    sign_in.error = error
    end = await end_of(feed, "/event/Any__e")
    assert (end.cause, end.retry_after) == (cause, error.retry_after)


async def test_a_password_of_the_machines_user_is_not_looked_for(
    feed: CometdFeed, salesforce: Salesforce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    assert numbers(await take(feed, topic, None, 1)) == [1]


async def test_a_proxy_of_the_environment_is_used(
    feed: CometdFeed, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().split())
        writer.write(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert (await end_of(feed, "/event/Any__e")).code == "HTTP 503"
    assert asked == [["POST", f"{salesforce.told['cometd']}/cometd/66.0", "HTTP/1.1"]]


async def test_an_answer_that_is_none_of_cometds_is_tried_again(salesforce: Salesforce, sign_in: SignIn) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<html>a portal of the network</html>"
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sign_in.value = CredentialsValue("token", f"http://127.0.0.1:{port}", "00D000000000001EAA")
        end = await end_of(CometdFeed("main", salesforce.org(), sign_in), "/event/Any__e")
    assert (end.cause, end.code) == (Cause.RETRY, "JSONDecodeError")


async def test_nobody_listens(salesforce: Salesforce) -> None:
    sign_in = SignIn(CredentialsValue("token", "http://localhost:1", "00D000000000001EAA"))
    feed = CometdFeed("main", salesforce.org(), sign_in)
    end = await end_of(feed, "/event/X__e")
    assert (end.cause, end.code) == (Cause.RETRY, "ClientConnectorError")


async def test_whether_a_topic_may_be_read_is_told_without_reading_it(feed: CometdFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    assert await feed.can_subscribe(topic)
    assert salesforce.clients(topic) == []
    salesforce.cometd("faults", fault="denied")
    for name in (topic, "/event/Nowhere__e"):
        with pytest.raises(StreamEnded) as caught:
            await feed.can_subscribe(name)
        assert caught.value.cause is Cause.STOP


async def test_a_cancelled_reader_hangs_up(feed: CometdFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    reader = asyncio.create_task(take(feed, topic, None, 1))
    await until(lambda: reader.done() or salesforce.clients(topic))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert salesforce.clients(topic) == []
