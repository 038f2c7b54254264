from decimal import Decimal

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import payment_pb2
from tests.support.stage import drain, intents_of, new_account, new_opportunity, opportunity, saved_card, until_status


def test_a_decline_is_an_outcome_told_on_the_record(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "310.00", "USD", account=account)
    card = saved_card(cast, account, "pm_card_chargeCustomerFail")
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=card)
    until_status(cast, record, "Failed")
    drain(cast)
    after = opportunity(cast, record)
    assert after["Payment_Error__c"] == "Your card was declined."
    assert (after["Amount_Paid__c"], after["Paid_At__c"]) == (0, None)
    [payment] = cast.salesforce.payments_of(record)["Payment__c"]
    assert (payment["Status__c"], payment["Failure_Code__c"]) == ("Failed", "generic_decline")
    assert payment["Fee__c"] is None
    told = cast.payments.get(after["Payment_Request_Id__c"])
    assert told.request_state == payment_pb2.REQUEST_STATE_DECLINED
    assert (told.state, told.failure.code) == (payment_pb2.Payment.STATE_FAILED, "generic_decline")


def test_a_new_version_tries_again_and_the_record_shows_the_newer_outcome(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "45.00", "USD", account=account)
    bad = saved_card(cast, account, "pm_card_chargeCustomerFail")
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=bad)
    until_status(cast, record, "Failed")
    customer = cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"]
    good = cast.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=good, Version__c="2")
    until_status(cast, record, "Paid")
    drain(cast)
    after = opportunity(cast, record)
    assert (after["Amount_Paid__c"], after["Payment_Error__c"]) == (Decimal(45), None)
    assert len(intents_of(cast, record)) == 2
    statuses = sorted(row["Status__c"] for row in cast.salesforce.payments_of(record)["Payment__c"])
    assert statuses == ["Failed", "Paid"]
