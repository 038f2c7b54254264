"""Reactions that the org refuses: dead, listed, tried again by a person, and by themselves when the cause is gone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from service import history
from service.delivery import Reactor
from service.history import Asked
from tests.support.delivery import Line

RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def reactor(line: Line) -> Reactor:
    return Reactor(
        line.database, line.clock, org="main", salesforce=line.api, holder="one", lease=timedelta(seconds=10)
    )


def task(key: str) -> Asked:
    content = {"Subject": key, "Priority": "Normal", "WhatId": None, "owner": None, "otherwise": None}
    return Asked(key, "task", {**content, "ActivityDate": "2026-12-01"})


def event(key: str) -> Asked:
    content: dict[str, Any] = {"Outcome__c": "payment_failed", "Object_Id__c": key, "Amount__c": "1.50"}
    return Asked(key, "event", content)


async def ask(line: Line, *asked: Asked) -> None:
    async with line.database.transaction() as tx:
        await history.ask(tx, "main", asked, now=line.clock.now())


async def states(line: Line) -> dict[str, str]:
    async with line.database.read() as tx:
        return {row.key: row.state for row in await tx.execute(text("SELECT key, state FROM reactions"))}


def refuse(line: Line, sobject: str) -> None:
    line.sandbox.control(
        "POST", "/salesforce/faults",
        {"fault": "record_error", "sobject": sobject, "error_code": RULE, "message": "no", "times": -1},
    )  # fmt: skip


def mend(line: Line) -> None:
    line.sandbox.control("DELETE", "/salesforce/faults")


async def test_what_the_org_refuses_is_dead_with_its_code_and_costs_the_others_nothing(line: Line) -> None:
    refuse(line, "Task")
    await ask(line, task("t1"), event("e1"))
    await reactor(line).step()
    assert await states(line) == {"t1": "dead", "e1": "done"}
    async with line.database.read() as tx:
        [found] = await history.failures.find(tx, org="main")
    assert (found.key, found.kind, found.error_code, found.attempts) == ("t1", "task", RULE, 1)
    assert found.next_at == found.failed_at + timedelta(minutes=15) if found.failed_at else False


async def test_when_the_cause_is_gone_one_is_probed_and_frees_the_rest_each_made_once(line: Line) -> None:
    refuse(line, "Task")
    await ask(line, *(task(f"t{number}") for number in range(5)))
    working = reactor(line)
    await working.step()
    mend(line)
    line.clock.ahead += timedelta(minutes=14)
    assert await working.step() == 0
    line.clock.ahead += timedelta(minutes=2)
    assert await working.step() == 1
    assert sorted((await states(line)).values()) == ["done", "waiting", "waiting", "waiting", "waiting"]
    assert await working.step() == 4
    assert set((await states(line)).values()) == {"done"}
    made = await line.api.query("SELECT Counterfoil_Key__c FROM Task WHERE Counterfoil_Key__c LIKE 't%'")
    assert sorted(row["Counterfoil_Key__c"] for row in made) == [f"t{number}" for number in range(5)]


async def test_a_cause_that_stays_is_probed_ever_more_seldom(line: Line) -> None:
    refuse(line, "Payment_Outcome__e")
    await ask(line, event("e1"))
    working = reactor(line)
    await working.step()
    waits = []
    for _ in range(4):
        async with line.database.read() as tx:
            [found] = await history.failures.find(tx)
        assert found.next_at is not None
        waits.append(round((found.next_at - line.clock.now()) / timedelta(minutes=1)))
        line.clock.ahead += found.next_at - line.clock.now() + timedelta(seconds=31)
        assert await working.step() == 1
    assert waits == [15, 30, 60, 120]


async def test_a_person_tries_again_or_gives_up(line: Line) -> None:
    refuse(line, "Task")
    await ask(line, task("t1"), task("t2"))
    working = reactor(line)
    await working.step()
    mend(line)
    async with line.database.transaction() as tx:
        assert await history.failures.redrive(tx, [("main", "t1")], now=line.clock.now()) == 1
        assert await history.failures.discard(tx, [("main", "t2")], now=line.clock.now(), who="a", why="b") == 1
    line.clock.ahead += timedelta(days=2)
    assert await working.step() == 1
    assert await states(line) == {"t1": "done", "t2": "discarded"}
    # Asked for again, as by the same change seen once more, it stays given up.
    await ask(line, task("t2"))
    assert await working.step() == 0
