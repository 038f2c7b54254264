"""Facts as messages: every word of ours has one in the contract."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api._messages import payment_from_facts, payment_of, request_state_of, state_of
from service.commands import Command, CommandState
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.projection import PaymentFacts, PaymentStatus

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def facts(**known: Any) -> PaymentFacts:
    unknown: dict[str, Any] = dict.fromkeys(field.name for field in fields(PaymentFacts))
    least: dict[str, Any] = {
        "payment_id": "pi_1",
        "entity": "acme",
        "status": PaymentStatus.UNKNOWN,
        "amount_received_minor": 0,
        "amount_refunded_minor": 0,
    }
    return PaymentFacts(**(unknown | least | known))


def command(**known: Any) -> Command:
    unknown: dict[str, Any] = dict.fromkeys(field.name for field in fields(Command))
    least: dict[str, Any] = {
        "id": "cmd_1",
        "entity": "acme",
        "record_id": "006000000000001AAA",
        "arguments": {"method": "unconfirmed"},
        "version": "1",
        "state": CommandState.RUNNING,
        "created_at": NOW,
    }
    return Command(**(unknown | least | known))


def test_statuses_and_states_are_equal_sets() -> None:
    ours = {state_of(status) for status in PaymentStatus} | {payment.Payment.STATE_UNSPECIFIED}
    assert ours == set(payment.Payment.State.values())


def test_command_states_and_request_states_are_equal_sets() -> None:
    ours = {request_state_of(state) for state in CommandState} | {request_state_of(None)}
    assert ours == set(payment.RequestState.values())


def test_what_is_not_known_is_unset() -> None:
    least = payment_from_facts(facts())
    shown = {descriptor.name for descriptor, _ in least.ListFields()}
    assert shown == {"payment_id", "entity", "state"}


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["USD", "JPY", "KWD"]))
def test_amounts_stay_exact(amount_minor: int, currency: str) -> None:
    shown = payment_from_facts(facts(amount_minor=amount_minor, currency=currency)).amount
    assert (shown.amount_minor, shown.currency_code) == (amount_minor, currency)


@given(st.decimals(min_value="0.000000001", max_value=1_000_000_000, places=9))
def test_rates_stay_exact_and_plain(rate: Decimal) -> None:
    known = facts(settlement_amount_minor=1, settlement_currency="EUR", exchange_rate=rate)
    shown = payment_from_facts(known).settlement.exchange_rate
    assert Decimal(shown) == rate
    assert "E" not in shown


@pytest.mark.parametrize("state", CommandState)
def test_a_command_without_facts_is_told_by_itself(state: CommandState) -> None:
    shown = payment_of(command(state=state, failure_code="card_declined"), None)
    declined = state is CommandState.DECLINED
    assert (shown.payment_id, shown.create_time.ToDatetime(UTC)) == ("cmd_1", NOW)
    assert shown.state == (payment.Payment.STATE_FAILED if declined else payment.Payment.STATE_REQUESTED)
    assert shown.failure.code == ("card_declined" if declined else "")


def test_the_commands_state_is_newer_than_its_facts() -> None:
    shown = payment_of(command(state=CommandState.SUCCEEDED), facts(request_state="RUNNING"))
    assert shown.request_state == payment.REQUEST_STATE_SUCCEEDED


def test_no_field_could_hold_a_client_secret() -> None:
    assert "client_secret" not in payment.Payment.DESCRIPTOR.fields_by_name
