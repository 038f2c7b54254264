"""Payouts through stripe-python: what is in them, when it is known, and what a bank may do to them."""

from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import pay

AT_ONCE = "pm_card_bypassPending"


def run(sandbox: Running, **more: Any) -> str:
    return str(sandbox.ask("/stripe/payouts/run", {"currency": "usd", **more})["id"])


def held(client: stripe.StripeClient, payout: str) -> list[stripe.BalanceTransaction]:
    listed = client.v1.balance_transactions.list({"payout": payout, "limit": 100, "expand": ["data.source"]})
    return list(listed.auto_paging_iter())


def kinds(sandbox: Running) -> list[str]:
    return [event["type"] for event in sandbox.receiver.events() if event["type"].startswith("payout.")]


@pytest.mark.usefixtures("endpoint")
def test_an_automatic_payout_holds_all_that_was_available_and_its_own_row(
    client: stripe.StripeClient, sandbox: Running
) -> None:
    pay(client, 5000, payment_method=AT_ONCE)
    pay(client, 7000)  # still pending, so not in it
    sandbox.ask("/stripe/balance/adjust", {"amount": -200})
    sandbox.flush()
    payout = run(sandbox)
    sandbox.flush()
    found = client.v1.payouts.retrieve(payout)
    assert (found.status, found.automatic, found.reconciliation_status) == ("paid", True, "completed")
    rows = held(client, payout)
    assert sorted((row.type, row.net) for row in rows) == [("charge", 4825), ("payout", -4625), ("stripe_fee", -200)]
    assert found.amount == 4625
    assert sum(row.net for row in rows) == 0
    own = next(row for row in rows if row.type == "payout")
    assert isinstance(own.source, stripe.Payout)
    assert found.trace_id is not None
    assert found.trace_id.status == "supported"
    told = {kind: kinds(sandbox).count(kind) for kind in kinds(sandbox)}
    assert told == {
        "payout.created": 1, "payout.updated": 3, "payout.paid": 1, "payout.reconciliation_completed": 1,
    }  # fmt: skip
    with pytest.raises(AssertionError, match="nothing is available"):
        run(sandbox)


@pytest.mark.usefixtures("endpoint")
def test_a_trace_id_appears_without_an_event(client: stripe.StripeClient, sandbox: Running) -> None:
    sandbox.ask("/stripe/settings", {"payout_trace_delay_ms": 0, "payout_arrival_delay_ms": 50})
    pay(client, 5000, payment_method=AT_ONCE)
    sandbox.flush()
    payout = run(sandbox)
    sandbox.flush()
    created = sandbox.receiver.wait("payout.created")[0]
    assert created["data"]["object"]["trace_id"] == {"status": "pending", "value": None}
    shown = client.v1.payouts.retrieve(payout).trace_id
    assert shown is not None
    assert shown.value


def test_before_reconciliation_nothing_is_listed(client: stripe.StripeClient, sandbox: Running) -> None:
    sandbox.ask("/stripe/settings", {"payout_reconciliation_delay_ms": 60_000})
    pay(client, 5000, payment_method=AT_ONCE)
    sandbox.flush()
    assert held(client, run(sandbox)) == []


@pytest.mark.usefixtures("endpoint")
def test_a_paid_payout_may_fail_and_its_money_is_in_the_next(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client, 5000, payment_method=AT_ONCE)
    sandbox.flush()
    payout = run(sandbox)
    sandbox.flush()
    sandbox.ask(f"/stripe/payouts/{payout}/fail", {"code": "account_closed"})
    sandbox.flush()
    found = client.v1.payouts.retrieve(payout, {"expand": ["failure_balance_transaction"]})
    assert (found.status, found.failure_code) == ("failed", "account_closed")
    assert isinstance(found.failure_balance_transaction, stripe.BalanceTransaction)
    assert found.failure_balance_transaction.reporting_category == "payout_reversal"
    assert kinds(sandbox)[-2:] == ["payout.failed", "payout.updated"]
    again = run(sandbox)
    sandbox.flush()
    assert client.v1.payouts.retrieve(again).amount == found.amount
    assert {row.type for row in held(client, again)} == {"payout_failure", "payout"}


def test_a_negative_balance_is_collected(client: stripe.StripeClient, sandbox: Running) -> None:
    sandbox.ask("/stripe/balance/adjust", {"amount": -1500})
    payout = run(sandbox)
    sandbox.flush()
    assert client.v1.payouts.retrieve(payout).amount == -1500
    assert sorted(row.net for row in held(client, payout)) == [-1500, 1500]


def test_of_a_manual_payout_stripe_cannot_say_what_is_in_it(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client, 5000, payment_method=AT_ONCE)
    sandbox.flush()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payouts.create({"amount": 9000, "currency": "usd"})
    assert refusal.value.code == "balance_insufficient"
    payout = client.v1.payouts.create({"amount": 1000, "currency": "usd"})
    assert (payout.status, payout.automatic, payout.reconciliation_status) == ("pending", False, "not_applicable")
    with pytest.raises(stripe.InvalidRequestError, match="only be filtered on automatic"):
        held(client, payout.id)
    assert client.v1.payouts.list({"status": "pending"}).data[0].id == payout.id


def test_an_instant_payout_costs_a_fee(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client, 50_000, payment_method=AT_ONCE)
    sandbox.flush()
    payout = client.v1.payouts.create({"amount": 20_000, "currency": "usd", "method": "instant"})
    own = client.v1.balance_transactions.retrieve(str(payout.balance_transaction))
    assert (own.amount, own.fee, own.net) == (-20_000, 200, -20_200)


def test_cancelling_and_reversing(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client, 50_000, payment_method=AT_ONCE)
    sandbox.flush()
    first = client.v1.payouts.create({"amount": 1000, "currency": "usd"})
    assert client.v1.payouts.cancel(first.id).status == "canceled"
    second = client.v1.payouts.create({"amount": 2000, "currency": "usd", "metadata": {"week": "1"}})
    sandbox.flush()
    with pytest.raises(stripe.InvalidRequestError, match="only be canceled"):
        client.v1.payouts.cancel(second.id)
    reversal = client.v1.payouts.reverse(second.id)
    assert (reversal.amount, reversal.original_payout) == (-2000, second.id)
    assert client.v1.payouts.retrieve(second.id).reversed_by == reversal.id
    with pytest.raises(stripe.InvalidRequestError, match="has not been reversed"):
        client.v1.payouts.reverse(second.id)
    noted = client.v1.payouts.update(second.id, {"metadata": {"week": "2"}}).metadata
    assert noted is not None
    assert noted["week"] == "2"
