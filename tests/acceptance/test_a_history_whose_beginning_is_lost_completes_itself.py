from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from tests.support.refunds import bank_moves, dispute_of, only, paid, rows, status
from tests.support.stage import drain, opportunity


def test_the_last_event_of_a_dispute_brings_the_whole_payment(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="drop", times=-1)
    record, intent = paid(cast, 6_000, "pm_card_createDispute")
    assert cast.salesforce.query(f"SELECT Id FROM Payment__c WHERE Stripe_Id__c = '{intent}'") == []  # noqa: S608  (an id of the sandbox)
    cast.control.clear("/stripe/webhook-faults")
    bank_moves(cast, dispute_of(cast, intent).id, "lost")
    assert status(cast, record, intent) == ("Lost", "Lost")
    [dispute] = rows(cast, "Dispute__c", intent)
    [charge] = rows(cast, "Charge__c", intent)
    assert (dispute["Charge__c"], dispute["Net_Impact__c"]) == (charge["Id"], -75)
    assert (charge["Amount__c"], opportunity(cast, record)["Amount_Paid__c"]) == (60, 0)
    assert {row["Type__c"] for row in rows(cast, "Balance_Transaction__c", intent)} == {"charge", "adjustment"}


def test_a_refund_brings_the_refunds_before_it(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="drop", times=-1)
    record, intent = paid(cast, 6_000)
    cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 1_000})
    drain(cast)
    cast.control.clear("/stripe/webhook-faults")
    cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 500})
    assert status(cast, record, intent) == ("Partially_Refunded", "Partially_Refunded")
    assert [row["Amount__c"] for row in rows(cast, "Refund__c", intent)] in ([10, 5], [5, 10])
    assert opportunity(cast, record)["Amount_Paid__c"] == Decimal(45)


@pytest.mark.parametrize("fault", ["reorder", "duplicate", "duplicate_new_id", "old_api_version"])
def test_spoilt_deliveries_end_in_the_same_records(cast: Cast, fault: str) -> None:
    cast.control.post("/stripe/webhook-faults", fault=fault, times=-1)
    record, intent = paid(cast, 8_000, "pm_card_createDispute")
    bank_moves(cast, dispute_of(cast, intent).id, "won", funds="reinstated")
    drain(cast)
    refund = cast.stripe.v1.refunds.create({"payment_intent": refundable(cast), "amount": 300})
    assert status(cast, record, intent) == ("Paid", "Paid")
    [dispute] = rows(cast, "Dispute__c", intent)
    assert (dispute["Stage__c"], dispute["Net_Impact__c"]) == ("Won", -15)
    assert only(cast, "Refund__c", f"Stripe_Id__c = '{refund.id}'")["Status__c"] == "Refunded"


def refundable(cast: Cast) -> str:
    return paid(cast, 1_000)[1]
