"""Requests above a threshold, limits of a day and a closed period, with a database and Stripe's stand-in."""

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from service.commands import Command, CommandState, Request
from service.commands._ledger import Approval
from service.commands.approvals import Decision
from service.errors import CounterfoilError, Refused
from tests.integration.commands.conftest import Desk

ABOVE = {"limits": [{"currency": "USD", "operations": ["refund_payment"], "approval_above": "50"}]}
MEI, TOM = "mei", "tom"


async def ask(desk: Desk, intent: str, amount: str, version: str = "1", by: str | None = MEI) -> Command:
    request = Request("acme", "refund_payment", target_id=intent, version=version, requested_by=by)
    request = replace(request, arguments={"amount": amount, "currency": "USD"})
    return await desk.settled((await desk.commands.accept(request))[0])


async def pending(desk: Desk) -> tuple[str, Command]:
    desk.bind(**ABOVE)
    intent = await desk.payment()
    command = await ask(desk, intent, "50.01")
    assert (command.state, command.approval) == (CommandState.PENDING_APPROVAL, Approval.WAITING)
    return intent, command


async def refunded(desk: Desk, intent: str) -> list[Any]:
    return [one["amount"] for one in await desk.refunds(intent)]


async def test_an_amount_above_waits_and_goes_on_once_somebody_else_agrees(desk: Desk) -> None:
    intent, command = await pending(desk)
    assert "50.01 USD is above 50 USD" in (command.message or "")
    assert (await desk.settled(command)).state is CommandState.PENDING_APPROVAL, "a further run changes nothing"
    assert await refunded(desk, intent) == []
    with pytest.raises(Refused):
        await desk.approvals.decide(Decision(command.id, approve=True, by=MEI))
    approved, repeated = await desk.approvals.decide(Decision(command.id, approve=True, by=TOM, note="fine"))
    assert (approved.state, approved.decided_by, repeated) == (CommandState.RUNNING, TOM, False)
    done = await desk.settled(approved)
    assert (done.state, done.approval, done.message) == (CommandState.SUCCEEDED, Approval.APPROVED, None)
    assert await refunded(desk, intent) == [5001]
    _, repeated = await desk.approvals.decide(Decision(command.id, approve=True, by="ann"))
    assert repeated
    assert (await desk.commands.get(command.id)).decided_by == TOM, "the first decision counts"


async def test_up_to_the_threshold_nobody_is_asked(desk: Desk) -> None:
    desk.bind(**ABOVE)
    intent = await desk.payment()
    command = await ask(desk, intent, "50")
    assert (command.state, command.approval) == (CommandState.SUCCEEDED, None)


async def test_what_was_rejected_stays_undone_however_often_it_is_asked(desk: Desk) -> None:
    intent, command = await pending(desk)
    await desk.approvals.decide(Decision(command.id, approve=False, by=TOM, note="too much"))
    again = await ask(desk, intent, "50.01")
    assert (again.id, again.state, again.reason) == (command.id, CommandState.REJECTED, "APPROVAL_REJECTED")
    assert "too much" in (again.message or "")
    assert await refunded(desk, intent) == []


async def test_approved_and_rejected_at_once_one_decision_counts(desk: Desk) -> None:
    for _ in range(5):
        intent, command = await pending(desk)
        decisions = [Decision(command.id, approve, by) for approve, by in ((True, TOM), (False, "ann"), (True, "bob"))]
        taken = await asyncio.gather(*map(desk.approvals.decide, decisions), return_exceptions=True)
        assert all(isinstance(one, tuple | CounterfoilError) for one in taken)
        assert len([one for one in taken if isinstance(one, tuple) and not one[1]]) == 1
        done = await desk.settled(command)
        assert await refunded(desk, intent) == ([5001] if done.approval is Approval.APPROVED else [])
        assert done.state is (CommandState.SUCCEEDED if done.approval is Approval.APPROVED else CommandState.REJECTED)


async def test_carried_out_twice_at_once_it_waits_once(desk: Desk) -> None:
    desk.bind(**ABOVE)
    intent = await desk.payment()
    request = Request("acme", "refund_payment", target_id=intent, requested_by=MEI)
    command = (await desk.commands.accept(request))[0]
    await asyncio.gather(*(desk.commands.execute(command.id, attempts=0) for _ in range(3)))
    waiting = await desk.commands.get(command.id)
    assert (waiting.state, waiting.amount_minor) == (CommandState.PENDING_APPROVAL, 10_000)


