"""Refunds through stripe-python."""

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import pay, settled


def test_partial_refunds_until_nothing_is_left(client: stripe.StripeClient, sandbox: Running) -> None:
    intent = pay(client, 2000)
    settled(client, intent)
    first = client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 500, "reason": "requested_by_customer", "metadata": {"a": "b"}}
    )
    assert (first.status, first.amount, first.charge) == ("succeeded", 500, intent.latest_charge)
    entry = client.v1.balance_transactions.retrieve(str(first.balance_transaction))
    assert (entry.amount, entry.fee, entry.net, entry.type, entry.source) == (-500, 0, -500, "refund", first.id)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1501})
    assert refusal.value.param == "amount"
    client.v1.refunds.create({"charge": charge.id})
    charge = client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (2000, True)
    assert charge.refunds is not None
    assert [refund.amount for refund in charge.refunds.data] == [1500, 500]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_already_refunded"
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    sandbox.flush()
    assert client.v1.refunds.update(first.id, {"metadata": {"a": ""}}).metadata is not None


def test_events_of_a_refund_say_it_three_times(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    intent = pay(client)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    sandbox.flush()
    for kind in ("refund.created", "refund.updated", "charge.refund.updated"):
        (event,) = sandbox.receiver.events(kind)
        assert event["data"]["object"]["id"] == refund.id
    (refunded,) = sandbox.receiver.events("charge.refunded")
    assert refunded["data"]["object"]["id"] == refund.charge
    assert refunded["data"]["previous_attributes"] == {"amount_refunded": 0, "refunded": False}
    assert endpoint.status == "enabled"


def test_a_refund_settles_late_or_fails_after_success(client: stripe.StripeClient, sandbox: Running) -> None:
    slow = pay(client, payment_method="pm_card_pendingRefund")
    pending = client.v1.refunds.create({"payment_intent": slow.id})
    assert (pending.status, pending.balance_transaction) == ("pending", None)
    failing = pay(client, payment_method="pm_card_refundFail")
    doomed = client.v1.refunds.create({"payment_intent": failing.id})
    assert doomed.status == "succeeded"
    sandbox.flush()
    assert client.v1.refunds.retrieve(pending.id).status == "succeeded"
    failed = client.v1.refunds.retrieve(doomed.id, {"expand": ["failure_balance_transaction"]})
    assert failed.status == "failed"
    assert isinstance(failed.failure_balance_transaction, stripe.BalanceTransaction)
    assert failed.failure_balance_transaction.amount == 2000
    charge = client.v1.charges.retrieve(str(failing.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    events = client.v1.events.list({"types": ["refund.failed"]}).data
    assert [event.data.object["id"] for event in events] == [doomed.id]


def test_an_uncaptured_charge_is_not_refunded(client: stripe.StripeClient) -> None:
    intent = pay(client, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_refund_that_waits_for_the_payer_may_be_cancelled(client: stripe.StripeClient, sandbox: Running) -> None:
    sandbox.ask("/stripe/settings", {"refund_settlement_delay_ms": 0})
    intent = pay(client, payment_method="pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.cancel(refund.id)
    sandbox.ask(f"/stripe/refunds/{refund.id}", {"status": "requires_action"})
    cancelled = client.v1.refunds.cancel(refund.id)
    assert (cancelled.status, cancelled.balance_transaction) == ("canceled", None)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)


def test_the_bank_returns_a_refund_long_after_it_succeeded(client: stripe.StripeClient, sandbox: Running) -> None:
    intent = pay(client)
    settled(client, intent)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 500})
    sandbox.flush()
    sandbox.ask(f"/stripe/refunds/{refund.id}", {"status": "failed", "failure_reason": "declined"})
    failed = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "declined")
    assert isinstance(failed.failure_balance_transaction, stripe.BalanceTransaction)
    assert failed.failure_balance_transaction.net == 500
    assert client.v1.events.list({"types": ["refund.failed"]}).data[0].data.object["id"] == refund.id
    assert sandbox.control.post(f"/stripe/refunds/{refund.id}", json={"status": "failed"}).status_code == 400
