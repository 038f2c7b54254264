"""A payment's story, told in any order and any number of times, by several who look at once: each change once.

Sights go through the real intake, the real mirror and the real projector; the outbox holds what Salesforce will get.
"""

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service.clock import SystemClock
from service.config import Entity, Reaction
from service.db import Database, Wakes, open_database
from service.domain import Evidence
from service.intake import observe, sight
from service.projection import Projector
from service.projection._status import intent_status
from tests.support.postgres import drop_database, fresh_database

RECORD = "006000000000001AAA"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
STATUSES = ("requires_payment_method", "processing", "requires_capture", "succeeded", "canceled", "of_next_year")
RULES = [Reaction.model_validate({"name": "paid", "when": "payment_paid", "do": {"event": {}}})]
ENTITY = Entity.model_validate(
    {
        "org": "main",
        "stripe": {"livemode": False, "secret_key": {"env": "A"}, "webhook_secrets": [{"env": "B"}]},
    }
)
TABLES = ("mirror", "outbox", "statuses", "due_dates", "reactions")


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=5)
    yield it
    await it.close()
    drop_database(postgres_url, url)


def projector(database: Database) -> Projector:
    wakes = Wakes(database.url)
    return Projector(
        database, wakes, SystemClock(), entities={"acme": ENTITY}, batch_limit=5, reactions={"main": RULES}
    )


def intent(status: str) -> dict[str, Any]:
    return {
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1250, "currency": "usd",
        "created": int(START.timestamp()), "livemode": False, "metadata": {"salesforce_record_id": RECORD},
    }  # fmt: skip


async def tell(database: Database, number: int, status: str) -> None:
    seen = sight(
        "acme", copy.deepcopy(intent(status)), as_of=START + timedelta(seconds=number), evidence=Evidence.EVENT,
        now=START, cause=f"evt_{number}",
    )  # fmt: skip
    async with database.transaction() as tx:
        await observe(tx, seen, now=START)


async def look(projectors: list[Projector]) -> None:
    while any(await asyncio.gather(*(one.step() for one in projectors))):
        pass


async def history(database: Database) -> list[dict[str, Any]]:
    query = text("SELECT key, content FROM outbox WHERE sobject = 'Payment_Status_Change__c'")
    async with database.read() as tx:
        rows = [(row.key, orjson.loads(row.content)) for row in await tx.execute(query)]
    return [content for _, content in sorted(rows, key=lambda row: int(row[0].rsplit("_", 1)[1]))]


async def asked(database: Database) -> int:
    async with database.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM reactions"))).scalar_one())


@given(
    story=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6),
    data=st.data(),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_each_change_is_told_once(database: Database, story: list[str], data: st.DataObject) -> None:
    async with database.transaction() as tx:
        await tx.execute(text(f"TRUNCATE {', '.join(TABLES)}"))
    numbers = list(range(len(story)))
    order = data.draw(st.permutations(numbers + data.draw(st.lists(st.sampled_from(numbers), max_size=4))))
    projectors = [projector(database), projector(database)]
    newest, expected = -1, list[tuple[int, str]]()
    for number in order:
        await tell(database, number, story[number])
        if data.draw(st.booleans()):
            await look(projectors)
            newest = await check(database, story, expected, newest)
    await look(projectors)
    await check(database, story, expected, newest)
    told = await history(database)
    assert told[-1]["To__c"] == intent_status(intent(story[-1]))
    # Nothing is told again when everything is looked at again.
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE mirror SET dirty = true"))
    await look(projectors)
    assert await history(database) == told
    assert await asked(database) == sum(row["To__c"] == "Paid" for row in told)


async def check(database: Database, story: list[str], expected: list[tuple[int, str]], newest: int) -> int:
    """The chain has no gap and no repetition, and each of its links names an event that told that status."""
    told = await history(database)
    assert [row["From__c"] for row in told] == [None, *(row["To__c"] for row in told[:-1])]
    assert all(row["From__c"] != row["To__c"] for row in told)
    events = [int(row["Event_Id__c"].removeprefix("evt_")) for row in told]
    assert events == sorted(set(events))
    assert [row["Stripe_Status__c"] for row in told] == [story[number] for number in events]
    assert len(told) >= len(expected)
    expected[:] = [(number, story[number]) for number in events]
    assert not events or events[-1] >= newest
    return events[-1] if events else newest