async def test_an_approval_that_nobody_gives_expires(desk: Desk) -> None:
    intent, command = await pending(desk)
    desk.clock.ahead += timedelta(hours=71)
    await desk.approvals.expire()
    assert (await desk.commands.get(command.id)).state is CommandState.PENDING_APPROVAL
    desk.clock.ahead += timedelta(hours=2)
    with pytest.raises(Refused, match="waited too long"):
        await desk.approvals.decide(Decision(command.id, approve=True, by=TOM))
    await asyncio.gather(desk.approvals.expire(), desk.approvals.expire())
    expired = await desk.commands.get(command.id)
    assert (expired.state, expired.approval) == (CommandState.EXPIRED, Approval.EXPIRED)
    assert (await desk.settled(command)).state is CommandState.EXPIRED
    assert await refunded(desk, intent) == []


async def test_approved_two_days_later_it_is_done_once(desk: Desk) -> None:
    intent, command = await pending(desk)
    desk.clock.ahead += timedelta(days=2)
    approved, _ = await desk.approvals.decide(Decision(command.id, approve=True, by=TOM))
    await asyncio.gather(desk.settled(approved), desk.settled(approved))
    assert await refunded(desk, intent) == [5001]


async def test_nobody_in_particular_asks_for_nothing_that_needs_two(desk: Desk) -> None:
    desk.bind(**ABOVE)
    command = await ask(desk, await desk.payment(), "60", by=None)
    assert (command.state, command.reason) == (CommandState.REFUSED, "APPROVAL_REQUIRED")


async def test_a_day_comes_to_no_more_than_its_limits_also_at_once(desk: Desk) -> None:
    desk.bind(limits=[{"currency": "USD", "sum_per_day": 100, "operations": ["refund_payment"]}])
    intents = [await desk.payment() for _ in range(4)]
    done = await asyncio.gather(*(ask(desk, intent, "40") for intent in intents))
    assert sorted(one.state for one in done) == ["REFUSED", "REFUSED", "SUCCEEDED", "SUCCEEDED"]
    assert {one.reason for one in done} == {None, "LIMIT_EXCEEDED"}
    refused = next(one for one in done if one.state is CommandState.REFUSED)
    assert "80.00 USD within 24 hours, and 100 USD may be" in (refused.message or "")
    desk.clock.ahead += timedelta(hours=25)
    again = await ask(desk, str(refused.target_id), "40")
    assert (again.id, again.state) == (refused.id, CommandState.SUCCEEDED), "the day is over"


async def test_a_currency_without_a_limit_is_refused_where_others_have_one(desk: Desk) -> None:
    desk.bind(limits=[{"currency": "EUR", "operations": ["refund_payment"], "amount": 1}])
    command = await ask(desk, await desk.payment(), "1")
    assert (command.state, command.reason) == (CommandState.REFUSED, "LIMIT_EXCEEDED")
    assert "no limit is set for USD" in (command.message or "")


async def test_what_is_asked_in_a_closed_period_is_refused_until_it_is_open(desk: Desk) -> None:
    desk.bind(closed_until=date(2999, 12, 31))
    intent = await desk.payment()
    command = await ask(desk, intent, "1")
    assert (command.state, command.reason) == (CommandState.REFUSED, "PERIOD_CLOSED")
    assert await refunded(desk, intent) == []
    desk.bind()
    assert (await ask(desk, intent, "1")).state is CommandState.SUCCEEDED


async def test_a_repeated_request_without_an_id_finds_its_own_command_among_others(desk: Desk) -> None:
    intents = [await desk.payment() for _ in range(3)]
    first = [await ask(desk, intent, "10") for intent in intents]
    again = [await ask(desk, intent, "10") for intent in reversed(intents)]
    assert [one.id for one in again] == [one.id for one in reversed(first)]


async def test_the_audit_log_tells_who_asked_and_who_agreed(desk: Desk) -> None:
    _, command = await pending(desk)
    await desk.settled(
        (await desk.approvals.decide(Decision(command.id, approve=True, by=TOM, note="Jane is fine")))[0]
    )
    async with desk.approvals.database.read() as tx:
        rows = (await tx.execute(text("SELECT entry FROM audit ORDER BY id"))).scalars().all()
    found = [entry for row in rows if (entry := json.loads(row))["subject"] == command.id]
    assert [(entry["kind"], entry["actor"]) for entry in found] == [
        ("asked", MEI),
        ("approved", TOM),
        ("done", "service"),
    ]
    assert (found[1]["before"], found[1]["after"], found[1]["asked_by"]) == ("PENDING_APPROVAL", "RUNNING", MEI)
    assert "Jane" not in str(rows), "what a person wrote stays out"
