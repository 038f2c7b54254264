from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from tests.support.refunds import bank_moves, dispute_of, paid, payment, rows, status
from tests.support.stage import drain, opportunity


def test_a_dispute_known_before_the_success_takes_the_money_and_a_win_brings_it_back(cast: Cast) -> None:
    record, intent = paid(cast, 10_000, "pm_card_createDispute")
    assert status(cast, record, intent) == ("Disputed", "Disputed")
    [dispute] = rows(cast, "Dispute__c", intent)
    assert (dispute["Stage__c"], dispute["Amount__c"], dispute["Reason__c"]) == ("Needs_Response", 100, "fraudulent")
    assert (dispute["Funds_Withdrawn__c"], dispute["Funds_Reinstated__c"]) == (True, False)
    assert (dispute["Fee__c"], dispute["Net_Impact__c"]) == (15, -115)
    assert dispute["Due_By__c"] is not None

    cast.stripe.v1.disputes.update(
        dispute_of(cast, intent).id, {"evidence": {"uncategorized_text": "winning_evidence"}}
    )
    assert status(cast, record, intent) == ("Paid", "Paid")
    [won] = rows(cast, "Dispute__c", intent)
    assert (won["Stage__c"], won["Funds_Reinstated__c"], won["Net_Impact__c"]) == ("Won", True, -15)
    [charge] = rows(cast, "Charge__c", intent)
    assert charge["Disputed__c"] is False
    moved = [row for row in rows(cast, "Balance_Transaction__c", intent) if row["Dispute__c"] == won["Id"]]
    assert sorted(row["Net__c"] for row in moved) == [-115, 100]
    assert {row["Charge__c"] for row in moved} == {charge["Id"]}
    shown = payment(cast, intent)
    every = rows(cast, "Balance_Transaction__c", intent)
    assert shown["Net__c"] == sum(row["Net__c"] for row in every) == opportunity(cast, record)["Payment_Net__c"]
    assert shown["Fee__c"] == Decimal("3.20") + 15


def test_lost_then_appealed_then_won(cast: Cast) -> None:
    record, intent = paid(cast, 10_000, "pm_card_createDisputeProductNotReceived")
    dispute = dispute_of(cast, intent).id
    cast.stripe.v1.disputes.close(dispute)
    assert status(cast, record, intent) == ("Lost", "Lost")
    assert opportunity(cast, record)["Amount_Paid__c"] == 0
    for word, stage in (
        ("appeal_needs_response", "Appeal_Needs_Response"),
        ("appeal_under_review", "Appeal_Under_Review"),
    ):
        bank_moves(cast, dispute, word)
        assert status(cast, record, intent) == ("Disputed", "Disputed")
        assert rows(cast, "Dispute__c", intent)[0]["Stage__c"] == stage
    bank_moves(cast, dispute, "won", funds="reinstated")
    assert status(cast, record, intent) == ("Paid", "Paid")
    assert opportunity(cast, record)["Amount_Paid__c"] == 100


def test_an_inquiry_moves_no_money_and_may_escalate(cast: Cast) -> None:
    record, intent = paid(cast, 4_000, "pm_card_createDisputeInquiry")
    assert status(cast, record, intent) == ("Disputed", "Disputed")
    [inquiry] = rows(cast, "Dispute__c", intent)
    assert (inquiry["Stage__c"], inquiry["Funds_Withdrawn__c"]) == ("Inquiry_Needs_Response", False)
    assert (inquiry["Fee__c"], inquiry["Net_Impact__c"], inquiry["Settlement_Currency__c"]) == (None, None, None)
    cast.stripe.v1.disputes.update(
        dispute_of(cast, intent).id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}}
    )
    drain(cast)
    [escalated] = rows(cast, "Dispute__c", intent)
    assert (escalated["Stripe_Id__c"], escalated["Stage__c"]) == (inquiry["Stripe_Id__c"], "Needs_Response")
    assert (escalated["Funds_Withdrawn__c"], escalated["Net_Impact__c"]) == (True, -55)


@pytest.mark.parametrize(
    ("word", "stage", "payment_status"),
    [
        ("warning_under_review", "Inquiry_Under_Review", "Disputed"),
        ("warning_closed", "Inquiry_Closed", "Paid"),
        ("prevented", "Prevented", "Paid"),
        ("under_review", "Under_Review", "Disputed"),
        ("a_status_of_next_year", "Unknown", "Disputed"),
    ],
)
def test_every_other_stage(cast: Cast, word: str, stage: str, payment_status: str) -> None:
    record, intent = paid(cast, 4_000, "pm_card_createDisputeInquiry")
    bank_moves(cast, dispute_of(cast, intent).id, word)
    assert status(cast, record, intent) == (payment_status, payment_status)
    [dispute] = rows(cast, "Dispute__c", intent)
    assert (dispute["Stage__c"], dispute["Stripe_Status__c"]) == (stage, word)


def test_a_dispute_prevented_by_giving_the_money_back_is_lost(cast: Cast) -> None:
    record, intent = paid(cast, 4_000, "pm_card_createDisputeInquiry")
    bank_moves(cast, dispute_of(cast, intent).id, "prevented", funds="withdrawn")
    assert status(cast, record, intent) == ("Lost", "Lost")
    assert opportunity(cast, record)["Amount_Paid__c"] == 0


def test_several_disputes_of_one_charge_and_a_refund_of_the_rest(cast: Cast) -> None:
    record, intent = paid(cast, 10_000)
    charge = str(cast.stripe.v1.payment_intents.retrieve(intent).latest_charge)
    cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 1_000})
    first, second = (
        cast.control.post("/stripe/disputes", charge=charge, kind="fraudulent", amount=amount, due_by=0)["id"]
        for amount in (2_000, 3_000)
    )
    assert status(cast, record, intent) == ("Disputed", "Disputed")
    assert [row["Due_By__c"] for row in rows(cast, "Dispute__c", intent)] == [None, None]
    bank_moves(cast, first, "lost")
    assert status(cast, record, intent) == ("Disputed", "Disputed")
    bank_moves(cast, second, "won", funds="reinstated")
    assert status(cast, record, intent) == ("Lost", "Lost")
    assert opportunity(cast, record)["Amount_Paid__c"] == 100 - 10 - 20
