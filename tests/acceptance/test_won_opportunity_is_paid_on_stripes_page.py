from decimal import Decimal

import httpx

from deploy.demo.cast import Cast
from deploy.demo.story import pay
from service.gen.counterfoil.v1 import payment_pb2
from tests.support.stage import drain, link_of, new_account, new_opportunity, opportunity, until_status, won_and_paid


def test_a_won_opportunity_is_paid_and_its_money_is_on_the_record(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "1250.00", "USD", account=account)
    assert opportunity(cast, record)["Payment_Status__c"] is None

    after = won_and_paid(cast, record)

    assert after["Payment_Status__c"] == "Paid"
    assert after["Amount_Paid__c"] == Decimal(1250)
    assert after["Payment_Currency__c"] == after["Payment_Settlement_Currency__c"] == "USD"
    assert after["Payment_Fee__c"] == Decimal("36.55")  # 2.9 % and 0.30
    assert after["Payment_Net__c"] == Decimal("1213.45")
    assert after["Paid_At__c"]
    assert after["Payment_Error__c"] is None
    assert after["Payment_Link_Url__c"] is None, "a paid page is no longer offered"
    intent = cast.stripe.v1.payment_intents.retrieve(after["Stripe_Payment_Intent_Id__c"])
    assert (intent.amount, intent.currency, intent.status) == (125000, "usd", "succeeded")
    assert cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"] == intent.customer


def test_payment_charge_and_balance_transaction_are_kept_and_joined(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "840.50", "GBP", account=account)
    won_and_paid(cast, record)
    kept = cast.salesforce.payments_of(record)
    assert {name: len(rows) for name, rows in kept.items()} == {
        "Payment__c": 1,
        "Charge__c": 1,
        "Balance_Transaction__c": 1,
    }
    payment, charge, entry = (rows[0] for rows in kept.values())
    assert (payment["Opportunity__c"], payment["Account__c"]) == (record, account)
    assert charge["Payment__c"] == entry["Payment__c"] == payment["Id"]
    assert entry["Charge__c"] == charge["Id"]
    assert (payment["Amount__c"], payment["Currency_Code__c"]) == (Decimal("840.5"), "GBP")
    assert (charge["Card_Brand__c"], charge["Card_Last4__c"]) == ("visa", "4242")
    # Settled in another currency: the sums are Stripe's, in Stripe's currency.
    for row, gross in ((payment, payment["Settlement_Amount__c"]), (entry, entry["Amount__c"])):
        assert row["Net__c"] == gross - row["Fee__c"]
        assert row["Exchange_Rate__c"] == Decimal("1.2634")
    assert payment["Settlement_Currency__c"] == entry["Currency_Code__c"] == "USD"


def test_the_typed_api_tells_the_same(cast: Cast) -> None:
    record = new_opportunity(cast, "99.99", "USD")
    after = won_and_paid(cast, record)
    payment = cast.payments.get(after["Payment_Request_Id__c"])
    assert payment.state == payment_pb2.Payment.STATE_PAID
    assert payment.payment_intent_id == after["Stripe_Payment_Intent_Id__c"]
    assert payment.amount_received.amount_minor == 9999
    assert Decimal(payment.settlement.net.amount_minor).scaleb(-2) == after["Payment_Net__c"]
    assert [one.payment_id for one in cast.payments.of_record(record)] == [payment.payment_id]


def test_a_customer_whose_bank_declines_pays_with_another_card_on_the_same_page(cast: Cast) -> None:
    record = new_opportunity(cast, "60.00", "USD")
    cast.salesforce.win(record)
    link = link_of(cast, record)
    pay_declined(link)
    until_status(cast, record, "Failed")
    pay(link)
    until_status(cast, record, "Paid")
    drain(cast)
    after = opportunity(cast, record)
    assert (after["Amount_Paid__c"], after["Payment_Error__c"]) == (Decimal(60), None)
    kept = cast.salesforce.payments_of(record)
    assert [row["Status__c"] for row in kept["Payment__c"]] == ["Paid"]
    assert sorted(row["Status__c"] for row in kept["Charge__c"]) == ["Failed", "Paid"]


def pay_declined(link: str) -> None:
    answer = httpx.post(link, data={"payment_method": "pm_card_chargeDeclined"}, trust_env=False)
    assert answer.status_code == httpx.codes.PAYMENT_REQUIRED
