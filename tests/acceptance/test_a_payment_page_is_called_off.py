"""A rep calls off a payment that waits on Stripe's page: the page cannot be paid any more, and the record says so."""

import httpx
import pytest

from deploy.demo.cast import Cast
from deploy.demo.story import pay
from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2
from tests.support.operations import ask, told, typed_door
from tests.support.stage import drain, link_of, new_opportunity, opportunity, until_status


@pytest.mark.parametrize("declined", [False, True], ids=["nobody tried", "a card was declined"])
def test_an_open_page_expires(cast: Cast, *, declined: bool) -> None:
    record = new_opportunity(cast, "70.00", "USD")
    cast.salesforce.win(record)
    link = link_of(cast, record)
    if declined:
        httpx.post(link, data={"payment_method": "pm_card_chargeDeclined"}, trust_env=False)
        until_status(cast, record, "Failed")
    drain(cast)
    ask(cast, "cancel_payment", record)
    until_status(cast, record, "Cancelled")
    assert told(cast, record) is None
    assert opportunity(cast, record)["Payment_Link_Url__c"] is None
    assert httpx.get(link, trust_env=False).status_code == httpx.codes.GONE


def test_over_grpc_a_page_is_called_off_once(cast: Cast) -> None:
    record = new_opportunity(cast, "71.00", "USD")
    cast.salesforce.win(record)
    link_of(cast, record)
    drain(cast)
    asked = opportunity(cast, record)["Payment_Request_Id__c"]
    request = payments_service_pb2.CancelPaymentRequest(entity=cast.stack.entity, payment_id=asked)
    with typed_door(cast) as door:
        first, again = door.CancelPayment(request, timeout=20), door.CancelPayment(request, timeout=20)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.request_state == payment_pb2.REQUEST_STATE_SUCCEEDED
    until_status(cast, record, "Cancelled")


def test_a_page_that_was_paid_is_refunded_instead(cast: Cast) -> None:
    record = new_opportunity(cast, "72.00", "USD")
    cast.salesforce.win(record)
    pay(link_of(cast, record))
    until_status(cast, record, "Paid")
    drain(cast)
    page = next(
        one.id for one in cast.stripe.v1.checkout.sessions.list({"limit": 10}).data if one.client_reference_id == record
    )
    ask(cast, "cancel_payment", record, Payment_Intent_Id__c=page)
    until = cast.wait("the refusal", lambda: told(cast, record))
    assert until == "the page was paid already: refund the payment instead"
    assert opportunity(cast, record)["Payment_Status__c"] == "Paid"
