"""The outbox with lanes, by random histories: several holders, deaths, late answers, new content in between.

Salesforce is a dictionary here. Whatever happens, one lane is never on its way twice, no child goes without its parent,
and in the end Salesforce holds exactly what is wanted.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import outbox
from service.db import Database, Transaction
from service.domain import DesiredRecord, Reference, Value
from service.outbox import Claimed

LEASE = timedelta(seconds=10)
KEYS = 6
HOLDERS = ("a", "b", "c")
Operation = tuple[Any, ...]

holders = st.sampled_from(HOLDERS)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, KEYS - 1), st.booleans(), st.integers(0, 3)),
        st.tuples(st.just("claim"), holders, st.integers(1, 8), st.booleans()),
        st.tuples(st.just("send"), holders),
        st.tuples(st.just("settle"), holders, st.sampled_from(["well", "again", "dead", "back"])),
        st.tuples(st.just("die"), holders),
        st.tuples(st.just("renew"), holders),
        st.tuples(st.just("wait"), st.sampled_from([1, 4, 11, 40])),
        st.tuples(st.just("release")),
        st.tuples(st.just("bulk")),
    ),
    max_size=50,
)


def desired(number: int, content: int, *, child: bool) -> DesiredRecord:
    """Payments and their charges, two payments in a lane."""
    parent = Reference("Payment__c", "Stripe_Id__c", f"pi_{number}") if child else None
    sobject, key = ("Charge__c", f"ch_{number}") if child else ("Payment__c", f"pi_{number}")
    values: dict[str, Value | Reference] = {"Stripe_Status__c": str(content)}
    return DesiredRecord("main", sobject, "Stripe_Id__c", key, values, f"lane{number // 2}", int(child), parent)


@dataclass
class World:
    """The history so far."""

    tx: Transaction
    now: datetime = datetime(2026, 11, 23, tzinfo=UTC)
    wanted: dict[tuple[str, str], str] = field(default_factory=dict)
    salesforce: dict[tuple[str, str], str] = field(default_factory=dict)
    held: dict[str, list[Claimed]] = field(default_factory=lambda: defaultdict(list))
    until: dict[str, datetime] = field(default_factory=dict)
    sent: dict[str, bool] = field(default_factory=dict)
    jobs: int = 0

    async def put(self, number: int, child: bool, content: int) -> None:
        record = desired(number, content, child=child)
        if child and ("Payment__c", f"pi_{number}") not in self.wanted:
            await self.put(number, False, content)
        await outbox.put(self.tx, [record], now=self.now)
        self.wanted[record.sobject, record.key] = record.digest()

    async def claim(self, holder: str, limit: int, urgent: bool) -> None:
        if self.held[holder]:
            return
        found = await outbox.claim(
            self.tx,
            org="main",
            holder=holder,
            now=self.now,
            lease=LEASE,
            limit=limit,
            urgent=["Payment__c"] if urgent else None,
        )
        alive = {name for name, until in self.until.items() if until >= self.now and self.held[name]}
        busy = {record.lane for name in alive for record in self.held[name]}
        assert not busy & {record.lane for record in found}, "a lane is on its way twice"
        present = {(record.sobject, record.key) for record in found}
        for record in found:
            parent = ("Payment__c", record.key.replace("ch_", "pi_"))
            if record.sobject == "Charge__c":
                assert parent in self.salesforce or (parent in present and record.awaits == parent)
            assert not urgent or record.sobject == "Payment__c"
        self.held[holder], self.until[holder], self.sent[holder] = found, self.now + LEASE, False

    async def send(self, holder: str) -> None:
        # A living holder renews its lease while a call lasts, so nothing arrives from one whose lease ran out.
        if holder not in self.until or self.until[holder] < self.now:
            return
        for record in sorted(self.held[holder], key=lambda record: record.rank):
            self.salesforce[record.sobject, record.key] = record.digest
        self.sent[holder] = True

    async def settle(self, holder: str, how: str) -> None:
        records, self.held[holder] = self.held[holder], []
        error: dict[str, Any] = {"reason": "SALESFORCE_LOCKED", "code": "UNABLE_TO_LOCK_ROW", "detail": "x"}
        if how == "well" and self.sent.get(holder):
            await outbox.settle_delivered(self.tx, [(one, "id") for one in records], holder=holder, now=self.now)
            return
        if how in {"back", "well"}:
            await outbox.give_back(self.tx, records, holder=holder)
            return
        for record in records:
            later = self.now + timedelta(seconds=record.attempts)
            if how == "again":
                await outbox.settle_again(self.tx, record, holder=holder, now=self.now, not_before=later, **error)
            else:
                await outbox.settle_dead(self.tx, record, holder=holder, now=self.now, release_at=later, **error)

    async def die(self, holder: str) -> None:
        self.held[holder] = []
        self.until.pop(holder, None)

    async def renew(self, holder: str) -> None:
        if self.held[holder] and self.until[holder] >= self.now:
            self.until[holder] = self.now + LEASE
            await outbox.renew(self.tx, org="main", holder=holder, until=self.until[holder])

    async def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    async def release(self) -> None:
        await outbox.probe(self.tx, org="main", now=self.now)

    async def bulk(self) -> None:
        """A whole job, with new content put while it runs."""
        self.jobs += 1
        name = f"job{self.jobs}"
        held = await outbox.bulk.open_job(
            self.tx, job=name, org="main", sobject="Payment__c", key_field="Stripe_Id__c", now=self.now, limit=4
        )
        if not held:
            return
        job = await outbox.bulk.take_job(self.tx, org="main", holder="bulk", now=self.now, lease=LEASE)
        assert job is not None
        for record in await outbox.bulk.mark_sent(self.tx, job, now=self.now):
            self.salesforce[record.sobject, record.key] = record.digest
        await self.put(0, False, self.jobs)
        sent = await outbox.bulk.sent_records(self.tx, job)
        assert len({record.lane for record in sent}) == len(sent) == held
        await outbox.settle_delivered(self.tx, [(one, None) for one in sent], holder=job.holder, now=self.now)
        await outbox.bulk.close_job(self.tx, job)

    async def check(self) -> None:
        rows = await self.tx.execute(text("SELECT sobject, key, state, digest, delivered_digest, attempts FROM outbox"))
        for row in rows:
            assert row.attempts >= 0
            if row.state == "delivered":
                assert row.digest == row.delivered_digest == self.wanted[row.sobject, row.key]

    async def finish(self) -> None:
        """Everybody dies; one healthy holder does the rest."""
        for holder in HOLDERS:
            await self.die(holder)
        for _ in range(12):
            self.now += timedelta(hours=48)
            await self.release()
            await outbox.release_causes(self.tx, {("main", "Payment__c", "UNABLE_TO_LOCK_ROW")}, now=self.now)
            await self.claim("a", 100, False)
            await self.send("a")
            await self.settle("a", "well")
        assert self.salesforce == self.wanted
        await self.check()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=operations)
async def test_whatever_happens_salesforce_ends_with_what_is_wanted(
    database: Database, history: list[Operation]
) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("TRUNCATE outbox, bulk_jobs"))
        world = World(tx)
        for name, *arguments in history:
            await getattr(world, name)(*arguments)
            await world.check()
        await world.finish()
