"""Disputes opened by test cards, through stripe-python."""

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import pay


def disputed(client: stripe.StripeClient, card: str = "pm_card_createDispute") -> stripe.Dispute:
    intent = pay(client, 5000, payment_method=card)
    return client.v1.disputes.list({"payment_intent": intent.id}).data[0]


def test_a_dispute_is_seen_before_the_payment_succeeds(client: stripe.StripeClient, sandbox: Running) -> None:
    dispute = disputed(client)
    sandbox.flush()
    types = [event.type for event in client.v1.events.list({"limit": 10}).data][::-1]
    assert types == [
        "payment_intent.created",
        "charge.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
        "charge.updated",
    ]
    assert (dispute.status, dispute.reason, dispute.is_charge_refundable) == ("needs_response", "fraudulent", False)
    (withdrawn,) = dispute.balance_transactions
    assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-5000, 1500, -6500)
    assert (withdrawn.type, withdrawn.reporting_category, withdrawn.source) == ("adjustment", "dispute", dispute.id)
    charge = client.v1.charges.retrieve(str(dispute.charge))
    assert charge.disputed
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("winning_evidence", ("won", 2, "charge.dispute.funds_reinstated")),
        ("losing_evidence", ("lost", 1, "charge.dispute.closed")),
        ("a letter", ("under_review", 1, "charge.dispute.updated")),
    ],
)
def test_evidence_decides(
    client: stripe.StripeClient, sandbox: Running, word: str, expected: tuple[str, int, str]
) -> None:
    status, movements, last = expected
    dispute = disputed(client)
    sandbox.flush()
    reviewed = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": word}})
    assert (reviewed.status, reviewed.evidence_details.submission_count) == ("under_review", 1)
    sandbox.flush()
    decided = client.v1.disputes.retrieve(dispute.id, {"expand": ["charge"]})
    assert (decided.status, len(decided.balance_transactions)) == (status, movements)
    assert isinstance(decided.charge, stripe.Charge)
    assert decided.charge.disputed
    assert client.v1.events.list({"limit": 1}).data[0].type == last
    if status == "won":
        returned = decided.balance_transactions[1]
        assert (returned.amount, returned.fee, returned.reporting_category) == (5000, 0, "dispute_reversal")


def test_an_inquiry_moves_no_money_until_it_escalates(client: stripe.StripeClient, sandbox: Running) -> None:
    inquiry = disputed(client, "pm_card_createDisputeInquiry")
    assert (inquiry.status, inquiry.balance_transactions) == ("warning_needs_response", [])
    client.v1.disputes.update(inquiry.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    sandbox.flush()
    escalated = client.v1.disputes.retrieve(inquiry.id)
    assert (escalated.status, len(escalated.balance_transactions)) == ("needs_response", 1)
    assert client.v1.events.list({"limit": 1}).data[0].type == "charge.dispute.funds_withdrawn"


def test_evidence_is_staged_and_a_dispute_given_up(client: stripe.StripeClient) -> None:
    dispute = disputed(client, "pm_card_createDisputeProductNotReceived")
    staged = client.v1.disputes.update(
        dispute.id, {"evidence": {"customer_name": "Payer"}, "metadata": {"case": "1"}, "submit": False}
    )
    assert (staged.status, staged.evidence.customer_name) == ("needs_response", "Payer")
    assert staged.evidence_details.has_evidence
    assert client.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(dispute.id)


def test_an_inquiry_may_be_refunded(client: stripe.StripeClient) -> None:
    inquiry = disputed(client, "pm_card_createDisputeInquiry")
    assert client.v1.refunds.create({"charge": str(inquiry.charge)}).status == "succeeded"


def test_a_charge_may_have_several_disputes(client: stripe.StripeClient) -> None:
    intent = pay(client, 5001, payment_method="pm_card_createMultipleDisputes")
    disputes = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert sorted(dispute.amount for dispute in disputes) == [2500, 2501]
    assert {dispute.reason for dispute in disputes} == {"fraudulent", "product_not_received"}


def test_the_bank_opens_a_dispute_whenever_it_likes(client: stripe.StripeClient, sandbox: Running) -> None:
    intent = pay(client, 5000)
    wanted = {"charge": str(intent.latest_charge), "kind": "general", "amount": 1200, "due_by": 0}
    opened = sandbox.ask("/stripe/disputes", wanted)
    dispute = client.v1.disputes.retrieve(opened["id"])
    assert (dispute.amount, dispute.evidence_details.due_by, dispute.status) == (1200, 0, "needs_response")
    assert client.v1.charges.retrieve(str(intent.latest_charge)).disputed


def test_the_bank_moves_a_dispute_and_its_money_to_any_status(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    dispute = disputed(client)
    path = f"/stripe/disputes/{dispute.id}"
    sandbox.ask(path, {"status": "lost"})
    sandbox.ask(path, {"status": "appeal_needs_response"})
    sandbox.ask(path, {"status": "appeal_under_review"})
    sandbox.ask(path, {"status": "won", "funds": "reinstated"})
    decided = client.v1.disputes.retrieve(dispute.id)
    assert (decided.status, [entry.net for entry in decided.balance_transactions]) == ("won", [-6500, 5000])
    sandbox.flush()
    told = [event["data"]["object"]["status"] for event in sandbox.receiver.events("charge.dispute.updated")]
    assert sorted(told) == ["appeal_needs_response", "appeal_under_review"]
    assert len(sandbox.receiver.events("charge.dispute.closed")) == 2
    assert len(sandbox.receiver.events("charge.dispute.funds_reinstated")) == 1
    assert endpoint.status == "enabled"


def test_a_move_that_makes_no_sense_is_refused(client: stripe.StripeClient, sandbox: Running) -> None:
    dispute = disputed(client)
    path = f"/stripe/disputes/{dispute.id}"
    for body in ({}, {"status": "won", "funds": "lost"}):
        assert sandbox.control.post(path, json=body).status_code == 400
    assert sandbox.control.post("/stripe/disputes/du_none", json={"status": "won"}).status_code == 404
    assert sandbox.control.post("/stripe/disputes", json={"charge": str(dispute.charge), "due_by": "0"}).is_client_error
    assert client.v1.disputes.retrieve(dispute.id).status == "needs_response"
