"""What failed is let go without a person when its cause is gone; what does not heal costs little."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service import inbox, mirror
from service.clients import StripeApi
from service.clock import SystemClock
from service.config import Installation, SecretRef, StripeAccount
from service.db import Database, Wakes
from service.inbox import InboxRow
from service.intake import stub
from service.maintenance import Fetcher, Healer, Reconciler
from tests.support.events import ACCOUNT, ENTITY, MOMENT, event_body, intent
from tests.support.scripted_vendor import Reply, Vendor, vendor

CLOCK = SystemClock()


@pytest.fixture
async def stripe() -> AsyncIterator[Vendor]:
    async with vendor(lambda request: Reply(body=intent(request.path.rsplit("/", 1)[-1]))) as it:
        yield it


def installation(**entity: Any) -> Installation:
    secret = {"env": "X"}
    account = {"account": ACCOUNT, "livemode": False, "secret_key": secret, "webhook_secrets": [secret], **entity}
    auth = {"flow": "client_credentials", "client_id": "x", "client_secret": secret}
    org = {"org_id": "00D000000000001EAA", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
    document = {"version": 1, "orgs": {"main": org}, "entities": {ENTITY: {"org": "main", "stripe": account}}}
    return Installation.model_validate(document)


def healer(database: Database) -> Healer:
    return Healer(database, Wakes(database.url), CLOCK, installation())


async def give_up(database: Database, keys: list[str], error: str) -> None:
    async with database.transaction() as tx:
        now = CLOCK.now()
        await mirror.observe(tx, [stub(ENTITY, "payment_intent", key, fetch_after=now) for key in keys], now=now)
        for due in await mirror.take_fetches(tx, now=now, lease=timedelta(0), limit=1000):
            await mirror.postpone_fetch(tx, due, until=None, error=error)


async def waiting(database: Database) -> int:
    async with database.read() as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM mirror WHERE fetch_at <= now()")) or 0)


async def test_a_few_of_each_cause_are_asked_for_and_the_first_success_frees_the_rest(
    database: Database, stripe: Vendor, tmp_path: Path
) -> None:
    await give_up(database, [f"pi_{number}" for number in range(40)], "STRIPE_DENIED")
    await healer(database).step()
    assert await waiting(database) == 5
    (tmp_path / "key").write_text("sk_test_1")
    secret = SecretRef(file=tmp_path / "key")
    account = StripeAccount(livemode=False, api_base=stripe.url, secret_key=secret, webhook_secrets=(secret,))
    api = {ENTITY: StripeApi(ENTITY, account, CLOCK)}
    reconciler = Reconciler(database, CLOCK, orgs={ENTITY: "main"})
    fetch = Fetcher(
        database, Wakes(database.url), CLOCK, stripe=api, reconciler=reconciler, lease=timedelta(seconds=10)
    )
    for _ in range(10):
        await fetch.step()
    api[ENTITY].close()
    async with database.read() as tx:
        left = await tx.scalar(text("SELECT count(*) FROM mirror WHERE body IS NULL OR fetch_error IS NOT NULL"))
    assert left == 0


async def test_what_a_person_discarded_and_what_nobody_serves_is_left_alone(database: Database) -> None:
    await give_up(database, ["pi_1", "pi_2"], "STRIPE_DENIED")
    async with database.transaction() as tx:
        await tx.execute(text("UPDATE mirror SET discarded_at = now() WHERE object_id = 'pi_1'"))
        await tx.execute(text("UPDATE mirror SET entity = 'gone' WHERE object_id = 'pi_2'"))
    await healer(database).step()
    assert await waiting(database) == 0


async def test_what_our_rules_could_not_take_is_looked_at_again(database: Database) -> None:
    async with database.transaction() as tx:
        now = CLOCK.now()
        await mirror.observe(tx, [stub(ENTITY, "charge", key, fetch_after=now) for key in ("ch_1", "ch_2")], now=now)
        await mirror.clear_changes(tx, [(ENTITY, "ch_1"), (ENTITY, "ch_2")], fault="PROJECTION_FAILED: KeyError")
        await tx.execute(text("UPDATE mirror SET discarded_at = now() WHERE object_id = 'ch_2'"))
    await healer(database).step()
    async with database.read() as tx:
        rows = {row.object_id: (row.dirty, row.fault) for row in await tx.execute(text("SELECT * FROM mirror"))}
    assert rows["ch_1"] == (True, None)
    assert rows["ch_2"] == (False, "PROJECTION_FAILED: KeyError")


async def test_quarantined_events_that_fit_by_now_are_let_go_and_no_others(database: Database) -> None:
    received = datetime.fromtimestamp(MOMENT, UTC)
    rows = [
        InboxRow("stripe", ENTITY, key, "payment_intent.x", event_body(key, intent(f"pi_{key}"), **fields).decode(),
                 state, received, reason=reason)
        for key, reason, state, fields in (
            ("evt_fits", "ACCOUNT_MISMATCH", inbox.State.QUARANTINED, {}),
            ("evt_live", "LIVEMODE_MISMATCH", inbox.State.QUARANTINED, {"livemode": True}),
            ("evt_refused", "INVALID", inbox.State.REFUSED, {}),
        )
    ]  # fmt: skip
    async with database.transaction() as tx:
        await inbox.record(tx, rows)
    await healer(database).step()
    async with database.read() as tx:
        states = {row.event_id: row.state for row in await tx.execute(text("SELECT event_id, state FROM inbox"))}
        assert await tx.scalar(text("SELECT count(*) FROM commands")) == 0
    assert states == {"evt_fits": "handled", "evt_live": "quarantined", "evt_refused": "refused"}
    assert await waiting(database) == 1
