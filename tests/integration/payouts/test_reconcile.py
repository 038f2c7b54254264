"""Reconciling against the sandbox: by pages, resumed where it ended, by several at once; and what is late is listed."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from service import mirror
from service.clients import StripeApi
from service.clock import SystemClock
from service.config import StripeAccount
from service.db import Database, Wakes
from service.domain import Evidence, Limit, Rule, Statement
from service.intake import sight
from service.maintenance import FactWatch, Fetcher, Reconciler, pending_facts
from service.maintenance._facts import facts_of
from service.mirror import Pending
from service.mirror.payouts import PayoutEntry, link, list_entries
from service.projection import Reconciliation, list_payout_facts, read_payout
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

PAGE = 100


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def new_id(self) -> UUID:
        return uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        return span / 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    it = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield it
    assert it.stop() == 0


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.control("POST", "/reset")
    settings = {"payout_reconciliation_delay_ms": 0, "payout_trace_delay_ms": 0, "payout_list_lacks": 0}
    running.control("POST", "/stripe/settings", settings)
    return running


@pytest.fixture
def stripe(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[StripeApi]:
    told = sandbox.info["stripe"]
    (tmp_path / "key").write_text(told["secret_key"])
    secret = {"file": tmp_path / "key"}
    settings = {"livemode": False, "secret_key": secret, "webhook_secrets": [secret], "api_base": told["url"]}
    api = StripeApi("acme", StripeAccount.model_validate(settings), SystemClock())
    yield api
    api.close()


def fetcher(database: Database, stripe: StripeApi, clock: Clock, lease: float = 10) -> Fetcher:
    reconciler = Reconciler(database, clock, orgs={"acme": "main"})
    return Fetcher(
        database,
        Wakes(database.url),
        clock,
        stripe={"acme": stripe},
        reconciler=reconciler,
        lease=timedelta(seconds=lease),
    )


def adjust(sandbox: RunningSandbox, amount: int, times: int = 1) -> None:
    sandbox.control("POST", "/stripe/balance/adjust", {"amount": amount, "times": times})


async def paid_out(sandbox: RunningSandbox, stripe: StripeApi, database: Database, count: int) -> str:
    """Make an automatic payout of so many rows, and let the mirror know of it; return its id."""
    adjust(sandbox, 100, count)
    payout_id = sandbox.control("POST", "/stripe/payouts/run", {"currency": "usd"})["id"]
    sandbox.control("POST", "/stripe/webhooks/flush")
    await know(stripe, database, payout_id)
    return str(payout_id)


async def know(stripe: StripeApi, database: Database, payout_id: str) -> None:
    answer = await stripe.retrieve("payout", payout_id)
    seen = sight("acme", answer.body, as_of=answer.as_of, evidence=Evidence.EVENT, now=answer.as_of)
    async with database.transaction() as tx:
        await mirror.observe(tx, seen, now=answer.as_of)


async def statement(database: Database, payout_id: str) -> dict[str, Any]:
    async with database.read() as tx:
        rows = await mirror.load_family(tx, entities=["acme"], roots=[payout_id])
    return next((row.body for row in rows if row.object_type == Statement.KIND and row.body), {})


async def until_complete(fetch: Fetcher, database: Database, payout_id: str, limit: int = 30) -> None:
    for _ in range(limit):
        if (await statement(database, payout_id)).get("state") == "complete":
            return
        await fetch.step()
    pytest.fail(f"not complete after {limit} steps")


def pages(sandbox: RunningSandbox) -> int:
    """Count the pages of balance transactions that Stripe was asked for."""
    asked = sandbox.control("GET", "/stripe/requests")["requests"]
    return sum(row["path"] == "/v1/balance_transactions" for row in asked)


async def reconciliation(database: Database, payout_id: str) -> Reconciliation:
    async with database.read() as tx:
        [facts] = [
            one for one in await list_payout_facts(tx, entities=["acme"], limit=10) if one.payout_id == payout_id
        ]
    return facts.reconciliation


async def test_a_long_list_is_read_in_steps_and_goes_on_where_another_worker_ended(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 650), Clock()
    first = fetcher(database, stripe, clock)
    while not await statement(database, payout_id):
        await first.step()
    halfway = await statement(database, payout_id)
    assert (halfway["state"], halfway["listed"]) == ("listing", 300)
    assert await reconciliation(database, payout_id) is Reconciliation.PENDING
    await until_complete(fetcher(database, stripe, clock), database, payout_id)
    assert pages(sandbox) == 7  # 651 rows, none asked for twice
    assert await reconciliation(database, payout_id) is Reconciliation.BALANCED
    async with database.read() as tx:
        found = await read_payout(tx, entities=["acme"], payout_id=payout_id)
    assert found is not None
    assert len(found.entries) == 651
    assert found.facts.amount_minor == 65_000
    assert found.facts.difference_minor == 0


async def test_two_workers_at_the_same_statement_make_one(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 120), Clock()
    both = [fetcher(database, stripe, clock, lease=-1) for _ in range(2)]  # no lease protects one from the other
    for _ in range(6):
        await asyncio.gather(*(one.step() for one in both))
    async with database.read() as tx:
        entries = await list_entries(tx, entity="acme", payout_id=payout_id)
    assert len(entries) == 121
    assert await reconciliation(database, payout_id) is Reconciliation.BALANCED


async def test_an_outage_in_the_middle_costs_nothing_but_time(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 350), Clock()
    fetch = fetcher(database, stripe, clock)
    while not await statement(database, payout_id):
        await fetch.step()
    fault = {"method": "GET", "path": "/v1/balance_transactions", "fault": "status", "status": 500, "times": 1}
    sandbox.control("POST", "/stripe/faults", fault)
    await fetch.step()
    assert (await statement(database, payout_id))["state"] == "listing"
    clock.offset += timedelta(minutes=1)
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.BALANCED


async def test_a_payout_that_does_not_add_up_tells_by_how_much(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 3), Clock()
    await until_complete(fetcher(database, stripe, clock), database, payout_id)
    async with database.transaction() as tx:
        await tx.execute(
            text("UPDATE mirror SET body = replace(body, :told, :wrong) WHERE object_id = :id"),
            {"id": payout_id, "told": '"amount":300,', "wrong": '"amount":307,'},
        )
    async with database.read() as tx:
        [facts] = await list_payout_facts(tx, entities=["acme"], reconciliation="Difference", limit=5)
    assert (facts.payout_id, facts.difference_minor) == (payout_id, 7)


async def deliver(database: Database, payout_id: str) -> None:
    """Let Salesforce hold a payout."""
    async with database.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO outbox (org, sobject, key, key_field, content, digest, lane, rank, state, not_before, "
                "put_at, delivered_at) VALUES ('main', 'Payout__c', :id, 'Stripe_Id__c', '{}', 'x', :id, 0, "
                "'delivered', now(), now(), now())"
            ),
            {"id": payout_id},
        )


async def next_listing(database: Database, payout_id: str) -> timedelta | None:
    """Return how long from now a statement is fetched again."""
    query = text("SELECT fetch_at - now() FROM mirror WHERE object_id = :id")
    async with database.read() as tx:
        found: timedelta | None = await tx.scalar(query, {"id": Statement.id_of(payout_id)})
    return found


async def test_a_list_that_lagged_behind_is_read_again_and_the_difference_is_gone(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    sandbox.control("POST", "/stripe/settings", {"payout_list_lacks": 2})
    payout_id, clock = await paid_out(sandbox, stripe, database, 320), Clock()
    await deliver(database, payout_id)
    fetch = fetcher(database, stripe, clock)
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.DIFFERENCE
    for _ in range(3):
        await fetch.step()  # the links
    asked = pages(sandbox)
    async with database.read() as tx:
        [fact] = [one async for one in pending_facts(tx, entities=["acme"]) if one.name == "difference"]
    assert fact.next_at is not None
    sandbox.control("POST", "/stripe/settings", {"payout_list_lacks": 0})
    clock.offset += timedelta(seconds=11)
    while pages(sandbox) == asked:
        await fetch.step()
    assert (await statement(database, payout_id))["state"] == "listing"
    # Until the new one is whole the old one stands.
    assert await reconciliation(database, payout_id) is Reconciliation.DIFFERENCE
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.BALANCED
    for _ in range(3):
        await fetch.step()
    assert await next_listing(database, payout_id) is None
    async with database.read() as tx:
        found = await read_payout(tx, entities=["acme"], payout_id=payout_id)
        assert [one async for one in pending_facts(tx, entities=["acme"])] == []
    assert found is not None
    assert (len(found.entries), found.facts.tries, found.facts.again_at) == (321, 2, None)


async def test_a_difference_that_stays_is_asked_for_a_bounded_number_of_times(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    sandbox.control("POST", "/stripe/settings", {"payout_list_lacks": 1})
    payout_id, clock = await paid_out(sandbox, stripe, database, 3), Clock()
    await deliver(database, payout_id)
    fetch = fetcher(database, stripe, clock)
    for _ in range(60):
        await fetch.step()
        if (await next_listing(database, payout_id)) is None and await statement(database, payout_id):
            break
        clock.offset += timedelta(hours=1)
    assert pages(sandbox) == 9  # once, and eight times more
    assert await reconciliation(database, payout_id) is Reconciliation.DIFFERENCE
    assert (await statement(database, payout_id))["tries"] == 9


async def test_what_a_new_list_no_longer_holds_is_no_longer_linked(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 3), Clock()
    await deliver(database, payout_id)
    fetch = fetcher(database, stripe, clock)
    stranger = PayoutEntry("acme", payout_id, "txn_stranger", "charge", "USD", 0, 55, own=False)
    async with database.transaction() as tx:
        await link(tx, [stranger], now=clock.now())
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.DIFFERENCE
    for _ in range(8):
        clock.offset += timedelta(seconds=5)
        await fetch.step()
    assert await reconciliation(database, payout_id) is Reconciliation.BALANCED
    async with database.read() as tx:
        assert "txn_stranger" not in {
            entry.transaction_id for entry in await list_entries(tx, entity="acme", payout_id=payout_id)
        }


async def test_an_allocation_tells_what_it_did_not_look_at_and_is_made_again_when_it_lacks_something(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    adjust(sandbox, 5000)
    answer = await stripe.create("payout", {"amount": 4000, "currency": "usd"}, idempotency_key=str(uuid4()))
    payout_id, clock = str(answer.body["id"]), Clock()
    await deliver(database, payout_id)
    await know(stripe, database, payout_id)
    # As if of an earlier payout more were known than of the balance: the first allocation lacks a part.
    taken = text(
        "INSERT INTO payout_entries SELECT entity, 'po_early', object_id, 'adjustment', 'USD', 0, 2000, false, now() "
        "FROM mirror WHERE object_type = 'balance_transaction'"
    )
    fetch = fetcher(database, stripe, clock)
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.ALLOCATED
    async with database.read() as tx:
        found = await read_payout(tx, entities=["acme"], payout_id=payout_id)
    assert found is not None
    assert (found.facts.rule, found.facts.limits) == (Rule.ALLOCATED, (Limit.WINDOW,))
    async with database.transaction() as tx:
        await tx.execute(taken)
        await tx.execute(text("DELETE FROM mirror WHERE object_type = :kind"), {"kind": Statement.KIND})
        await tx.execute(text("DELETE FROM payout_entries WHERE payout_id = :id"), {"id": payout_id})
    await know(stripe, database, payout_id)
    await until_complete(fetch, database, payout_id)
    assert await reconciliation(database, payout_id) is Reconciliation.DIFFERENCE
    async with database.transaction() as tx:
        await tx.execute(text("DELETE FROM payout_entries WHERE payout_id = 'po_early'"))
    for _ in range(8):
        clock.offset += timedelta(seconds=5)
        await fetch.step()
    assert await reconciliation(database, payout_id) is Reconciliation.ALLOCATED


async def test_links_wait_until_salesforce_holds_the_payout(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 2), Clock()
    fetch = fetcher(database, stripe, clock)
    await until_complete(fetch, database, payout_id)
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE mirror SET dirty = false"))
        await tx.execute(text("DELETE FROM notes"))
    for _ in range(3):
        clock.offset += timedelta(minutes=10)
        await fetch.step()
    dirty = text(
        "SELECT count(DISTINCT object_id) FROM mirror LEFT JOIN notes USING (entity, object_id) "
        "WHERE (dirty OR notes.id IS NOT NULL) AND object_type = 'balance_transaction'"
    )
    async with database.transaction() as tx:
        assert await tx.scalar(dirty) == 0
    await deliver(database, payout_id)
    clock.offset += timedelta(minutes=10)
    await fetch.step()
    async with database.read() as tx:
        assert await tx.scalar(dirty) == 3
        assert (
            await tx.scalar(text("SELECT fetch_at FROM mirror WHERE object_type = :kind"), {"kind": Statement.KIND})
            is None
        )


async def test_manual_payouts_are_allocated_in_the_order_they_were_made(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    for amount in (1000, 2000, 3000):
        adjust(sandbox, amount)
    made = []
    for amount in (1500, 2500, 1200):
        answer = await stripe.create("payout", {"amount": amount, "currency": "usd"}, idempotency_key=str(uuid4()))
        made.append(str(answer.body["id"]))
    clock = Clock()
    fetch = fetcher(database, stripe, clock)
    for payout_id in reversed(made):  # news of them in the wrong order
        await know(stripe, database, payout_id)
    for _ in range(12):
        await fetch.step()
        clock.offset += timedelta(seconds=3)
    held = []
    for payout_id in made:
        async with database.read() as tx:
            found = await read_payout(tx, entities=["acme"], payout_id=payout_id)
        assert found is not None
        assert found.facts.reconciliation is Reconciliation.ALLOCATED
        held.append(sorted(entry.net_minor for entry in found.entries if not entry.own))
    # Made in one second they are told apart by their ids only; each cent is in one of them.
    assert [sum(parts) for parts in held] == [1500, 2500, 1200]
    async with database.read() as tx:
        left = text("SELECT count(*) FROM (SELECT 1 FROM payout_entries WHERE NOT own GROUP BY transaction_id) one")
        assert await tx.scalar(left) == 3


async def test_what_is_late_is_listed_with_its_deadline_and_counted(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    late = {"payout_reconciliation_delay_ms": 60_000, "payout_trace_delay_ms": 60_000}
    sandbox.control("POST", "/stripe/settings", late)
    adjust(sandbox, 700)
    payout_id = str(sandbox.control("POST", "/stripe/payouts/run", {"currency": "usd"})["id"])
    await know(stripe, database, payout_id)
    clock = Clock()
    await fetcher(database, stripe, clock).step()
    async with database.read() as tx:
        facts = {fact.name: fact async for fact in pending_facts(tx, entities=["acme"])}
    assert set(facts) == {"reconciliation", "trace_id"}
    made = facts["reconciliation"].deadline - timedelta(days=3)
    assert facts["trace_id"].deadline == made + timedelta(days=10)
    assert not facts["reconciliation"].overdue(made + timedelta(days=2, hours=23))
    assert facts["reconciliation"].overdue(made + timedelta(days=3))
    assert facts["reconciliation"].next_at is not None
    watch = FactWatch(database, clock, entities=["acme"])
    await watch.step()
    assert watch._overdue["acme", "reconciliation"] == 0
    clock.offset += timedelta(days=4)
    await watch.step()
    assert watch._overdue["acme", "reconciliation"] == 1


async def test_a_list_that_stripe_refuses_is_given_up_and_stays_listed(
    database: Database, stripe: StripeApi, sandbox: RunningSandbox
) -> None:
    payout_id, clock = await paid_out(sandbox, stripe, database, 1), Clock()
    fault = {"method": "GET", "path": "/v1/balance_transactions", "fault": "status", "status": 400, "times": 1}
    sandbox.control("POST", "/stripe/faults", fault)
    await fetcher(database, stripe, clock).step()
    async with database.read() as tx:
        [fact] = [one async for one in pending_facts(tx, entities=["acme"]) if one.name == "statement"]
    assert (fact.object_id, fact.next_at, fact.error) == (Statement.id_of(payout_id), None, "STRIPE_REJECTED")


def test_a_charge_without_its_fee_has_an_hour() -> None:
    made = datetime(2026, 11, 23, 12, tzinfo=UTC)
    body = {"status": "succeeded", "captured": True, "balance_transaction": None}
    row = mirror.MirrorRow("acme", "ch_1", "charge", body, None, None, made, False, None, 1)
    [fact] = facts_of(Pending(row, made + timedelta(hours=1), 0, None, made))
    assert (fact.name, fact.deadline) == ("balance_transaction", made + timedelta(hours=1))
