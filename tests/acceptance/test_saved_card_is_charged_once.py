from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from deploy.demo.cast import Cast
from tests.support.stage import (
    drain,
    intents_of,
    new_account,
    new_opportunity,
    opportunity,
    saved_card,
    taken_in,
    until_status,
)


def test_the_saved_card_is_charged_once_however_often_it_is_asked(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "75.00", "USD", account=account)
    card = saved_card(cast, account, "pm_card_visa")

    def ask(_number: int) -> str:
        return cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=card)

    with ThreadPoolExecutor(4) as pool:
        events = list(pool.map(ask, range(4)))
    for event in events:
        taken_in(cast, event)
    until_status(cast, record, "Paid")
    drain(cast)
    after = opportunity(cast, record)
    assert after["Amount_Paid__c"] == Decimal(75)
    assert intents_of(cast, record) == [after["Stripe_Payment_Intent_Id__c"]]
    assert len(cast.payments.of_record(record)) == 1


def test_without_a_named_card_the_customers_default_is_charged(cast: Cast) -> None:
    account = new_account(cast)
    record = new_opportunity(cast, "20.00", "USD", account=account)
    saved_card(cast, account, "pm_card_visa")
    customer = cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"]
    default = cast.stripe.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id
    cast.stripe.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": default}})
    cast.salesforce.request_payment(record, "off_session")
    until_status(cast, record, "Paid")
    drain(cast)
    [charge] = cast.salesforce.payments_of(record)["Charge__c"]
    assert charge["Card_Brand__c"] == "mastercard"


def test_an_activated_order_is_charged_to_the_saved_card(cast: Cast) -> None:
    [order] = cast.salesforce.query("SELECT Id, AccountId, TotalAmount FROM Order WHERE Name = 'Lindenhof Order'")
    card = saved_card(cast, order["AccountId"], "pm_card_visa")
    cast.salesforce.request_payment(order["Id"], "off_session", Payment_Method_Id__c=card)
    until_status(cast, order["Id"], "Paid", "Order")
    drain(cast)
    after = cast.salesforce.get("Order", order["Id"])
    assert (after["Amount_Paid__c"], after["Payment_Currency__c"]) == (order["TotalAmount"], "EUR")
    [payment] = cast.salesforce.payments_of(order["Id"])["Payment__c"]
    assert (payment["Order__c"], payment["Opportunity__c"]) == (order["Id"], None)
    assert payment["Net__c"] == payment["Settlement_Amount__c"] - payment["Fee__c"] == after["Payment_Net__c"]


def test_a_customer_without_a_saved_card_is_told_on_the_record(cast: Cast) -> None:
    record = new_opportunity(cast, "20.00", "USD")
    cast.salesforce.request_payment(record, "off_session")
    after = until_status(cast, record, "Failed")
    assert "no saved payment method" in after["Payment_Error__c"]
    assert intents_of(cast, record) == []
