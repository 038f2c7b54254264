"""A rep sends a payment link: it outlives the pages it opens, one payment is made by it, and it can be called off."""

import re

import httpx
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from deploy.demo.story import pay
from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2
from tests.support.operations import ask, told, typed_door
from tests.support.stage import drain, intents_of, link_of, new_account, new_opportunity, opportunity, until_status

GONE, SEE_OTHER = httpx.codes.GONE, httpx.codes.SEE_OTHER


def visit(link: str) -> str:
    """Open a link; return the address of the page it leads to."""
    answer = httpx.get(link, trust_env=False)
    assert answer.status_code == SEE_OTHER
    return answer.headers["location"].partition("#")[0]


def session_of(page: str) -> str:
    found = re.search(r"/(cs_\w+)", page)
    assert found
    return found[1]


def link_made_for(cast: Cast, record: str) -> Row:
    [made] = [
        one
        for one in cast.stripe.v1.payment_links.list({"limit": 100}).data
        if one.metadata.to_dict().get("salesforce_record_id") == record
    ]
    return made.to_dict(for_json=True)


def test_a_link_outlives_its_pages_and_is_paid_by_once(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "129.90", "EUR", account=account)
    cast.salesforce.request_payment(record, "payment_link")
    link = link_of(cast, record)
    cast.stripe.v1.checkout.sessions.expire(session_of(visit(link)))
    drain(cast)
    assert (opportunity(cast, record)["Payment_Status__c"], link_of(cast, record)) == ("Requested", link)

    page = visit(link)
    assert httpx.post(page, data={"payment_method": "pm_card_chargeDeclined"}, trust_env=False).status_code == 402
    until_status(cast, record, "Failed")
    assert link_of(cast, record) == link, "another try may be made"

    pay(visit(link))
    until_status(cast, record, "Paid")
    drain(cast)
    after = opportunity(cast, record)
    assert (str(after["Amount_Paid__c"]), after["Payment_Link_Url__c"], after["Payment_Error__c"]) == (
        "129.9",
        None,
        None,
    )
    assert httpx.get(link, trust_env=False).status_code == httpx.get(page, trust_env=False).status_code == GONE
    payments = cast.salesforce.payments_of(record)["Payment__c"]
    assert {one["Status__c"] for one in payments} == {"Paid", "Cancelled"}
    assert {one["Account__c"] for one in payments} == {account}
    assert len(intents_of(cast, record)) == len(payments) == 2
    assert cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"] is None, "who pays is a guest"
    query = f"SELECT Method__c, Status__c, Result_Id__c FROM Payment_Request__c WHERE Record_Id__c = '{record}'"  # noqa: S608  (a test's own id)
    [asked] = cast.salesforce.query(query)
    assert (asked["Method__c"], asked["Status__c"]) == ("payment_link", "Succeeded")
    assert asked["Result_Id__c"] == link_made_for(cast, record)["id"]


def test_called_off_by_the_record_neither_link_nor_page_works(cast: Cast) -> None:
    record = new_opportunity(cast, "70.00", "USD")
    cast.salesforce.request_payment(record, "payment_link")
    link = link_of(cast, record)
    page = visit(link)
    httpx.post(page, data={"payment_method": "pm_card_chargeDeclined"}, trust_env=False)
    until_status(cast, record, "Failed")
    drain(cast)
    ask(cast, "cancel_payment", record)
    until_status(cast, record, "Cancelled")
    assert told(cast, record) is None
    assert opportunity(cast, record)["Payment_Link_Url__c"] is None
    assert httpx.get(link, trust_env=False).status_code == httpx.get(page, trust_env=False).status_code == GONE


@pytest.mark.parametrize("visited", [False, True], ids=["nobody came", "a card was declined"])
def test_over_grpc_it_is_asked_for_and_called_off_once(cast: Cast, *, visited: bool) -> None:
    record = new_opportunity(cast, "71.00", "USD")
    request = payments_service_pb2.CreatePaymentRequest(
        entity=cast.stack.entity, record_id=record, payment_link=payments_service_pb2.PaymentLink()
    )
    with typed_door(cast) as door:
        made, again = door.CreatePayment(request, timeout=20), door.CreatePayment(request, timeout=20)
        assert (made.replayed, again.replayed) == (False, True)
        assert made.payment.method == payment_pb2.METHOD_PAYMENT_LINK
        assert made.payment.checkout_url == link_of(cast, record) == link_made_for(cast, record)["url"]
        if visited:
            httpx.post(
                visit(made.payment.checkout_url), data={"payment_method": "pm_card_chargeDeclined"}, trust_env=False
            )
            until_status(cast, record, "Failed")
        drain(cast)
        end = payments_service_pb2.CancelPaymentRequest(entity=cast.stack.entity, payment_id=made.payment.payment_id)
        first, second = door.CancelPayment(end, timeout=20), door.CancelPayment(end, timeout=20)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.request_state == payment_pb2.REQUEST_STATE_SUCCEEDED
    until_status(cast, record, "Cancelled")
    assert httpx.get(made.payment.checkout_url, trust_env=False).status_code == GONE


def test_money_is_held_by_a_link_and_captured(cast: Cast) -> None:
    record = new_opportunity(cast, "5000", "JPY")
    cast.salesforce.request_payment(record, "payment_link", Capture_Method__c="manual")
    pay(visit(link_of(cast, record)))
    until_status(cast, record, "Authorized")
    drain(cast)
    assert opportunity(cast, record)["Payment_Link_Url__c"] is None
    ask(cast, "capture_payment", record)
    until_status(cast, record, "Paid")
    assert told(cast, record) is None


def test_paid_by_a_link_it_is_refunded_instead_of_cancelled(cast: Cast) -> None:
    record = new_opportunity(cast, "72.00", "USD")
    cast.salesforce.request_payment(record, "payment_link")
    pay(visit(link_of(cast, record)))
    until_status(cast, record, "Paid")
    drain(cast)
    ask(cast, "cancel_payment", record, Payment_Intent_Id__c=link_made_for(cast, record)["id"])
    refusal = cast.wait("the refusal", lambda: told(cast, record))
    assert refusal == "the link was paid already: refund the payment instead"
    ask(cast, "refund_payment", record)
    until_status(cast, record, "Refunded")
