"""What many sights of one object come to does not depend on their order, nor on how many share a statement."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from service import mirror
from service.db import Database
from service.domain import Evidence, Observation
from service.intake import sight, stub
from tests.support.events import ENTITY, intent

SECOND = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def seen(status: str, at: int, evidence: Evidence = Evidence.EVENT) -> Observation:
    body = intent("pi_1", status=status)
    [one] = sight(ENTITY, body, as_of=SECOND + timedelta(seconds=at), evidence=evidence, now=NOW)
    return one


async def after(database: Database, batches: Sequence[Sequence[Observation]]) -> tuple[Any, ...]:
    """Show the batches one after the other; return the status kept, whether it is fetched, and what was told."""
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM mirror"))
    told = []
    for batch in batches:
        async with database.transaction() as tx:
            told.append(await mirror.observe(tx, batch, now=NOW))
    async with database.read() as tx:
        query = text("SELECT body::jsonb ->> 'status', fetch_at <= :now FROM mirror")
        status, fetch = (await tx.execute(query, {"now": NOW})).one()
    return status, bool(fetch), any(one.fetch for one in told)


@pytest.mark.parametrize(
    ("sights", "kept", "fetched"),
    [
        ([seen("processing", 0), seen("succeeded", 2)], {"succeeded"}, False),
        ([seen("processing", 0), seen("succeeded", 2), seen("succeeded", 2)], {"succeeded"}, False),
        ([seen("processing", 1), seen("succeeded", 1)], {"processing", "succeeded"}, True),
        ([seen("processing", 1), seen("canceled", 0), seen("succeeded", 1)], {"processing", "succeeded"}, True),
        ([seen("processing", -9), seen("succeeded", 1, Evidence.FETCH)], {"succeeded"}, False),
        ([seen("processing", 0), stub(ENTITY, "payment_intent", "pi_1", fetch_after=NOW)], {"processing"}, False),
    ],
    ids=["newer", "duplicate", "one second", "one second, one older", "fetched", "named"],
)
async def test_order_and_grouping_do_not_matter(
    database: Database, sights: list[Observation], kept: set[str], fetched: bool
) -> None:
    for order in permutations(sights):
        for batches in ([list(order)], [[one] for one in order]):
            status, fetch, _told = await after(database, batches)
            assert status in kept
            assert fetch is fetched


async def test_a_contradiction_of_what_is_known_is_told_and_changes_nothing_else(database: Database) -> None:
    assert await after(database, [[seen("succeeded", 1)], [seen("processing", 1)]]) == ("succeeded", True, True)
    assert await after(database, [[seen("succeeded", 1)], [seen("processing", 0)]]) == ("succeeded", False, False)


async def test_an_event_a_little_older_than_an_answer_may_be_newer(database: Database) -> None:
    answer = seen("processing", 4, Evidence.ANSWER)  # the clock of answers may run ahead of the clock of events
    assert await after(database, [[answer], [seen("succeeded", 1)]]) == ("processing", True, True)
    assert await after(database, [[answer], [seen("succeeded", -2)]]) == ("processing", False, False)
    assert await after(database, [[answer], [seen("processing", 1)]]) == ("processing", False, False)
