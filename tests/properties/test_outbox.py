"""The outbox: once drained, Salesforce holds what was wished last, whatever deliverers died or lost their lease.

A state machine against PostgreSQL: somebody wishes, several deliverers claim, send and settle, or fall silent between
two of these steps. What Salesforce took is written down in `salesforce`; the machine compares at the end.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from service import outbox
from service.db import Database, open_database
from service.domain import DesiredRecord, Reference
from service.outbox import Claimed
from tests.support.postgres import drop_database, fresh_database

LEASE = timedelta(seconds=10)
PARENT, CHILD = "Payment__c", "Charge__c"
KEYS = st.sampled_from([(PARENT, "a"), (PARENT, "b"), (CHILD, "c")])
_T = TypeVar("_T")


def record(sobject: str, key: str, value: int) -> DesiredRecord:
    parent = Reference(PARENT, "Stripe_Id__c", "a") if sobject == CHILD else None
    rank = 1 if parent else 0
    return DesiredRecord("main", sobject, "Stripe_Id__c", key, {"Value__c": value}, "lane", rank, parent)


@dataclass
class Attempt:
    """A record on its way; `holder` is the deliverer that claimed it."""

    holder: str
    claimed: Claimed
    written: bool = False


class Outbox(RuleBasedStateMachine):
    """Wishes, claims, writes and settlements in any order."""

    database: Database
    runner: asyncio.Runner

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 23, tzinfo=UTC)
        self.wished: dict[tuple[str, str], int] = {}
        self.salesforce: dict[tuple[str, str], int] = {}

    def run(self, work: Awaitable[_T]) -> _T:
        async def wait() -> _T:
            return await work

        return self.runner.run(wait())

    @initialize()
    def empty(self) -> None:
        async def clear() -> None:
            async with self.database.transaction() as tx:
                await tx.execute(text("TRUNCATE outbox"))

        self.run(clear())

    @rule(key=KEYS, value=st.integers(0, 3))
    def wish(self, key: tuple[str, str], value: int) -> None:
        """A child is wished for together with its parent, as the projection does."""
        wishes = {key: value}
        if key[0] == CHILD:
            wishes[PARENT, "a"] = self.wished.get((PARENT, "a"), 0)

        async def put() -> None:
            async with self.database.transaction() as tx:
                await outbox.put(tx, [record(*one, wish) for one, wish in wishes.items()], now=self.now)

        self.run(put())
        self.wished |= wishes

    async def _claim(self, holder: str, limit: int) -> list[Claimed]:
        async with self.database.transaction() as tx:
            return await outbox.claim(tx, holder=holder, now=self.now, lease=LEASE, limit=limit)

    @rule(target=attempts, holder=st.sampled_from(["one", "two"]))
    def claim(self, holder: str) -> Any:
        taken = self.run(self._claim(holder, 1))
        return Attempt(holder, taken[0]) if taken else None

    @rule(attempt=attempts)
    def write(self, attempt: Attempt | None) -> None:
        """The call reaches Salesforce once. A deliverer's call is over when its lease is: its time-outs see to that."""
        if attempt is not None and not attempt.written and self._mine(attempt):
            self._send(attempt.claimed)
            attempt.written = True

    def _send(self, claimed: Claimed) -> None:
        value = claimed.fields["Value__c"]
        assert isinstance(value, int)
        if claimed.sobject == CHILD:
            assert (PARENT, "a") in self.salesforce, "a child before its parent"
        self.salesforce[claimed.sobject, claimed.key] = value

    def _mine(self, attempt: Attempt) -> bool:
        query = "SELECT leased_by = :holder AND leased_until > :now FROM outbox WHERE sobject = :sobject AND key = :key"

        async def ask() -> bool:
            async with self.database.read() as tx:
                values = {"holder": attempt.holder, "now": self.now}
                statement = text(query.replace(":now", "CAST(:now AS timestamptz)"))
                one = attempt.claimed
                return bool(await tx.scalar(statement, values | {"sobject": one.sobject, "key": one.key}))

        return self.run(ask())

    @rule(attempt=consumes(attempts), how=st.sampled_from(["by its result", "again", "dead"]))
    def settle(self, attempt: Attempt | None, how: str) -> None:
        """End an attempt, also long after its lease; a failure may have had its effect all the same."""
        if attempt is None:
            return

        async def end(one: Attempt) -> None:
            async with self.database.transaction() as tx:
                if how == "by its result" and one.written:
                    await outbox.settle_delivered(tx, [(one.claimed, "a0X")], holder=one.holder, now=self.now)
                elif how == "dead":
                    await outbox.settle_dead(tx, one.claimed, holder=one.holder, reason="X", detail="")
                else:
                    later = self.now + timedelta(seconds=3)
                    await outbox.settle_again(
                        tx, one.claimed, holder=one.holder, not_before=later, reason="X", detail=""
                    )

        self.run(end(attempt))

    @rule(seconds=st.integers(1, 15))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def what_is_called_delivered_is_there(self) -> None:
        async def rows() -> list[Any]:
            async with self.database.read() as tx:
                query = "SELECT sobject, key FROM outbox WHERE state = 'delivered'"
                return list(await tx.execute(text(query)))

        for row in self.run(rows()):
            assert self.salesforce[row.sobject, row.key] == self.wished[row.sobject, row.key]

    def teardown(self) -> None:
        self.now += timedelta(hours=1)
        self.run(self._drain())
        self.what_is_called_delivered_is_there()
        dead = self.run(self._states("dead"))
        waiting = self.run(self._states("waiting"))
        # Only what was refused for good is missing, and what must wait for it.
        assert all(row in self.wished for row in dead)
        assert {row for row in waiting if row[0] == PARENT} == set()
        assert not waiting or (PARENT, "a") in dead or (PARENT, "a") not in self.wished
        for key, value in self.wished.items():
            if key not in dead and key not in waiting:
                assert self.salesforce[key] == value

    async def _drain(self) -> None:
        for _ in range(20):
            claimed = await self._claim("last", 10)
            if not claimed:
                return
            for one in claimed:
                self._send(one)
            async with self.database.transaction() as tx:
                await outbox.settle_delivered(tx, [(one, None) for one in claimed], holder="last", now=self.now)
        raise AssertionError("it is never drained")

    async def _states(self, state: str) -> set[tuple[str, str]]:
        async with self.database.read() as tx:
            query = text("SELECT sobject, key FROM outbox WHERE state = :state")
            return {(row.sobject, row.key) for row in await tx.execute(query, {"state": state})}


