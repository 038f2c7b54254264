"""Limits and the second person's decision, as pure rules."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commands import Command, CommandState
from service.commands._bounds import Used, refuse_closed, within
from service.commands._ledger import Approval
from service.commands.approvals import Decision, is_open
from service.config.limits import Limit
from service.errors import InvalidRequest, Refused
from tests.integration.api.stored import installation

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AMOUNTS = st.decimals("0.01", "999999", places=2)
FREE = Used(0, Decimal(0))
ASKER, OTHER = "005000000000001AAA", "005000000000002AAA"


def limit_of(**bounds: Any) -> Limit:
    return Limit(currency="USD", operations=("refund_payment",), **bounds)


def pending(**known: Any) -> Command:
    unknown: dict[str, Any] = dict.fromkeys(field.name for field in fields(Command))
    least: dict[str, Any] = {"id": "cmd_1", "state": CommandState.PENDING_APPROVAL, "approval": Approval.WAITING}
    least |= {"requested_by": ASKER, "asked_as": "005000000000009AAA", "approval_due_at": NOW}
    return Command(**(unknown | least | known))


def refusal(limit: Limit, asked: Decimal, used: Used = FREE) -> str | None:
    try:
        within(limit, asked, used)
    except Refused as refused:
        return f"{refused.reason}: {refused.message}"
    return None


@given(AMOUNTS, AMOUNTS)
def test_an_amount_up_to_the_limit_is_within_it(limit: Decimal, asked: Decimal) -> None:
    said = refusal(limit_of(amount=limit), asked)
    assert (said is None) == (asked <= limit)
    assert said is None or all(part in said for part in ("LIMIT_EXCEEDED", f"{asked:f} USD", f"{limit:f} USD"))


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_day_comes_to_no_more_than_its_sum(limit: Decimal, used: Decimal, asked: Decimal) -> None:
    said = refusal(limit_of(sum_per_day=limit), asked, Used(3, used))
    assert (said is None) == (used + asked <= limit)


@given(st.integers(1, 50), st.integers(0, 60))
def test_a_day_has_no_more_requests_than_its_count(limit: int, used: int) -> None:
    said = refusal(limit_of(count_per_day=limit), Decimal(1), Used(used, Decimal(0)))
    assert (said is None) == (used < limit)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="limits nothing"):
        limit_of()


CLOSED = installation().entities["acme"].model_copy(update={"closed_until": date(2026, 10, 31)})


@pytest.mark.parametrize("day", [date(2026, 11, 1), None])
def test_after_a_closed_period_nothing_is_closed(day: date | None) -> None:
    refuse_closed(CLOSED, day, "it was asked")


def test_the_last_day_of_a_closed_period_is_closed() -> None:
    with pytest.raises(Refused, match="closed until 2026-10-31") as refused:
        refuse_closed(CLOSED, date(2026, 10, 31), "it was asked")
    assert refused.value.reason == "PERIOD_CLOSED"


def test_a_second_person_decides_until_the_last_moment() -> None:
    decision = Decision("cmd_1", approve=True, by=OTHER)
    assert is_open(pending(), decision, now=NOW)
    with pytest.raises(Refused, match="waited too long"):
        is_open(pending(), decision, now=NOW + timedelta(microseconds=1))


@pytest.mark.parametrize("by", [ASKER, ASKER[:15], "005000000000009AAA"])
@pytest.mark.parametrize("approve", [True, False])
def test_whoever_asked_does_not_decide_by_any_name(by: str, approve: bool) -> None:
    with pytest.raises(Refused) as refused:
        is_open(pending(), Decision("cmd_1", approve, by), now=NOW)
    assert refused.value.reason == "APPROVER_IS_REQUESTER"


def test_nobody_decides_nothing() -> None:
    with pytest.raises(InvalidRequest):
        is_open(pending(), Decision("cmd_1", approve=True, by=None), now=NOW)
    with pytest.raises(InvalidRequest):
        is_open(pending(), Decision("cmd_1", approve=True, by=OTHER, note="x" * 256), now=NOW)


@given(st.sampled_from(CommandState), st.sampled_from([None, *Approval]), st.booleans())
def test_only_what_waits_is_decided(state: CommandState, approval: Approval | None, approve: bool) -> None:
    command, decision = pending(state=state, approval=approval), Decision("cmd_1", approve, OTHER)
    if approval is decision.outcome:
        assert not is_open(command, decision, now=NOW)
    elif state is CommandState.PENDING_APPROVAL:
        assert is_open(command, decision, now=NOW)
    else:
        with pytest.raises(Refused) as refused:
            is_open(command, decision, now=NOW)
        assert refused.value.reason == "APPROVAL_NOT_PENDING"
