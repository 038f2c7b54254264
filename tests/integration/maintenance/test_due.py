"""Reminders before a dispute is due: on time, once, also over a restart, and not after it was answered."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from service import history
from service.config import Installation
from service.db import Database, Wakes
from service.history import DueDate
from service.maintenance import DueWatch
from service.projection import Standing
from tests.support.delivery import ShiftedClock

RULES = [
    {"name": "soon", "when": "dispute_due_soon", "days_before": 3, "do": {"event": {}}},
    {"name": "last-call", "when": "dispute_due_soon", "days_before": 1, "do": {"event": {}}},
]


def watch(database: Database, clock: ShiftedClock) -> DueWatch:
    secret: dict[str, Any] = {"env": "X"}
    auth = {"flow": "client_credentials", "client_id": "x", "client_secret": secret}
    org = {"org_id": "00D000000000001EAA", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
    stripe = {"livemode": False, "secret_key": secret, "webhook_secrets": [secret]}
    document = {"version": 1, "orgs": {"main": {**org, "reactions": RULES}}}
    entities = {"acme": {"org": "main", "stripe": stripe}}
    settings = Installation.model_validate(document | {"entities": entities})
    return DueWatch(database, Wakes(database.url), clock, settings)


async def keep(database: Database, due: datetime, key: str = "du_1") -> None:
    standing = Standing("acme", key, "dispute", "Needs_Response", "needs_response", "evt_1", due, due_at=due)
    async with database.transaction() as tx:
        await history.keep_due_dates(tx, [DueDate("acme", key, due, standing.to_json())], [])


async def asked(database: Database) -> list[str]:
    async with database.read() as tx:
        keys = (await tx.execute(text("SELECT key FROM reactions ORDER BY put_at, key"))).scalars()
        return [key.rsplit("_", 1)[1] for key in keys]


async def test_each_rule_tells_once_when_its_time_has_come_whoever_watches(database: Database) -> None:
    clock = ShiftedClock()
    due = clock.now().replace(microsecond=0) + timedelta(days=5)
    await keep(database, due)
    before = watch(database, clock)
    assert await before.step() == 0
    clock.ahead = timedelta(days=2) - timedelta(minutes=1)
    assert await before.step() == 0
    clock.ahead = timedelta(days=2, seconds=1)
    assert await before.step() == 1
    assert await asked(database) == ["soon"]
    after = watch(database, clock)  # a restart, or another replica
    assert await after.step() == await before.step() == 0
    await keep(database, due)  # the dispute is seen again
    clock.ahead = timedelta(days=4, hours=1)
    assert await watch(database, clock).step() == 1
    assert await watch(database, clock).step() == 0
    assert await asked(database) == ["soon", "last-call"]


async def test_what_came_near_while_nobody_watched_is_told_at_start(database: Database) -> None:
    clock = ShiftedClock()
    await keep(database, clock.now() + timedelta(days=4))
    clock.ahead = timedelta(days=3, hours=12)
    assert await watch(database, clock).step() == 2
    assert sorted(await asked(database)) == ["last-call", "soon"]


async def test_an_answered_dispute_is_told_of_again_only_if_it_is_due_at_another_time(database: Database) -> None:
    clock = ShiftedClock()
    due = clock.now().replace(microsecond=0) + timedelta(days=2)
    await keep(database, due)
    assert await watch(database, clock).step() == 1
    async with database.transaction() as tx:
        await history.keep_due_dates(tx, [], [("acme", "du_1")])  # answered
    assert await watch(database, clock).step() == 0
    await keep(database, due)  # and open again, as it was
    await watch(database, clock).step()
    assert await asked(database) == ["soon"]
    await keep(database, due + timedelta(hours=1))
    await watch(database, clock).step()
    assert await asked(database) == ["soon", "soon"]
