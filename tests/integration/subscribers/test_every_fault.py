"""A stream suffers every fault of its API in turn, with one supervisor and a real database behind it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from service.db import Database
from subscribers import Batch, Cause, CometdFeed, OrgFeed, PubSubFeed, StreamEnded
from tests.integration.subscribers.conftest import Salesforce
from tests.integration.subscribers.stage import Make, Stored, running
from tests.support.waiting import until


class Witness:
    """Another feed, and how its streams ended."""

    def __init__(self, feed: OrgFeed) -> None:
        self.feed = feed
        self.kind = feed.kind
        self.ends: list[Cause] = []

    def ended_by(self, cause: Cause, known: int) -> bool:
        return cause in self.ends[known:]

    async def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
        try:
            async with aclosing(self.feed.batches(topic, position)) as batches:
                async for one in batches:
                    yield one
        except StreamEnded as end:
            self.ends.append(end.cause)
            raise


FAULTS = {
    "goaway": Cause.RETRY,
    "disconnect": Cause.RETRY,
    "expired_token": Cause.NEW_TOKEN,
    "silence": Cause.SILENT,
    "ok_end": Cause.COMPLETED,
    "error": Cause.RETRY,
}


async def test_through_every_fault_each_event_arrives_once(
    make: Make, salesforce: Salesforce, database: Database
) -> None:
    async def sign_in(_: object) -> Any:
        return salesforce.credentials

    topic, numbers = salesforce.new_topic(), count()
    stored, published = Stored(database, topic), []
    feed = Witness(PubSubFeed("main", salesforce.org(), sign_in, silence=timedelta(milliseconds=500)))

    def publish() -> bytes:
        published.append(float(next(numbers)))
        return salesforce.publish(topic, published[-1])

    async with running(make(feed, topic=topic)):
        for fault, cause in FAULTS.items():
            await until(lambda: salesforce.streams(topic))
            known = len(feed.ends)
            salesforce.fault(fault, topic)
            for _ in range(30):
                publish()
            await until(partial(feed.ended_by, cause, known))
            await stored.reach(published)
        salesforce.fault("expired_replay_id", topic)
        salesforce.fault("goaway", topic)
        publish()
        await until(lambda: Cause.REPLAY_LOST in feed.ends)
        salesforce.fault("duplicate", topic, times=3)
        last = [publish() for _ in range(5)][-1]
        await stored.reach(published)
    position = await stored.position()
    assert position is not None
    assert position >= last
    await feed.feed.close()


COMETD_FAULTS = {
    "disconnect": Cause.RETRY,
    "unknown_client": Cause.RETRY,
    "expired_token": Cause.NEW_TOKEN,
    "session_lost": Cause.NEW_TOKEN,
    "event_limit": Cause.SLOW_DOWN,
    "silence": Cause.SILENT,
    "status": Cause.RETRY,
}


async def test_through_every_fault_of_cometd_each_event_arrives_once(
    make: Make, salesforce: Salesforce, database: Database
) -> None:
    async def sign_in(_: object) -> Any:
        return salesforce.cometd_credentials

    topic, numbers = salesforce.new_topic(), count()
    stored, published = Stored(database, topic), []
    feed = Witness(CometdFeed("main", salesforce.org(), sign_in, silence=timedelta(milliseconds=500)))
    salesforce.cometd("settings", hold_ms=200)

    def publish() -> None:
        published.append(float(next(numbers)))
        salesforce.publish(topic, published[-1])

    async with running(make(feed, topic=topic)):
        for fault, cause in COMETD_FAULTS.items():
            await until(lambda: salesforce.clients(topic))
            known = len(feed.ends)
            salesforce.cometd("faults", fault=fault, **({"status": 503} if fault == "status" else {}))
            for _ in range(30):
                publish()
            await until(partial(feed.ended_by, cause, known))
            await stored.reach(published)
        salesforce.cometd("faults", fault="expired_replay_id", topic=topic)
        salesforce.cometd("faults", fault="unknown_client")
        publish()
        await until(lambda: Cause.REPLAY_LOST in feed.ends)
        salesforce.cometd("faults", fault="duplicate", topic=topic, times=3)
        for _ in range(5):
            publish()
        await stored.reach(published)
    rows = await stored.rows("SELECT count(*) AS copies FROM inbox WHERE kind = :topic")
    assert rows[0].copies == len(published)
