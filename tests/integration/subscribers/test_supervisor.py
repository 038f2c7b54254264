"""A stream is read by one replica at a time, for ever, and nothing of it is lost or stored twice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from service.clock import SystemClock
from service.db import Database, Wakes, open_database
from service.intake import StreamIntake
from subscribers import Batch, Cause, Feed, Pauses, PubSubFeed, ReceivedEvent, StreamEnded, Supervisor
from tests.integration.subscribers.conftest import Salesforce
from tests.support.waiting import until

ORG = "main"
LEASE = timedelta(seconds=5)
PAUSES = Pauses(
    first=timedelta(milliseconds=2),
    longest=timedelta(milliseconds=12),
    slow=timedelta(milliseconds=30),
    alarm=timedelta(milliseconds=60),
)
_TOPICS = count(1)


class Watch:
    """A clock without chance that remembers the pauses it was asked to spread."""

    def __init__(self) -> None:
        self.pauses: list[timedelta] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        return uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        self.pauses.append(span * 2)
        return timedelta()


Step = Batch | StreamEnded | Exception


class ScriptedFeed:
    """Plays one list of steps for each time it is opened; then stays silent."""

    def __init__(self, *openings: list[Step]) -> None:
        self.openings = list(openings)
        self.positions: list[bytes | None] = []

    async def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
        assert topic.startswith("/event/")
        self.positions.append(position)
        for step in self.openings.pop(0) if self.openings else []:
            if isinstance(step, Exception):
                raise step
            yield step
        await asyncio.Event().wait()


def event(topic: str, number: int) -> ReceivedEvent:
    return ReceivedEvent(topic, b"%d" % number, f"event-{topic}-{number}", "s", {"Number__c": float(number)})


def batch(topic: str, *numbers: int, position: bytes | None = None) -> Batch:
    return Batch(topic, tuple(event(topic, number) for number in numbers), position or b"%d" % numbers[-1])


@pytest.fixture
def topic() -> str:
    return f"/event/Scripted_{next(_TOPICS)}__e"


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Stored:
    """What the database holds of one topic."""

    def __init__(self, database: Database, topic: str) -> None:
        self.database = database
        self.topic = topic

    async def rows(self, query: str) -> list[Any]:
        async with self.database.read() as tx:
            return list((await tx.execute(text(query), {"topic": self.topic})).all())

    async def position(self) -> bytes | None:
        found = await self.rows("SELECT position FROM streams WHERE topic = :topic")
        return bytes(found[0].position) if found and found[0].position else None

    async def holder(self) -> str | None:
        found = await self.rows("SELECT holder FROM streams WHERE topic = :topic")
        return found[0].holder if found else None

    async def numbers(self) -> list[float]:
        found = await self.rows("SELECT payload FROM inbox WHERE kind = :topic ORDER BY object_id")
        return [float(orjson.loads(row.payload)["Number__c"]) for row in found]

    async def reach(self, wanted: list[float], seconds: float = 20) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while (found := await self.numbers()) != wanted:
            assert asyncio.get_running_loop().time() < deadline, found
            await asyncio.sleep(0.01)


@pytest.fixture
def stored(database: Database, topic: str) -> Stored:
    return Stored(database, topic)


Make = Callable[..., Supervisor]


@pytest.fixture
def make(intake: StreamIntake, topic: str) -> Make:
    def build(feed: Feed, watch: Watch | None = None, **changes: Any) -> Supervisor:
        values = {"org": ORG, "topic": topic, "holder": "one", "lease": LEASE, "pauses": PAUSES, **changes}
        return Supervisor(intake, feed, watch or Watch(), **values)

    return build


async def test_events_and_position_are_stored_together_and_copies_once(make: Make, stored: Stored, topic: str) -> None:
    feed = ScriptedFeed([batch(topic, 1, 2), batch(topic, 2, 3), batch(topic, position=b"9"), StreamEnded(Cause.RETRY)])
    async with running(make(feed)):
        await until(lambda: len(feed.positions) == 2)
    assert await stored.numbers() == [1, 2, 3]
    assert await stored.position() == b"9"
    assert feed.positions == [None, b"9"]


async def test_the_next_process_goes_on_where_the_last_one_stopped(make: Make, stored: Stored, topic: str) -> None:
    async with running(make(ScriptedFeed([batch(topic, 1)]))):
        await stored.reach([1])
    assert await stored.holder() is None
    feed = ScriptedFeed()
    async with running(make(feed, holder="two")):
        await until(lambda: feed.positions)
    assert feed.positions == [b"1"]


async def test_a_lost_position_means_everything_again(make: Make, stored: Stored, topic: str) -> None:
    lost = StreamEnded(Cause.REPLAY_LOST, "subscription.fetch.replayid.corrupted")
    feed = ScriptedFeed([batch(topic, 1), StreamEnded(Cause.COMPLETED)], [lost], [batch(topic, 1, 2)])
    with capture_logs() as entries:
        async with running(make(feed)):
            await stored.reach([1, 2])
    assert feed.positions == [None, b"1", None]
    (gap,) = [entry for entry in entries if entry["event"] == "stream_gap"]
    assert (gap["lost_position"], gap["topic"], gap["log_level"]) == (b"1".hex(), topic, "error")


async def test_pauses_grow_to_a_limit_and_start_anew_after_events(make: Make, topic: str) -> None:
    ends: list[list[Step]] = [[StreamEnded(Cause.RETRY)] for _ in range(5)]
    feed = ScriptedFeed(*ends, [batch(topic, 1), StreamEnded(Cause.SILENT)], [RuntimeError("a fault of ours")])
    watch = Watch()
    async with running(make(feed, watch)):
        await until(lambda: len(feed.positions) == 8)
    assert [pause / PAUSES.first for pause in watch.pauses] == [1, 2, 4, 6, 6, 1, 2]


@pytest.mark.parametrize(("cause", "pause"), [(Cause.SLOW_DOWN, PAUSES.slow), (Cause.STOP, PAUSES.alarm)])
async def test_limits_and_alarms_wait_long_every_time(make: Make, cause: Cause, pause: timedelta) -> None:
    feed = ScriptedFeed([StreamEnded(cause)], [StreamEnded(cause)])
    watch = Watch()
    supervisor = make(feed, watch)
    async with running(supervisor):
        await until(lambda: len(feed.positions) == 3)
        assert supervisor.last_end is cause
        assert supervisor.holds
    assert watch.pauses == [pause, pause]
    assert not supervisor.holds


async def test_a_third_refused_token_in_a_row_is_an_alarm(make: Make, topic: str) -> None:
    token = StreamEnded(Cause.NEW_TOKEN)
    feed = ScriptedFeed([token], [token], [token], [batch(topic, 1), token])
    watch = Watch()
    async with running(make(feed, watch)):
        await until(lambda: len(feed.positions) == 5)
    assert watch.pauses == [PAUSES.first, PAUSES.first * 2, PAUSES.alarm, PAUSES.first]


async def test_the_sign_in_may_ask_for_a_longer_wait(make: Make) -> None:
    feed = ScriptedFeed([StreamEnded(Cause.STOP, retry_after=PAUSES.alarm * 2)])
    watch = Watch()
    async with running(make(feed, watch)):
        await until(lambda: len(feed.positions) == 2)
    assert watch.pauses == [PAUSES.alarm * 2]


async def test_only_one_replica_reads_and_the_other_follows_at_once(make: Make, stored: Stored, topic: str) -> None:
    lease = timedelta(milliseconds=300)
    first, second = ScriptedFeed([batch(topic, 1)]), ScriptedFeed([batch(topic, 2)])
    other = make(second, holder="two", lease=lease)
    async with running(make(first, lease=lease)):
        await stored.reach([1])
        async with running(other):
            with pytest.raises(AssertionError):
                await until(lambda: second.positions, seconds=1)  # three leases long: renewal holds it off
            assert first.positions == [None]
    async with running(other):
        await stored.reach([1, 2])
    assert second.positions == [b"1"]


async def test_a_dead_holder_is_followed_when_its_lease_runs_out(
    make: Make, intake: StreamIntake, stored: Stored, topic: str
) -> None:
    assert await intake.claim_stream(ORG, topic, "dead", timedelta(milliseconds=400))
    async with running(make(ScriptedFeed([batch(topic, 1)]), lease=timedelta(milliseconds=300))):
        await stored.reach([1], seconds=3)


async def test_a_holder_that_lost_its_lease_stores_nothing_and_stops_reading(
    make: Make, database: Database, stored: Stored
) -> None:
    class Robbed(ScriptedFeed):
        async def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
            self.positions.append(position)
            yield batch(topic, 1)
            async with database.transaction() as tx:
                query = "UPDATE streams SET holder = 'thief', leased_until = now() + interval '1 hour' WHERE topic = :t"
                await tx.execute(text(query), {"t": topic})
            yield batch(topic, 2)

    feed = Robbed()
    supervisor = make(feed)
    async with running(supervisor):
        await until(lambda: feed.positions and not supervisor.holds)
    assert await stored.numbers() == [1]
    assert await stored.position() == b"1"
    assert await stored.holder() == "thief"
    assert feed.positions == [None]


async def test_a_lease_lost_while_the_stream_is_quiet_is_noticed(make: Make, database: Database, topic: str) -> None:
    feed = ScriptedFeed()
    supervisor = make(feed, lease=timedelta(milliseconds=300))
    async with running(supervisor):
        await until(lambda: feed.positions)
        async with database.transaction() as tx:
            query = "UPDATE streams SET holder = 'thief', leased_until = now() + interval '1 hour' WHERE topic = :t"
            await tx.execute(text(query), {"t": topic})
        await until(lambda: not supervisor.holds)


class Witness:
    """Another feed, and how its streams ended."""

    def __init__(self, feed: PubSubFeed) -> None:
        self.feed = feed
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


async def test_a_database_that_is_away_stops_nothing_for_good(topic: str) -> None:
    gone = open_database("postgresql://nobody@127.0.0.1:1/none", pool_size=2)
    watch = Watch()
    feed = ScriptedFeed([batch(topic, 1)])
    away = Supervisor(
        StreamIntake(gone, Wakes(gone.url), SystemClock()),
        feed,
        watch,
        org=ORG,
        topic=topic,
        holder="one",
        lease=timedelta(milliseconds=30),
        pauses=PAUSES,
    )
    async with running(away):
        await until(lambda: len(watch.pauses) >= 3)
    assert feed.positions == []
    await gone.close()
