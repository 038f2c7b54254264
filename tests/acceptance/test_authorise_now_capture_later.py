from decimal import Decimal

import pytest

from deploy.demo.cast import Cast
from deploy.demo.story import pay
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.gen.counterfoil.v1.payment_pb2 import Payment
from tests.support.doors import PATIENCE
from tests.support.operations import ask, calls_to, intent_of, sold, told, typed_door
from tests.support.refunds import payment
from tests.support.stage import drain, link_of, new_opportunity, opportunity, until_status


def test_authorise_then_capture_a_part(cast: Cast) -> None:
    sale = sold(cast, "120.00", held=True)
    assert opportunity(cast, sale.record)["Amount_Paid__c"] == 0
    ask(cast, "capture_payment", sale.record, Amount__c=75.5)
    until_status(cast, sale.record, "Paid")
    assert told(cast, sale.record) is None
    after, stripes = opportunity(cast, sale.record), intent_of(cast, sale.intent)
    assert after["Amount_Paid__c"] == Decimal("75.50")
    assert (stripes["status"], stripes["amount_received"], stripes["amount_capturable"]) == ("succeeded", 7550, 0)
    assert payment(cast, sale.intent)["Amount_Received__c"] == Decimal("75.50")
    assert after["Payment_Request_Id__c"].startswith("cmd_")


def test_the_answer_shows_what_stripe_did_though_no_news_of_it_has_come(cast: Cast) -> None:
    sale = sold(cast, "30.00", held=True)
    cast.control.post("/stripe/webhook-faults", fault="drop", times=-1)
    with typed_door(cast) as door:
        request = api.CapturePaymentRequest(entity=cast.stack.entity, payment_id=sale.intent)
        answer = door.CapturePayment(request, timeout=PATIENCE)
    assert (answer.payment.state, answer.payment.amount_received.amount_minor) == (Payment.STATE_PAID, 3000)


def test_all_of_it_without_an_amount_in_a_currency_without_a_minor_unit(cast: Cast) -> None:
    sale = sold(cast, "5000", "JPY", held=True)
    ask(cast, "capture_payment", sale.record)
    until_status(cast, sale.record, "Paid")
    drain(cast)
    assert intent_of(cast, sale.intent)["amount_received"] == 5000


def test_held_by_stripes_page_and_captured(cast: Cast) -> None:
    record = new_opportunity(cast, "64.00", "USD")
    cast.salesforce.request_payment(record, "hosted_checkout", Capture_Method__c="manual")
    pay(link_of(cast, record))
    until_status(cast, record, "Authorized")
    ask(cast, "capture_payment", record)
    until_status(cast, record, "Paid")
    assert told(cast, record) is None


def test_more_than_is_held_is_refused_with_both_figures(cast: Cast) -> None:
    sale = sold(cast, "50.00", held=True)
    ask(cast, "capture_payment", sale.record, Amount__c=50.01)
    cast.wait("the refusal", lambda: opportunity(cast, sale.record)["Payment_Error__c"])
    error = told(cast, sale.record) or ""
    assert "50.01 USD" in error
    assert "50.00 USD" in error
    assert not calls_to(cast, f"/v1/payment_intents/{sale.intent}/capture")
    ask(cast, "capture_payment", sale.record, Version__c="2", Amount__c=50)
    until_status(cast, sale.record, "Paid")
    assert told(cast, sale.record) is None, "the newer request went well"


def test_nothing_authorised_is_an_outcome_on_the_record(cast: Cast) -> None:
    record = new_opportunity(cast, "10.00", "USD")
    ask(cast, "capture_payment", record)
    cast.wait("the refusal", lambda: opportunity(cast, record)["Payment_Error__c"])
    assert told(cast, record) == "the record has no payment that this could be about"
    assert opportunity(cast, record)["Payment_Status__c"] is None, "no payment was asked for, so none has failed"


def test_captured_by_somebody_else_is_told_and_not_repeated(cast: Cast) -> None:
    sale = sold(cast, "20.00", held=True)
    cast.stripe.v1.payment_intents.capture(sale.intent)
    until_status(cast, sale.record, "Paid")
    ask(cast, "capture_payment", sale.record)
    cast.wait("the refusal", lambda: opportunity(cast, sale.record)["Payment_Error__c"])
    assert "captured already" in (told(cast, sale.record) or "")


def test_cancel_an_authorisation(cast: Cast) -> None:
    sale = sold(cast, "80.00", held=True)
    ask(cast, "cancel_payment", sale.record, Reason__c="requested_by_customer")
    until_status(cast, sale.record, "Cancelled")
    assert told(cast, sale.record) is None
    stripes = intent_of(cast, sale.intent)
    assert (stripes["status"], stripes["cancellation_reason"]) == ("canceled", "requested_by_customer")
    assert opportunity(cast, sale.record)["Amount_Paid__c"] == 0


@pytest.mark.parametrize(
    ("operation", "words"), [("cancel_payment", "refund it instead"), ("capture_payment", "no payment")]
)
def test_what_was_taken_is_neither_cancelled_nor_captured(cast: Cast, operation: str, words: str) -> None:
    sale = sold(cast, "30.00")
    ask(
        cast,
        operation,
        sale.record,
        **({} if operation == "capture_payment" else {"Payment_Intent_Id__c": sale.intent}),
    )
    cast.wait("the refusal", lambda: opportunity(cast, sale.record)["Payment_Error__c"])
    assert words in (told(cast, sale.record) or "")
    assert opportunity(cast, sale.record)["Payment_Status__c"] == "Paid"
