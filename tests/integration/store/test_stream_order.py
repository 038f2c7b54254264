"""Events of a stream are taken in the stream's order, by one taker at a time."""

from dataclasses import replace
from datetime import UTC, datetime

from service import inbox
from service.db import Database
from service.inbox import InboxRow, State

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(key: str) -> InboxRow:
    return InboxRow("salesforce", "main", key, "Payment_Request__e", "{}", State.RECORDED, NOW)


async def test_one_batch_keeps_its_order_whatever_its_ids(database: Database) -> None:
    asked = [event(f"{number * 7919 % 101:03}") for number in range(60)]
    async with database.transaction() as tx:
        await inbox.record(tx, asked[:30])
        await inbox.record(tx, [*asked[10:30], *asked[30:]])
    async with database.transaction() as tx:
        first = await inbox.take(tx, source="salesforce", limit=25)
        for row in first:
            await inbox.settle(tx, row, State.HANDLED)
    async with database.transaction() as tx:
        rest = await inbox.take(tx, source="salesforce", limit=100)
    assert [row.event_id for row in [*first, *rest]] == [row.event_id for row in asked]


async def test_what_comes_later_is_not_taken_before_what_another_is_taking(database: Database) -> None:
    async with database.transaction() as tx:
        await inbox.record(tx, [event("a"), event("b")])
    async with database.transaction() as one:
        assert [row.event_id for row in await inbox.take(one, source="salesforce", limit=1)] == ["a"]
        async with database.transaction() as other:
            assert await inbox.take(other, source="salesforce", limit=1) == []
    async with database.transaction() as tx:
        assert [row.event_id for row in await inbox.take(tx, source="salesforce", limit=1)] == ["a"]


async def test_who_asks_about_an_object_is_told_states(database: Database) -> None:
    refused = replace(event("a"), object_id="pi_1", state=State.REFUSED, reason="AMOUNT_MISSING: enter one")
    async with database.transaction() as tx:
        await inbox.record(tx, [refused])
        (row,) = await inbox.about(tx, accounts=["main"], object_ids=["pi_1"], limit=10)
    assert row == refused
    assert row.state is State.REFUSED
