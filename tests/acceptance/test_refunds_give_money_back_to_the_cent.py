from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from tests.support.refunds import paid, payment, rows, status
from tests.support.stage import drain, opportunity


def test_parts_then_all_of_it(cast: Cast) -> None:
    record, intent = paid(cast, 10_000)
    first = cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 2_550, "reason": "duplicate"})
    assert status(cast, record, intent) == ("Partially_Refunded", "Partially_Refunded")
    assert opportunity(cast, record)["Amount_Paid__c"] == Decimal("74.50")
    assert payment(cast, intent)["Amount_Refunded__c"] == Decimal("25.50")

    cast.stripe.v1.refunds.create({"payment_intent": intent})
    assert status(cast, record, intent) == ("Refunded", "Refunded")
    assert opportunity(cast, record)["Amount_Paid__c"] == 0
    part, rest = rows(cast, "Refund__c", intent)
    assert (part["Stripe_Id__c"], part["Amount__c"], part["Reason__c"]) == (first.id, Decimal("25.50"), "duplicate")
    assert (rest["Amount__c"], rest["Status__c"], rest["Currency_Code__c"]) == (Decimal("74.50"), "Refunded", "USD")
    [charge] = rows(cast, "Charge__c", intent)
    assert {part["Charge__c"], rest["Charge__c"]} == {charge["Id"]}
    assert (charge["Status__c"], charge["Amount_Refunded__c"]) == ("Refunded", Decimal(100))


def test_every_movement_of_the_balance_is_linked_and_the_sums_agree(cast: Cast) -> None:
    record, intent = paid(cast, 10_000)
    cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 4_000})
    drain(cast)
    [refund] = rows(cast, "Refund__c", intent)
    movements = {row["Type__c"]: row for row in rows(cast, "Balance_Transaction__c", intent)}
    assert movements.keys() == {"charge", "refund"}
    assert (movements["charge"]["Refund__c"], movements["refund"]["Refund__c"]) == (None, refund["Id"])
    assert movements["refund"]["Charge__c"] == movements["charge"]["Charge__c"] is not None
    shown = payment(cast, intent)
    assert shown["Net__c"] == sum(row["Net__c"] for row in movements.values()) == Decimal("56.80")
    assert shown["Settlement_Amount__c"] - shown["Fee__c"] == shown["Net__c"]
    assert opportunity(cast, record)["Payment_Net__c"] == shown["Net__c"]


def test_a_refund_that_fails_after_it_succeeded_puts_the_money_back(cast: Cast) -> None:
    record, intent = paid(cast, 5_000)
    refund = cast.stripe.v1.refunds.create({"payment_intent": intent})
    assert status(cast, record, intent) == ("Refunded", "Refunded")

    cast.control.post(f"/stripe/refunds/{refund.id}", status="failed", failure_reason="expired_or_canceled_card")
    assert status(cast, record, intent) == ("Paid", "Paid")
    assert opportunity(cast, record)["Amount_Paid__c"] == 50
    [shown] = rows(cast, "Refund__c", intent)
    assert (shown["Status__c"], shown["Failure_Reason__c"]) == ("Failed", "expired_or_canceled_card")
    [charge] = rows(cast, "Charge__c", intent)
    assert (charge["Status__c"], charge["Amount_Refunded__c"]) == ("Paid", 0)
    of_refund = [row for row in rows(cast, "Balance_Transaction__c", intent) if row["Refund__c"] == shown["Id"]]
    assert {row["Type__c"]: row["Amount__c"] for row in of_refund} == {"refund": -50, "refund_failure": 50}


def test_a_refund_on_its_way_waits_for_the_payer_and_is_cancelled(cast: Cast) -> None:
    before = cast.control.get("/stripe/settings")["refund_settlement_delay_ms"]
    record, intent = paid(cast, 5_000, "pm_card_pendingRefund")
    cast.control.post("/stripe/settings", refund_settlement_delay_ms=0)
    try:
        refund = cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 1_000})
    finally:
        cast.control.post("/stripe/settings", refund_settlement_delay_ms=before)

    def refund_as(word: str) -> None:
        def look() -> bool:
            found = rows(cast, "Refund__c", intent)
            return bool(found) and found[0]["Status__c"] == word

        cast.wait(f"the refund as {word}", look)

    refund_as("Processing")
    assert opportunity(cast, record)["Amount_Paid__c"] == 40
    cast.control.post(f"/stripe/refunds/{refund.id}", status="requires_action")
    refund_as("Requires_Action")
    cast.stripe.v1.refunds.cancel(refund.id)
    refund_as("Cancelled")
    cast.wait("the money back", lambda: opportunity(cast, record)["Amount_Paid__c"] == 50)
    assert payment(cast, intent)["Status__c"] == "Paid"


@pytest.mark.parametrize(("currency", "minor", "part", "shown"), [("jpy", 5_000, 1, "1"), ("kwd", 12_340, 10, "0.010")])
def test_other_minor_units(cast: Cast, currency: str, minor: int, part: int, shown: str) -> None:
    _, intent = paid(cast, minor, currency=currency)
    cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": part})
    drain(cast)
    [refund] = rows(cast, "Refund__c", intent)
    assert (refund["Amount__c"], refund["Currency_Code__c"]) == (Decimal(shown), currency.upper())