@pytest.fixture
def machine(postgres_url: str) -> Iterator[type[Outbox]]:
    url = fresh_database(postgres_url)
    with asyncio.Runner() as runner:

        class Connected(Outbox):
            pass

        Connected.runner, Connected.database = runner, open_database(url, pool_size=2)
        yield Connected
        runner.run(Connected.database.close())
    drop_database(postgres_url, url)


async def test_a_failed_attempt_may_have_had_its_effect(database: Database) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    async def attempt(value: int) -> list[Claimed]:
        async with database.transaction() as tx:
            await outbox.put(tx, [record(PARENT, "a", value)], now=now)
            return await outbox.claim(tx, holder="one", now=now, lease=LEASE, limit=1)

    first = await attempt(1)
    async with database.transaction() as tx:
        await outbox.settle_delivered(tx, [(first[0], "a0X")], holder="one", now=now)
    assert await attempt(1) == []
    second = await attempt(2)
    async with database.transaction() as tx:
        await outbox.settle_again(tx, second[0], holder="one", not_before=now, reason="X", detail="")
    assert [one.fields for one in await attempt(1)] == [{"Value__c": 1}]


def test_delivered_is_desired_once_drained(machine: type[Outbox]) -> None:
    limits = settings(max_examples=50, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(machine, settings=limits)
