"""The feed against a Pub/Sub service in another process: every event, in order, and every way a stream can end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from service.errors import VendorDenied, VendorUnavailable
from subscribers import Batch, Cause, CredentialsValue, PubSubFeed, StreamEnded
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
    return SignIn(salesforce.credentials)


@pytest.fixture
async def feed(salesforce: Salesforce, sign_in: SignIn) -> AsyncIterator[PubSubFeed]:
    it = PubSubFeed("main", salesforce.org(), sign_in, silence=timedelta(seconds=5))
    yield it
    await it.close()


def numbers(batches: list[Batch]) -> list[float]:
    return [event.payload["Number__c"] for one in batches for event in one.events if isinstance(event.payload, dict)]


async def take(feed: PubSubFeed, topic: str, position: bytes | None, events: int) -> list[Batch]:
    """Read until that many events have come."""
    found: list[Batch] = []
    async with asyncio.timeout(20), aclosing(feed.batches(topic, position)) as batches:
        async for batch in batches:
            found.append(batch)
            if sum(len(one.events) for one in found) >= events:
                break
    return found


async def end_of(feed: PubSubFeed, topic: str, position: bytes | None = None) -> StreamEnded:
    with pytest.raises(StreamEnded) as caught:
        await take(feed, topic, position, 1_000_000)
    return caught.value


async def test_every_event_comes_in_order_with_its_position(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    replay_ids = [salesforce.publish(topic, number) for number in range(260)]
    batches = await take(feed, topic, None, 260)
    assert numbers(batches) == list(range(260))
    events = [event for one in batches for event in one.events]
    assert [event.replay_id for event in events] == replay_ids
    assert all(one.position == one.events[-1].replay_id for one in batches if one.events)
    assert len({event.event_id for event in events}) == 260
    assert {event.topic for event in events} == {topic}


async def test_a_stream_goes_on_behind_a_position(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    replay_ids = [salesforce.publish(topic, number) for number in range(5)]
    assert numbers(await take(feed, topic, replay_ids[2], 2)) == [3, 4]


async def test_a_quiet_topic_tells_positions(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    salesforce.post("settings", keepalive_ms=50)
    last = salesforce.publish(topic, 1)
    async with asyncio.timeout(10), aclosing(feed.batches(topic, last)) as batches:
        quiet = await anext(batches)
        assert quiet.events == ()
        assert len(quiet.position) in {8, 10}
        salesforce.publish(topic, 2)
        found = await anext(batches)
        while not found.events:
            found = await anext(batches)
    assert numbers([found]) == [2]
    assert numbers(await take(feed, topic, quiet.position, 1)) == [2]


async def test_each_event_is_decoded_with_its_own_schema(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    salesforce.define(topic, "Added__c")
    salesforce.publish(topic, 2, Added__c=40000.1)
    batches = await take(feed, topic, None, 2)
    first, second = (event for one in batches for event in one.events)
    assert first.schema_id != second.schema_id
    assert isinstance(first.payload, dict)
    assert isinstance(second.payload, dict)
    assert "Added__c" not in first.payload
    assert second.payload["Added__c"] == 40000.1


async def test_two_streams_of_one_org_do_not_disturb_each_other(feed: PubSubFeed, salesforce: Salesforce) -> None:
    one, other = salesforce.new_topic(), salesforce.new_topic()
    salesforce.publish(one, 1)
    salesforce.publish(other, 2)
    first, second = await asyncio.gather(take(feed, one, None, 1), take(feed, other, None, 1))
    assert (numbers(first), numbers(second)) == ([1], [2])


@pytest.mark.parametrize(
    ("fault", "more", "cause"),
    [
        ("goaway", {}, Cause.RETRY),
        ("disconnect", {}, Cause.RETRY),
        ("ok_end", {}, Cause.COMPLETED),
        ("expired_token", {}, Cause.NEW_TOKEN),
        ("error", {}, Cause.RETRY),
        ("error", {"error_code": "subscription.limit.exceeded"}, Cause.SLOW_DOWN),
        ("error", {"error_code": "service.tenant.license"}, Cause.STOP),
        ("error", {"error_code": "schema.api.unavailable", "rpc": "GetSchema"}, Cause.RETRY),
        ("error", {"error_code": "service.auth.error", "rpc": "GetSchema"}, Cause.NEW_TOKEN),
    ],
)
async def test_every_end_has_its_cause(
    feed: PubSubFeed, salesforce: Salesforce, fault: str, more: dict[str, str], cause: Cause
) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    salesforce.post("faults", fault=fault, **({"topic": topic} if "rpc" not in more else {}), **more)
    assert (await end_of(feed, topic)).cause is cause


async def test_an_unknown_topic_needs_a_person(feed: PubSubFeed) -> None:
    assert (await end_of(feed, "/event/Nowhere__e")).cause is Cause.STOP


async def test_a_position_salesforce_no_longer_knows(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    position = salesforce.publish(topic, 1)
    salesforce.fault("expired_replay_id", topic)
    end = await end_of(feed, topic, position)
    assert (end.cause, end.code) == (Cause.REPLAY_LOST, "subscription.fetch.replayid.corrupted")
    assert end.rpc_id
    assert numbers(await take(feed, topic, None, 1)) == [1]


async def test_silence_ends_a_stream(salesforce: Salesforce, sign_in: SignIn) -> None:
    topic = salesforce.new_topic()
    salesforce.fault("silence", topic)
    feed = PubSubFeed("main", salesforce.org(), sign_in, silence=timedelta(milliseconds=100))
    assert (await end_of(feed, topic)).cause is Cause.SILENT
    await feed.close()


async def test_the_next_stream_after_a_refused_token_says_which_was_refused(
    feed: PubSubFeed, salesforce: Salesforce, sign_in: SignIn
) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    good = sign_in.value
    sign_in.value = CredentialsValue("00D!stale", good.instance_url, good.tenant_id)
    assert (await end_of(feed, topic)).cause is Cause.NEW_TOKEN
    stale, sign_in.value = sign_in.value, good
    await take(feed, topic, None, 1)
    assert sign_in.refused == [None, stale]
    assert "stale" not in repr(stale)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (VendorUnavailable("down", vendor="salesforce"), Cause.RETRY),
        (VendorDenied("no", vendor="salesforce", retry_after=timedelta(seconds=30)), Cause.STOP),
    ],
)
async def test_a_failed_sign_in_is_an_end(
    feed: PubSubFeed, salesforce: Salesforce, sign_in: SignIn, error: VendorUnavailable | VendorDenied, cause: Cause
) -> None:
    sign_in.error = error
    end = await end_of(feed, salesforce.new_topic())
    assert (end.cause, end.retry_after) == (cause, error.retry_after)


async def test_tls_trusts_the_given_authority_and_no_other(salesforce: Salesforce, sign_in: SignIn) -> None:
    topic = salesforce.new_topic()
    salesforce.publish(topic, 1)
    trusted = PubSubFeed("main", salesforce.org(tls=True, ca_file=salesforce.ca_file), sign_in)
    assert numbers(await take(trusted, topic, None, 1)) == [1]
    await trusted.close()
    public = PubSubFeed("main", salesforce.org(tls=True), sign_in)
    assert (await end_of(public, topic)).cause is Cause.RETRY
    await public.close()


async def test_nobody_listens(salesforce: Salesforce, sign_in: SignIn) -> None:
    org = salesforce.org()
    nowhere = org.model_copy(update={"pubsub": org.pubsub.model_copy(update={"endpoint": "localhost:1"})})
    feed = PubSubFeed("main", nowhere, sign_in)
    assert (await end_of(feed, "/event/X__e")).cause is Cause.RETRY
    await feed.close()


async def test_a_cancelled_reader_closes_its_stream(feed: PubSubFeed, salesforce: Salesforce) -> None:
    topic = salesforce.new_topic()
    reader = asyncio.create_task(take(feed, topic, None, 1))
    await until(lambda: reader.done() or salesforce.streams(topic))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: not salesforce.streams(topic))
