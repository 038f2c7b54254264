"""A stream is read by one replica at a time, for ever, and nothing of it is lost or stored twice."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from service.clock import SystemClock
from service.db import Database, Wakes, open_database
from service.intake import StreamIntake
from subscribers import Batch, Cause, ReceivedEvent, StreamEnded, Supervisor
from tests.integration.subscribers.stage import ORG, PAUSES, Make, Stored, Watch, running
from tests.support.waiting import until

Step = Batch | StreamEnded | Exception


class ScriptedFeed:
    """Plays one list of steps for each time it is opened; then stays silent."""

    kind = "scripted"

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
def stored(database: Database, topic: str) -> Stored:
    return Stored(database, topic)


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
    (gap,) = [entry for entry in entries if entry["event"] == "stream.gap"]
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
    assert await intake.claim_stream(ORG, topic, "dead", timedelta(milliseconds=400), feed=ScriptedFeed.kind)
    async with running(make(ScriptedFeed([batch(topic, 1)]), lease=timedelta(milliseconds=300))):
        await stored.reach([1], seconds=3)


async def test_each_feed_of_a_stream_has_a_position_of_its_own(make: Make, database: Database, topic: str) -> None:
    class Other(ScriptedFeed):
        kind = "other"

    async with running(make(ScriptedFeed([batch(topic, 1)]))):
        await Stored(database, topic).reach([1])
    switched = Other([batch(topic, 1, 2, position=b"the other's own")])
    async with running(make(switched)):
        await Stored(database, topic).reach([1, 2])
    back, again = ScriptedFeed(), Other()
    async with running(make(back)), running(make(again)):
        await until(lambda: back.positions and again.positions)
    assert switched.positions == [None], "it begins with all there is: another feed's position means nothing to it"
    assert (back.positions, again.positions) == ([b"1"], [b"the other's own"])


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
