"""Whatever reaches us of a payment's refunds and disputes, in whatever order: Salesforce shows what Stripe says now.

Sights go through the real intake and the real mirror. Events are shuffled, repeated, rendered for another version (then
only their object's name counts), and lost: of a payment and its charge all may be lost, of the others not the last.
"""

import copy
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import mirror
from service.db import Database, Transaction, open_database
from service.domain import DesiredRecord, Evidence
from service.intake import EXPANDED, observe, sight, stub
from service.projection._records import records
from tests.support.charge_history import AMOUNT, DECIDED, RECORD, START, UNDONE, History, Told
from tests.support.postgres import drop_database, fresh_database

ARRIVED = datetime.fromtimestamp(START, UTC) + timedelta(minutes=5)
LATER = datetime.fromtimestamp(START, UTC) + timedelta(days=1)
LEASE = timedelta(seconds=10)
STATUSES = (
    "warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review", "won", "lost",
    "appeal_needs_response", "appeal_under_review", "prevented", "a_status_of_next_year",
)  # fmt: skip
_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=3)
    yield it
    await it.close()
    drop_database(postgres_url, url)


numbers, amounts = st.integers(0, 3), st.sampled_from((1, 2_500, 4_000, AMOUNT))
steps = st.one_of(
    st.tuples(st.just("refund"), amounts, st.sampled_from(("succeeded", "pending", "requires_action"))),
    st.tuples(st.just("end_refund"), numbers, st.sampled_from(("succeeded", "failed", "canceled"))),
    st.tuples(st.just("move_dispute"), numbers, st.sampled_from(STATUSES), st.sampled_from((-1, 0, 0, 1))),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    history = History()
    disputes = draw(st.lists(st.tuples(amounts, st.booleans()), max_size=2))
    early = draw(st.integers(0, 2))
    for amount, inquiry in disputes[:early]:  # a dispute may be known before the payment's success
        history.dispute(amount, inquiry=inquiry)
    history.succeed()
    for name, *arguments in draw(st.lists(steps, max_size=8)):
        history.now += draw(st.integers(0, 2))
        getattr(history, name)(*arguments)
        for amount, inquiry in disputes[early : early + 1]:
            history.dispute(amount, inquiry=inquiry)
        early += 1
    return history


@st.composite
def told(draw: st.DrawFn, history: History) -> list[tuple[Told, bool]]:
    """Draw what reaches us: events in any order, some twice, some lost, some of another API version (then True)."""
    last = {event.body["id"]: place for place, event in enumerate(history.events)}
    lost = draw(st.sets(st.sampled_from(("ch_1", "pi_1"))))
    if len(lost) == 2 and len(last) == 2:
        lost = set()
    kept = [place for place, event in enumerate(history.events)
            if event.body["id"] not in lost and (place == last[event.body["id"]] or draw(st.booleans()))]  # fmt: skip
    kept += draw(st.lists(st.sampled_from(kept), max_size=5))
    return [(history.events[place], draw(st.booleans())) for place in draw(st.permutations(kept))]


async def take_in(tx: Transaction, event: Told, *, other_version: bool) -> None:
    as_of = datetime.fromtimestamp(event.created, UTC)
    if other_version:
        kind, key = event.body["object"], event.body["id"]
        await observe(tx, [stub("acme", kind, key, fetch_after=ARRIVED, as_of=as_of)], now=ARRIVED)
    else:
        body = copy.deepcopy(event.body)  # reading takes it apart, and the same event may come again
        await observe(tx, sight("acme", body, as_of=as_of, evidence=Evidence.EVENT, now=ARRIVED), now=ARRIVED)


async def fetch_all(database: Database, history: History) -> None:
    """Fulfil every wish to fetch, by what Stripe says now."""
    now = LATER
    for _ in range(20):
        async with database.transaction() as tx:
            due = await mirror.take_fetches(tx, now=now, lease=LEASE, limit=100)
            for one in due:
                expanded = bool(EXPANDED.get(one.object_type))
                body = history.shown(history.objects[one.object_id], expanded=expanded)
                seen = sight("acme", body, as_of=max(now, one.as_of), evidence=Evidence.FETCH, now=now)
                own = next(sighted for sighted in seen if sighted.object_id == one.object_id)
                await mirror.settle_fetch(tx, one, again_at=own.fetch_after)
                await observe(tx, seen, now=now)
        if not due:
            return
        now += LEASE + timedelta(seconds=1)
    raise AssertionError("it asks for ever")


async def shown(database: Database) -> dict[tuple[str, str], DesiredRecord]:
    async with database.read() as tx:
        rows = await mirror.load_family(tx, entities=["acme"], records=[RECORD])
    return {(record.sobject, record.key): record for record in records(rows, org="main")}


async def forget(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM mirror"))


async def wanted(database: Database, history: History) -> dict[tuple[str, str], DesiredRecord]:
    """Return the records of a mirror that has read everything at Stripe, once and whole."""
    await forget(database)
    async with database.transaction() as tx:
        for body in history.objects.values():
            seen = sight("acme", history.shown(body), as_of=LATER, evidence=Evidence.FETCH, now=LATER)
            await observe(tx, seen, now=LATER)
    return await shown(database)


def check_against_stripe(history: History, found: dict[tuple[str, str], DesiredRecord]) -> None:
    """Compare with Stripe's own figures, reckoned here and not by our rules."""
    refunds, disputes, movements = (history.all(kind) for kind in ("refund", "dispute", "balance_transaction"))
    payment, opportunity = found["Payment__c", "pi_1"].fields, found["Opportunity", RECORD].fields
    refunded = sum(row["amount"] for row in refunds if row["status"] not in UNDONE)
    assert refunded == history.charge["amount_refunded"]
    net = Decimal(sum(row["net"] for row in movements)).scaleb(-2)
    assert (payment["Amount_Refunded__c"], payment["Net__c"]) == (Decimal(refunded).scaleb(-2), net)
    assert opportunity["Payment_Net__c"] == net
    is_open = any(row["status"] not in DECIDED for row in disputes)
    assert (payment["Status__c"] == "Disputed") is is_open
    assert found["Charge__c", "ch_1"].fields["Disputed__c"] is is_open
    paid = opportunity["Amount_Paid__c"]
    assert isinstance(paid, Decimal)
    assert 0 <= paid <= Decimal(AMOUNT - refunded).scaleb(-2)
    for kind, sobject in (("refund", "Refund__c"), ("dispute", "Dispute__c"), ("balance_transaction", None)):
        ids = {row["id"] for row in history.all(kind)}
        assert ids == {key for name, key in found if name == (sobject or "Balance_Transaction__c")}


def difference(one: dict[Any, DesiredRecord], other: dict[Any, DesiredRecord]) -> list[Any]:
    places = sorted(one.keys() | other.keys())
    content = [
        (place, *(side[place].content() if place in side else None for side in (one, other))) for place in places
    ]
    return [entry for entry in content if entry[1] != entry[2]]


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=_SLOW)
async def test_any_part_of_a_history_in_any_order_ends_in_the_same_records(
    database: Database, data: st.DataObject
) -> None:
    history = data.draw(histories())
    events: Sequence[tuple[Told, bool]] = data.draw(told(history))
    expected = await wanted(database, history)
    check_against_stripe(history, expected)
    await forget(database)
    for event, other_version in events:
        async with database.transaction() as tx:
            await take_in(tx, event, other_version=other_version)
    await fetch_all(database, history)
    assert difference(await shown(database), expected) == []


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
async def test_on_the_way_no_more_goes_back_than_came_in(database: Database, data: st.DataObject) -> None:
    history = data.draw(histories())
    await forget(database)
    for event, other_version in data.draw(told(history)):
        async with database.transaction() as tx:
            await take_in(tx, event, other_version=other_version)
        for record in (await shown(database)).values():
            for name in ("Amount_Paid__c", "Amount_Received__c", "Amount_Refunded__c"):
                assert Decimal(str(record.fields.get(name, 0))) >= 0, (record.sobject, name)
