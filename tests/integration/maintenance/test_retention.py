"""What is old and done goes, in bounded batches; what is still needed stays, whatever its age."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import inbox
from service.commands._ledger import CommandState
from service.config import Settings
from service.db import Database
from service.inbox import InboxRow, State
from service.maintenance import Retention

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PERSON = "Ada Lovelace"
DAYS = {"retention_payload_days": 7, "retention_days": 31, "retention_request_days": 2, "retention_deleted_days": 31}
DAYS |= {"retention_reaction_days": 35, "retention_run_days": 31}


class StillClock:
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW

    def new_id(self) -> UUID:
        return uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        return span


async def purge(database: Database) -> None:
    """Go through everything once."""
    retention = Retention(database, StillClock(), Settings(**DAYS))  # type: ignore[arg-type]  # numbers of days
    while await retention.step():
        pass


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.read() as tx:
        return [tuple(row) for row in await tx.execute(text(query))]


async def execute(database: Database, statement: str, **values: object) -> None:
    async with database.transaction() as tx:
        await tx.execute(text(statement), values)


def event(key: str, state: State, age: int) -> InboxRow:
    return InboxRow("stripe", "acme", key, "customer.created", f'{{"name": "{PERSON}"}}', state,
                    NOW - timedelta(days=age))  # fmt: skip


async def test_events_lose_their_text_and_then_go_but_not_while_somebody_may_need_them(database: Database) -> None:
    ages = (1, 8, 32)
    async with database.transaction() as tx:
        await inbox.record(tx, [event(f"{state.value}-{age}", state, age) for state, age in product(State, ages)])
        await inbox.record(tx, [event(f"many-{number}", State.HANDLED, 9) for number in range(2500)])
    await purge(database)
    found = dict(await rows(database, "SELECT event_id, payload <> '{}' FROM inbox WHERE event_id NOT LIKE 'many-%'"))
    for state in (State.RECORDED, State.QUARANTINED):
        assert [found[f"{state.value}-{age}"] for age in ages] == [True, True, True]
    assert [found.get(f"handled-{age}") for age in ages] == [True, False, None]
    assert [found.get(f"refused-{age}") for age in ages] == [True, True, None]
    assert await rows(database, "SELECT count(*), count(*) FILTER (WHERE payload = '{}') FROM inbox "
                                "WHERE event_id LIKE 'many-%'") == [(2500, 2500)]  # fmt: skip


COMMAND = """
    INSERT INTO commands (id, entity, org, operation, subject, record_id, business_version, fingerprint, arguments,
                          source, state, terms, created_at, settled_at)
    VALUES (:id, 'acme', 'main', 'create_payment', :id, :id, '1', 'f', '{}', 'grpc', :state, :terms, :at, :settled_at)
"""
CALL = """
    INSERT INTO calls (idempotency_key, entity, command_id, step, parameters, result_id, begun_at, finished_at)
    VALUES (:id, 'acme', :id, 'customer', :parameters, :result, :at, :finished_at)
"""


@pytest.mark.parametrize("state", CommandState)
async def test_a_settled_request_forgets_people_and_keeps_the_rest(database: Database, state: CommandState) -> None:
    terms = {"amount_minor": 1200, "currency": "usd", "account_id": "001", "account_name": PERSON, "title": PERSON}
    sent = {"name": PERSON, "email": PERSON, "metadata": {"salesforce_record_id": "001"}, "amount": 1200}
    for key, age in (("old", 3), ("young", 1)):
        at = NOW - timedelta(days=age)
        times = {"at": at, "settled_at": at if state.settled else None}
        await execute(database, COMMAND, id=key, state=state, terms=orjson.dumps(terms).decode(), **times)
        more = {"parameters": orjson.dumps(sent).decode(), "result": "cus_1", "at": at, "finished_at": at}
        await execute(database, CALL, id=key, **more)
    await purge(database)
    found = {key: (terms, sent) for key, terms, sent in await rows(
        database, "SELECT id, terms, parameters FROM commands JOIN calls ON command_id = id")}  # fmt: skip
    assert PERSON in found["young"][0]
    assert PERSON in found["young"][1]
    forgets = state.settled and state is not CommandState.FAILED
    assert (PERSON in "".join(found["old"])) is not forgets
    kept, called = (orjson.loads(one) for one in found["old"])
    assert [kept[name] for name in ("amount_minor", "currency", "account_id")] == [1200, "usd", "001"]
    assert (called["amount"], called["metadata"]) == (1200, {"salesforce_record_id": "001"})


MIRROR = """
    INSERT INTO mirror (entity, object_id, object_type, body, digest, as_of, evidence, deleted, dirty, fault, fetch_at,
                        observed_at)
    VALUES ('acme', :id, 'customer', :body, 'd', :at, 1, :deleted, :dirty, :fault, :fetch_at, :at)
