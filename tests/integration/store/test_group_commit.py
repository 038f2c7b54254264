"""Taking webhooks in: many share a commit, each is stored once, and one bad event fails alone."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from service.db import Database, open_database
from service.errors import Overloaded
from service.intake import Intake, Receipt, StripeEvent
from tests.support.events import event, intent, running_intake
from tests.support.waiting import until


async def scalar(database: Database, statement: str) -> int:
    async with database.read() as tx:
        return int(await tx.scalar(text(statement)) or 0)


def many(count: int) -> list[StripeEvent]:
    return [event(f"evt_{number:04}", intent(f"pi_{number:04}")) for number in range(count)]


async def test_concurrent_deliveries_share_transactions(database: Database) -> None:
    async with running_intake(database) as intake:
        receipts = await asyncio.gather(*(intake.receive(one) for one in many(500)))
    assert set(receipts) == {Receipt.NEW}
    # Every row carries the number of the transaction that wrote it.
    assert await scalar(database, "SELECT count(*) FROM inbox") == 500
    assert await scalar(database, "SELECT count(DISTINCT xmin::text) FROM inbox") <= 10


async def test_a_lone_delivery_waits_for_nobody(database: Database) -> None:
    async with running_intake(database) as intake:
        for one in many(3):
            assert await intake.receive(one) is Receipt.NEW
    assert await scalar(database, "SELECT count(DISTINCT xmin::text) FROM inbox") == 3


async def test_event_and_effect_are_one_transaction(database: Database) -> None:
    async with running_intake(database) as intake:
        await asyncio.gather(*(intake.receive(one) for one in many(50)))
    apart = (
        "SELECT count(*) FROM inbox LEFT JOIN mirror ON mirror.object_id = inbox.object_id "
        "WHERE mirror.xmin IS DISTINCT FROM inbox.xmin"
    )
    assert await scalar(database, apart) == 0


async def test_of_five_copies_at_once_one_is_new(database: Database) -> None:
    async with running_intake(database) as intake:
        receipts = await asyncio.gather(*(intake.receive(event("evt_1", intent("pi_1"))) for _ in range(5)))
    assert Counter(receipts) == {Receipt.NEW: 1, Receipt.DUPLICATE: 4}
    assert await scalar(database, "SELECT version FROM mirror") == 1


async def test_a_thousand_events_five_times_each_to_two_replicas(database: Database) -> None:
    other = open_database(database.url, pool_size=5)
    try:
        # Small batches make the replicas meet in the middle of the same events, in opposite orders.
        async with (
            running_intake(database, queue_limit=10_000, batch_limit=50) as one,
            running_intake(other, queue_limit=10_000, batch_limit=50) as two,
        ):
            there = many(1000)
            back = there[::-1]
            sent: list[tuple[Intake, list[StripeEvent]]] = [
                (one, there),
                (two, back),
                (one, back),
                (two, there),
                (one, there),
            ]
            receipts = await asyncio.gather(*(door.receive(each) for door, events in sent for each in events))
    finally:
        await other.close()
    assert Counter(receipts) == {Receipt.NEW: 1000, Receipt.DUPLICATE: 4000}
    assert await scalar(database, "SELECT count(*) FROM inbox") == 1000
    assert await scalar(database, "SELECT count(*) FROM mirror WHERE version = 1 AND fetch_at IS NULL") == 1000


async def test_a_poisoned_event_fails_alone(database: Database) -> None:
    # PostgreSQL's text holds no NUL; JSON may.
    poisoned = event("evt_bad", intent("pi_bad", metadata={"counterfoil_request": "cmd_\x00"}))
    async with running_intake(database) as intake:
        outcomes = await asyncio.gather(*(intake.receive(one) for one in [*many(20), poisoned]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not Receipt.NEW] in ([], [Overloaded])
    assert await scalar(database, "SELECT count(*) FROM inbox WHERE event_id <> 'evt_bad'") == 20


@pytest.mark.parametrize("created", [-1, 10**11, 10**18, True, 1.5, "soon", None])
async def test_a_strange_creation_time_is_carried(database: Database, created: object) -> None:
    async with running_intake(database) as intake:
        assert await intake.receive(event("evt_1", intent("pi_1", created=created))) is Receipt.NEW
    assert await scalar(database, "SELECT count(*) FROM mirror WHERE body IS NOT NULL") == 1


async def test_more_than_the_queue_holds_is_refused_and_the_rest_is_stored(database: Database) -> None:
    async with running_intake(database, queue_limit=30, batch_limit=10) as intake:
        outcomes = await asyncio.gather(*(intake.receive(one) for one in many(100)), return_exceptions=True)
    stored = [outcome for outcome in outcomes if outcome is Receipt.NEW]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    assert (len(stored), len(refused)) == (30, 70)
    assert await scalar(database, "SELECT count(*) FROM inbox") == 30


async def test_closing_stores_what_waits_and_refuses_what_comes(database: Database) -> None:
    async with running_intake(database, batch_limit=5) as intake:
        waiting = [asyncio.create_task(intake.receive(one)) for one in many(40)]
        await asyncio.sleep(0)
        intake.close()
        with pytest.raises(Overloaded):
            await intake.receive(event("evt_late", intent("pi_late")))
        receipts = await asyncio.gather(*waiting)
    assert set(receipts) == {Receipt.NEW}
    assert await scalar(database, "SELECT count(*) FROM inbox") == 40


async def test_a_sender_that_went_away_does_not_hold_the_others(database: Database) -> None:
    async with running_intake(database) as intake:
        gone = asyncio.create_task(intake.receive(event("evt_gone", intent("pi_gone"))))
        await asyncio.sleep(0)
        gone.cancel()
        assert await intake.receive(event("evt_1", intent("pi_1"))) is Receipt.NEW
        assert await intake.receive(event("evt_gone", intent("pi_gone"))) is Receipt.DUPLICATE


async def test_events_of_another_mode_or_account_are_kept_and_not_acted_on(database: Database) -> None:
    async with running_intake(database) as intake:
        live = event("evt_live", intent("pi_live"), livemode=True)
        foreign = event("evt_foreign", intent("pi_foreign"), account="acct_other")
        assert await intake.receive(live) is Receipt.QUARANTINED
        assert await intake.receive(foreign) is Receipt.QUARANTINED
    assert await scalar(database, "SELECT count(*) FROM mirror") == 0
    assert await scalar(database, "SELECT count(*) FROM inbox WHERE reason LIKE '%MISMATCH'") == 2


async def test_an_event_in_another_version_is_fetched_instead_of_read(database: Database) -> None:
    async with running_intake(database) as intake:
        await intake.receive(event("evt_old", intent("pi_old"), api_version="2020-08-27"))
    assert await scalar(database, "SELECT count(*) FROM mirror WHERE body IS NULL AND fetch_at IS NOT NULL") == 1


@pytest.mark.parametrize("kind", ["product", "plan", "a_word_of_tomorrow"])
async def test_what_nothing_reacts_to_is_kept_and_not_asked_for(database: Database, kind: str) -> None:
    async with running_intake(database) as intake:
        old = event("evt_old", {"id": "x_1", "object": kind}, api_version="2020-08-27")
        assert await intake.receive(old) is Receipt.NEW
    assert await scalar(database, "SELECT count(*) FROM inbox") == 1
    assert await scalar(database, "SELECT count(*) FROM mirror") == 0


async def test_the_database_may_fail_between_two_deliveries(database: Database) -> None:
    async with running_intake(database) as intake:
        assert await intake.receive(event("evt_1", intent("pi_1"))) is Receipt.NEW
        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with database.transaction() as tx:
            await tx.execute(text(kill))
        outcomes: list[Receipt] = []

        async def send() -> None:
            # As Stripe does: again until it is acknowledged.
            while not outcomes:
                try:
                    outcomes.append(await intake.receive(event("evt_2", intent("pi_2"))))
                except Overloaded:
                    await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        await until(lambda: outcomes)
        await sending
    assert outcomes[0] in {Receipt.NEW, Receipt.DUPLICATE}
    async with database.read() as tx:
        received = await tx.scalar(text("SELECT min(received_at) FROM inbox"))
    assert isinstance(received, datetime)
    assert received < datetime.now(UTC)
