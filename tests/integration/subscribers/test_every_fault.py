"""A stream suffers every fault of the Pub/Sub API in turn, with one supervisor and a real database behind it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from service.db import Database
from subscribers import Batch, Cause, OrgFeed, PubSubFeed, StreamEnded
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
