"""Customers made and deleted in Stripe: an Account carries the id of the one that lives, and its payments stay."""

from deploy.demo.cast import Cast
from tests.support.stage import drain, new_account


def _customer(cast: Cast, account: str) -> str:
    customer = cast.stripe.v1.customers.create({"metadata": {"salesforce_record_id": account}}).id
    drain(cast)
    return customer


def _delete(cast: Cast, customer: str) -> None:
    assert cast.stripe.v1.customers.delete(customer).deleted
    drain(cast)


def _shown(cast: Cast, account: str) -> object:
    return cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"]


def test_a_deleted_customer_leaves_its_account_and_its_payments_stay(cast: Cast) -> None:
    account = new_account(cast)
    customer = _customer(cast, account)
    assert _shown(cast, account) == customer
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": 2_500,
            "currency": "usd",
            "customer": customer,
            "confirm": True,
            "payment_method": "pm_card_visa",
            "off_session": True,
        }
    )
    drain(cast)
    query = f"SELECT Account__c, Stripe_Customer_Id__c, Status__c FROM Payment__c WHERE Stripe_Id__c = '{intent.id}'"  # noqa: S608  (a test's own id)
    before = cast.salesforce.query(query)
    assert before == [{"Account__c": account, "Stripe_Customer_Id__c": customer, "Status__c": "Paid"}]
    _delete(cast, customer)
    assert _shown(cast, account) is None
    assert cast.salesforce.query(query) == before


def test_of_two_customers_the_living_one_stays(cast: Cast) -> None:
    for last in (0, 1):
        account = new_account(cast)
        customers = [_customer(cast, account) for _ in range(2)]
        _delete(cast, customers[1 - last])
        assert _shown(cast, account) == customers[last]


def test_a_deletion_told_again_after_a_new_customer_was_made_changes_nothing(cast: Cast) -> None:
    account = new_account(cast)
    old = _customer(cast, account)
    _delete(cast, old)
    new = _customer(cast, account)
    assert _shown(cast, account) == new
    told = [event for event in cast.stripe_events() if event["data"]["object"]["id"] == old]
    assert {event["type"] for event in told} >= {"customer.created", "customer.deleted"}
    cast.resend([{**event, "id": f"{event['id']}again"} for event in reversed(told)], copies=2)
    drain(cast)
    assert _shown(cast, account) == new