"""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
async def test_only_what_is_gone_and_settled_is_emptied(database: Database, data: st.DataObject) -> None:
    await execute(database, "DELETE FROM mirror")
    flags = st.booleans()
    kinds = [dict(zip(("deleted", "dirty", "fault", "fetch", "old"), data.draw(st.tuples(*[flags] * 5)), strict=True))
             for _ in range(4)]  # fmt: skip
    for number, one in enumerate(kinds):
        body = {"id": f"cus_{number}", "object": "customer", "name": PERSON, "balance": 5, "metadata": {"k": "v"}}
        await execute(
            database,
            MIRROR,
            id=f"cus_{number}",
            body=orjson.dumps(body).decode(),
            at=NOW - timedelta(days=40 if one["old"] else 3),
            deleted=one["deleted"],
            dirty=one["dirty"],
            fault="FAULT" if one["fault"] else None,
            fetch_at=NOW if one["fetch"] else None,
        )
    await purge(database)
    for object_id, body in await rows(database, "SELECT object_id, body FROM mirror"):
        one = kinds[int(object_id.removeprefix("cus_"))]
        gone = one["deleted"] and one["old"] and not (one["dirty"] or one["fault"] or one["fetch"])
        assert (PERSON in body) is not gone
        assert (orjson.loads(body)["balance"], orjson.loads(body)["metadata"]) == (5, {"k": "v"})


async def test_reactions_and_runs_that_ended_go(database: Database) -> None:
    reaction = """INSERT INTO reactions (org, key, kind, content, state, not_before, put_at, done_at)
                  VALUES ('main', :key, 'task', '{}', :state, :at, :at, :done_at)"""
    run = """INSERT INTO runs (id, entity, kind, object_types, until, state, next_at, created_at, updated_at)
             VALUES (:key, 'acme', :kind, '{}', :at, :state, :at, :at, :at)"""
    for key, age in (("old", 50), ("young", 5)):
        at = NOW - timedelta(days=age)
        for state in ("waiting", "done", "dead", "discarded"):
            done_at = at if state == "done" else None
            await execute(database, reaction, key=f"{state}-{key}", state=state, at=at, done_at=done_at)
        for state in ("succeeded", "cancelled", "failed"):
            await execute(database, run, key=f"{state}-{key}", kind="sweep", state=state, at=at)
    await execute(database, run, key="running-old", kind="backfill", state="running", at=NOW - timedelta(days=50))
    await purge(database)
    gone = {"done-old"}
    assert {key for (key,) in await rows(database, "SELECT key FROM reactions WHERE key LIKE '%-old'")} == {
        f"{state}-old" for state in ("waiting", "done", "dead", "discarded")
    } - gone
    assert await rows(database, "SELECT count(*) FROM reactions WHERE key LIKE '%-young'") == [(4,)]
    left = {key for (key,) in await rows(database, "SELECT id FROM runs")}
    assert left == {"running-old", *(f"{state}-young" for state in ("succeeded", "cancelled", "failed"))}
