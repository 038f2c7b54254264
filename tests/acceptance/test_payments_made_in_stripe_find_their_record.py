"""Payments made directly in Stripe reach the records they belong to; what finds none is an exception until it does."""

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.stage import drain, new_account, new_opportunity, opportunity

_CARD: dict[str, Any] = {"currency": "usd", "confirm": True, "payment_method": "pm_card_visa", "return_url": "http://x"}


def _paid(cast: Cast, amount: int = 2_500, **params: Any) -> str:
    return cast.stripe.v1.payment_intents.create({**_CARD, "amount": amount, **params}).id  # type: ignore[typeddict-item]


def _payment(cast: Cast, intent: str, routing: str) -> Row:
    """Return a payment's record once its routing has a value and nothing is left to be asked for it."""

    def look() -> Row | None:
        found = cast.salesforce.query(f"SELECT FIELDS(ALL) FROM Payment__c WHERE Stripe_Id__c = '{intent}' LIMIT 1")  # noqa: S608  (a test's own id)
        return found[0] if found and found[0]["Routing__c"] == routing else None

    # Salesforce is asked after ever longer pauses: whoever is late for one waits for the next.
    cast.wait(f"{intent} as {routing}", look, seconds=110)
    drain(cast)
    return cast.wait(f"{intent} as {routing}", look)


def _customer(cast: Cast, **params: Any) -> str:
    return cast.stripe.v1.customers.create(params).id  # type: ignore[arg-type]


def _exceptions(cast: Cast) -> dict[str, Row]:
    command = [sys.executable, "-m", "service", "exceptions", "list", "--json"]
    environment = cast.stack.service_environment(
        config=cast.stack.folder / "counterfoil.yaml", ready=cast.stack.folder / "unused.json"
    )
    shown = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return {row["object"]: row for row in json.loads(shown.stdout)}


def test_a_customer_of_an_account(cast: Cast) -> None:
    account, customer = new_account(cast), _customer(cast)
    cast.salesforce.change("Account", account, Stripe_Customer_Id__c=customer)
    payment = _payment(cast, _paid(cast, customer=customer), "Matched")
    assert (payment["Account__c"], payment["Opportunity__c"], payment["Status__c"]) == (account, None, "Paid")


def test_a_customer_of_a_contact_has_its_account(cast: Cast) -> None:
    account, customer = new_account(cast), _customer(cast)
    contact = cast.salesforce.create("Contact", LastName="Ames", AccountId=account, Stripe_Customer_Id__c=customer)[
        "id"
    ]
    payment = _payment(cast, _paid(cast, customer=customer), "Matched")
    assert (payment["Contact__c"], payment["Account__c"]) == (contact, account)


def test_a_customer_whose_metadata_names_a_contact_is_written_on_it(cast: Cast) -> None:
    account = new_account(cast)
    contact = cast.salesforce.create("Contact", LastName="Ames", AccountId=account)["id"]
    customer = _customer(cast, metadata={"salesforce_record_id": contact})
    cast.wait(
        "the customer on its contact",
        lambda: cast.salesforce.get("Contact", contact)["Stripe_Customer_Id__c"] == customer,
    )
    payment = _payment(cast, _paid(cast, customer=customer), "Matched")
    assert payment["Contact__c"] == contact


def test_an_id_written_on_an_opportunity_brings_the_payment_there(cast: Cast) -> None:
    record = new_opportunity(cast, "25", "USD")
    intent = _paid(cast)
    _payment(cast, intent, "Unmatched")
    cast.salesforce.change("Opportunity", record, Stripe_Payment_Intent_Id__c=intent)
    payment = _payment(cast, intent, "Matched")
    assert payment["Opportunity__c"] == record
    assert payment["Account__c"] == opportunity(cast, record)["AccountId"]
    cast.wait("the payment on the opportunity", lambda: opportunity(cast, record)["Payment_Status__c"] == "Paid")
    assert opportunity(cast, record)["Amount_Paid__c"] == Decimal(25)


def test_an_id_written_on_an_order_brings_the_payment_there(cast: Cast) -> None:
    order = cast.salesforce.query("SELECT Id FROM Order WHERE StatusCode = 'Draft' LIMIT 1")[0]["Id"]
    intent = _paid(cast, 700)
    cast.salesforce.change("Order", order, Stripe_Payment_Intent_Id__c=intent)
    assert _payment(cast, intent, "Matched")["Order__c"] == order
    cast.wait("the payment on the order", lambda: cast.salesforce.get("Order", order)["Payment_Status__c"] == "Paid")


def test_what_matches_nothing_is_listed_until_the_record_appears(cast: Cast) -> None:
    customer = _customer(cast, email="nobody@example.com", name="Fenwick Optics")
    new_account(cast, "Fenwick Optics")
    intent = _paid(cast, customer=customer)
    assert _payment(cast, intent, "Unmatched")["Account__c"] is None
    listed = _exceptions(cast)[intent]
    assert listed["state"] == "Unmatched"
    assert f"Account.Stripe_Customer_Id__c={customer}" in listed["looked_for"]
    account = new_account(cast)
    cast.salesforce.change("Account", account, Stripe_Customer_Id__c=customer)
    assert _payment(cast, intent, "Matched")["Account__c"] == account
    assert intent not in _exceptions(cast)


def test_a_customer_given_to_an_account_in_stripe_takes_its_payments_along(cast: Cast) -> None:
    customer = _customer(cast)
    intent = _paid(cast, customer=customer)
    _payment(cast, intent, "Unmatched")
    account = new_account(cast)
    cast.stripe.v1.customers.update(customer, {"metadata": {"salesforce_record_id": account}})
    assert _payment(cast, intent, "Matched")["Account__c"] == account


def test_an_id_on_two_opportunities_is_ambiguous_until_one_gives_it_up(cast: Cast) -> None:
    intent = _paid(cast)
    one, other = new_opportunity(cast, "25", "USD"), new_opportunity(cast, "25", "USD")
    for record in (one, other):
        cast.salesforce.change("Opportunity", record, Stripe_Payment_Intent_Id__c=intent)
    payment = _payment(cast, intent, "Ambiguous")
    assert (payment["Opportunity__c"], payment["Account__c"]) == (None, None)
    assert _exceptions(cast)[intent]["state"] == "Ambiguous"
    cast.salesforce.change("Opportunity", other, Stripe_Payment_Intent_Id__c=None)
    assert _payment(cast, intent, "Matched")["Opportunity__c"] == one


def test_ids_that_differ_by_case_are_different(cast: Cast) -> None:
    intent = _paid(cast)
    record = new_opportunity(cast, "25", "USD")
    cast.salesforce.change("Opportunity", record, Stripe_Payment_Intent_Id__c=intent.swapcase())
    assert _payment(cast, intent, "Unmatched")["Opportunity__c"] is None
