"""Whatever reaches us of a payout, in whatever order: its record shows what Stripe says now, and its list is asked for.

Sights go through the real intake and the real mirror. Events are shuffled, repeated, lost, of one second or rendered
for another version; what remains in doubt is fetched, as the service does.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import mirror
from service.db import Database, open_database
from service.domain import Evidence, Statement, canonical
from service.intake import observe, payouts, sight, stub
from service.projection._records import records
from tests.support.postgres import drop_database, fresh_database

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
ARRIVED = START + timedelta(minutes=5)
STATUSES = ("pending", "in_transit", "paid", "failed", "canceled", "a_status_of_next_year")
Body = dict[str, Any]


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=3)
    yield it
    await it.close()
    drop_database(postgres_url, url)


def made(automatic: bool) -> Body:
    return {
        "id": "po_1",
        "object": "payout",
        "amount": 5000,
        "currency": "usd",
        "automatic": automatic,
        "created": int(START.timestamp()),
        "status": "pending",
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "trace_id": {"status": "pending", "value": None},
        "original_payout": None,
    }


changes = st.one_of(
    st.fixed_dictionaries({"status": st.sampled_from(STATUSES)}),
    st.just({"reconciliation_status": "completed"}),
    st.just({"trace_id": {"status": "supported", "value": "1"}}),
    st.fixed_dictionaries({"failure_code": st.sampled_from(("account_closed", "declined"))}),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[datetime, Body]]:
    """Draw the states of a payout with the second each was told in."""
    body, at = made(draw(st.booleans())), START
    told = [(at, body)]
    for change in draw(st.lists(changes, max_size=6)):
        if "reconciliation_status" in change and not body["automatic"]:
            continue
        body, at = {**body, **change}, at + timedelta(seconds=draw(st.integers(0, 2)))
        told.append((at, body))
    return told


async def take_in(database: Database, at: datetime, body: Body, *, other_version: bool) -> None:
    seen = (
        [stub("acme", "payout", "po_1", fetch_after=ARRIVED, as_of=at)]
        if other_version
        else sight("acme", dict(body), as_of=at, evidence=Evidence.EVENT, now=ARRIVED)
    )
    async with database.transaction() as tx:
        await observe(tx, seen, now=ARRIVED)


async def fetch_doubts(database: Database, now_at_stripe: Body, told_at: datetime) -> None:
    async with database.transaction() as tx:
        due = await mirror.take_fetches(tx, now=ARRIVED, lease=timedelta(hours=1), limit=10)
        for one in [one for one in due if one.object_type == "payout"]:
            as_of = max(one.as_of, told_at)
            seen = sight("acme", dict(now_at_stripe), as_of=as_of, evidence=Evidence.FETCH, now=ARRIVED)
            await observe(tx, seen, now=ARRIVED)
            await mirror.settle_fetch(tx, one, again_at=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_part_of_a_payouts_history_in_any_order_ends_in_its_present(
    database: Database, data: st.DataObject
) -> None:
    history = data.draw(histories())
    last = len(history) - 1
    kept = [place for place in range(last) if data.draw(st.booleans())] + [last]
    kept += data.draw(st.lists(st.sampled_from(kept), max_size=4))
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM mirror"))
    for place in data.draw(st.permutations(kept)):
        await take_in(database, *history[place], other_version=data.draw(st.booleans()))
    told_at, present = history[-1]
    await fetch_doubts(database, present, told_at)
    async with database.read() as tx:
        rows = await mirror.load_family(tx, entities=["acme"], roots=["po_1"])
    known = {row.object_type: row for row in rows}
    assert canonical(known["payout"].body or {}) == canonical(present)
    expected = mirror.MirrorRow("acme", "po_1", "payout", present, None, None, START, False, None, 1)
    [found] = [record for record in records(rows, org="main") if record.sobject == "Payout__c"]
    [wanted] = records([expected], org="main")
    assert found.fields == wanted.fields
    assert payouts.has_statement(present) <= (Statement.KIND in known)
