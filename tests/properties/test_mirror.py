"""The mirror shows what Stripe says now, whatever order, duplication and delay its news had.

The model is an object with a history: versions with true times, of which Stripe tells whole seconds. Sights of it are
events (rendered when a version came), answers and fetches (rendered at some moment, dated up to two seconds later).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import mirror
from service.db import Database, open_database
from service.domain import Evidence, Observation, canonical
from service.mirror import FetchDue
from tests.support.postgres import drop_database, fresh_database

START = datetime(2026, 11, 23, tzinfo=UTC)
LEASE = timedelta(seconds=10)
_NUMBERS = count(1)
_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=3)
    yield it
    await it.close()
    drop_database(postgres_url, url)


@dataclass
class Stripe:
    """One object with a history, and the only truth there is about it. `times` are in tenths of a second."""

    times: list[int]
    key: str = field(default_factory=lambda: f"pi_{next(_NUMBERS)}")

    def body(self, version: int) -> str:
        return canonical({"id": self.key, "object": "payment_intent", "version": version})

    def at(self, moment: int) -> int:
        return max((number for number, time in enumerate(self.times) if time <= moment), default=0)

    def sight(self, version: int, second: int, evidence: Evidence) -> Observation:
        as_of = START + timedelta(seconds=second)
        return Observation("acme", "payment_intent", self.key, self.body(version), as_of, evidence)

    def event(self, version: int) -> Observation:
        return self.sight(version, self.times[version] // 10, Evidence.EVENT)

    def stub(self, version: int) -> Observation:
        """An event in another version's shape: it tells that the object changed, and not how."""
        as_of = START + timedelta(seconds=self.times[version] // 10)
        return Observation("acme", "payment_intent", self.key, None, as_of, Evidence.EVENT, fetch_after=START)

    def answer(self, rendered: int, late: int) -> Observation:
        return self.sight(self.at(rendered), (rendered + late) // 10, Evidence.ANSWER)


def histories() -> st.SearchStrategy[Stripe]:
    # Many versions in few seconds: that is where whole seconds do not tell them apart.
    times = st.lists(st.integers(0, 40), min_size=1, max_size=6).map(sorted)
    return times.map(Stripe)


async def observe(database: Database, *seen: Observation, now: datetime = START) -> None:
    async with database.transaction() as tx:
        await mirror.observe(tx, seen, now=now)


async def due(database: Database, now: datetime) -> list[FetchDue]:
    async with database.transaction() as tx:
        return await mirror.take_fetches(tx, now=now, lease=LEASE, limit=100)


async def settle(database: Database, one: FetchDue, seen: Observation, now: datetime) -> None:
    """End a fetch as the fetcher does: it is no older than what was known when it was asked."""
    seen = Observation("acme", "payment_intent", one.object_id, seen.body, max(seen.as_of, one.as_of), Evidence.FETCH)
    async with database.transaction() as tx:
        if await mirror.settle_fetch(tx, one, again_at=None):
            await mirror.observe(tx, [seen], now=now)


async def shown(database: Database, stripe: Stripe) -> Any:
    async with database.read() as tx:
        rows = await mirror.load_family(tx, entities=["acme"], roots=[stripe.key])
    return rows[0].body and rows[0].body["version"]


async def fetch_until_quiet(database: Database, *stripes: Stripe) -> None:
    """Let every wish to fetch be fulfilled, each by what Stripe says now."""
    now = START + timedelta(hours=1)
    known = {stripe.key: stripe for stripe in stripes}
    for _ in range(10):
        taken = [one for one in await due(database, now) if one.object_id in known]
        if not taken:
            return
        for one in taken:
            stripe = known[one.object_id]
            await settle(database, one, stripe.sight(len(stripe.times) - 1, 10, Evidence.FETCH), now)
        now += LEASE + timedelta(seconds=1)
    raise AssertionError("it asks for ever")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("stub_first", [True, False])
async def test_a_stub_of_the_same_second_is_still_fetched(database: Database, together: bool, stub_first: bool) -> None:
    stripe = Stripe([0, 5])
    sights = [stripe.stub(1), stripe.event(0)] if stub_first else [stripe.event(0), stripe.stub(1)]
    for some in [sights] if together else [[one] for one in sights]:
        await observe(database, *some)
    await fetch_until_quiet(database, stripe)
    assert await shown(database, stripe) == 1


async def test_older_news_do_not_settle_what_a_stub_wished(database: Database) -> None:
    stripe = Stripe([0, 12, 15])
    for seen in (stripe.event(0), stripe.stub(2), stripe.event(1)):
        await observe(database, seen)
    await fetch_until_quiet(database, stripe)
    assert await shown(database, stripe) == 2


async def test_an_answer_that_news_overtook_does_not_stay(database: Database) -> None:
    stripe = Stripe([0, 5])
    await observe(database, stripe.event(0))
    await observe(database, stripe.event(1))
    await observe(database, stripe.answer(rendered=3, late=20))
    await fetch_until_quiet(database, stripe)
    assert await shown(database, stripe) == 1


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=_SLOW)
async def test_any_order_and_duplication_ends_in_the_newest(database: Database, data: st.DataObject) -> None:
    stripe = data.draw(histories())
    versions = range(len(stripe.times))
    told = [*data.draw(st.lists(st.sampled_from(versions), max_size=8)), versions[-1]]
    told = data.draw(st.permutations(told))
    moments = st.tuples(st.integers(0, 45), st.integers(0, 20))
    answers = [stripe.answer(*moment) for moment in data.draw(st.lists(moments, max_size=2))]
    news = [data.draw(st.sampled_from([stripe.event, stripe.event, stripe.stub]))(version) for version in told]
    sights = data.draw(st.permutations([*news, *answers]))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=len(sights), max_size=len(sights)))
    while sights:
        # Webhooks share a commit, an answer comes alone.
        size = 1 if sights[0].evidence is Evidence.ANSWER else sizes.pop()
        size = next((n for n, seen in enumerate(sights[:size]) if n and seen.evidence is Evidence.ANSWER), size)
        await observe(database, *sights[:size])
        sights = sights[size:]
    await fetch_until_quiet(database, stripe)
    assert await shown(database, stripe) == versions[-1]


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=_SLOW)
async def test_a_fetch_overtaken_by_news_does_not_bring_the_past_back(database: Database, data: st.DataObject) -> None:
    stripe = data.draw(histories())
    last = len(stripe.times) - 1
    first = data.draw(st.integers(0, last))
    await observe(database, stripe.event(first))
    await observe(database, stripe.stub(first))
    taken = [one for one in await due(database, START) if one.object_id == stripe.key]
    rendered = data.draw(st.integers(stripe.times[first], 45))
    answer = stripe.sight(stripe.at(rendered), (rendered + data.draw(st.integers(0, 20))) // 10, Evidence.FETCH)
    # While the answer is on its way, newer versions are told of.
    for version in data.draw(st.permutations(range(first, last + 1))):
        await observe(database, stripe.event(version))
    for one in taken:
        await settle(database, one, answer, START)
    await fetch_until_quiet(database, stripe)
    assert await shown(database, stripe) == last


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
async def test_two_writers_at_once_end_in_the_newest(database: Database, data: st.DataObject) -> None:
    stripes = [data.draw(histories()) for _ in range(3)]
    sights = [stripe.event(version) for stripe in stripes for version in range(len(stripe.times))]
    one, two = data.draw(st.permutations(sights)), data.draw(st.permutations(sights))
    await asyncio.gather(observe(database, *one), observe(database, *two))
    await fetch_until_quiet(database, *stripes)
    for stripe in stripes:
        assert await shown(database, stripe) == len(stripe.times) - 1


@given(history=histories())
@settings(max_examples=30, deadline=None, suppress_health_check=_SLOW)
async def test_a_sight_seen_before_changes_nothing(database: Database, history: Stripe) -> None:
    async def row() -> Any:
        async with database.read() as tx:
            return await mirror.load_family(tx, entities=["acme"], roots=[history.key])

    await observe(database, history.event(0))
    before = await row()
    await observe(database, history.event(0), history.event(0))
    assert await row() == before
