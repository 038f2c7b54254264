"""Connect accounts and orgs: the account of an event decides whose it is, thin or whole, and nobody's is set aside."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.demo.outside import Row, Salesforce
from tests.support.connect import OWN_FIELD, Group, group
from tests.support.stage import drain, new_account

_CARD: dict[str, Any] = {"currency": "usd", "confirm": True, "payment_method": "pm_card_visa", "return_url": "http://x"}


@pytest.fixture(scope="module")
def shared(postgres_url: str) -> Iterator[Group]:
    with group(postgres_url) as found:
        yield found


def _paid(shared: Group, account: str | None, **params: Any) -> str:
    options: Any = {"stripe_account": account} if account else {}
    wish: Any = {**_CARD, "amount": 2_500, **params}
    return shared.cast.stripe.v1.payment_intents.create(wish, options).id


def _records(salesforce: Salesforce, intent: str) -> list[Row]:
    return salesforce.query(f"SELECT FIELDS(ALL) FROM Payment__c WHERE Stripe_Id__c = '{intent}' LIMIT 9")  # noqa: S608  (a test's own id)


def _payment(shared: Group, salesforce: Salesforce, intent: str) -> Row:
    def look() -> Row | None:
        found = _records(salesforce, intent)
        return found[0] if found and found[0]["Routing__c"] and found[0]["Net__c"] else None

    return shared.cast.wait(f"the record of {intent}", look)


def test_a_connected_account_is_an_entity_of_its_own_in_its_own_org(shared: Group) -> None:
    intent = _paid(shared, shared.accounts["uk"])
    payment = _payment(shared, shared.second, intent)
    assert (payment["Entity__c"], payment["Status__c"]) == ("uk", "Paid")
    assert _records(shared.cast.salesforce, intent) == []


def test_the_platforms_own_payments_stay_with_the_platform(shared: Group) -> None:
    intent = _paid(shared, None)
    assert _payment(shared, shared.cast.salesforce, intent)["Entity__c"] == "acme"
    assert _records(shared.second, intent) == []


def test_two_accounts_in_one_org_never_share_a_customer_id(shared: Group) -> None:
    cast, account = shared.cast, new_account(shared.cast)
    options: Any = {"stripe_account": shared.accounts["de"]}
    named: Any = {"metadata": {"salesforce_record_id": account}}
    ours, theirs = cast.stripe.v1.customers.create(named).id, cast.stripe.v1.customers.create(named, options).id

    def both() -> bool:
        row = cast.salesforce.get("Account", account)
        return (row["Stripe_Customer_Id__c"], row[OWN_FIELD]) == (ours, theirs)

    cast.wait("both customers on the account", both)
    intent = _paid(shared, shared.accounts["de"], customer=theirs)
    payment = _payment(shared, cast.salesforce, intent)
    assert (payment["Entity__c"], payment["Account__c"]) == ("de", account)


def test_both_channels_at_once_have_one_effect(shared: Group) -> None:
    intent = _paid(shared, shared.accounts["uk"])
    _payment(shared, shared.second, intent)
    drain(shared.cast)
    told = {row["type"] for row in shared.cast.control.deliveries() if row["type"].endswith("payment_intent.succeeded")}
    assert told == {"payment_intent.succeeded", "v1.payment_intent.succeeded"}
    [payment] = _records(shared.second, intent)
    charges = shared.second.query(f"SELECT Id FROM Charge__c WHERE Payment__c = '{payment['Id']}'")  # noqa: S608  (as above)
    moved = shared.second.query(f"SELECT Id FROM Balance_Transaction__c WHERE Payment__c = '{payment['Id']}'")  # noqa: S608  (as above)
    assert (len(charges), len(moved)) == (1, 1)


def test_a_thin_event_alone_brings_the_object_from_the_right_account(shared: Group) -> None:
    cast = shared.cast
    kinds = ["payment_intent.*", "charge.*"]
    cast.control.post("/stripe/webhook-faults", fault="drop", types=kinds, times=-1)
    try:
        intent = _paid(shared, shared.accounts["uk"])
        payment = _payment(shared, shared.second, intent)
    finally:
        cast.control.clear("/stripe/webhook-faults")
    assert (payment["Entity__c"], payment["Status__c"]) == ("uk", "Paid")


def test_an_account_that_nobody_named_is_set_aside_with_an_explanation(shared: Group) -> None:
    cast = shared.cast
    intent = _paid(shared, shared.accounts["nobody"])
    drain(cast)
    assert _records(cast.salesforce, intent) == _records(shared.second, intent) == []
    command = [sys.executable, "-m", "service", "exceptions", "list", "--json"]
    config = cast.stack.folder / "counterfoil.yaml"
    environment = cast.stack.service_environment(config=config, ready=cast.stack.folder / "unused.json")
    shown = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    found = [row for row in json.loads(shown.stdout) if row["state"] == "ACCOUNT_MISMATCH"]
    assert {"payment_intent.succeeded", "v1.payment_intent.succeeded"} <= {
        kind for row in found for kind in row["looked_for"]
    }
    assert all("add an entity with this account" in row["remedy"] for row in found)


def test_a_payment_is_asked_for_in_the_entitys_account(shared: Group) -> None:
    cast = shared.cast
    account = str(shared.second.create("Account", Name="Brightwater")["id"])
    made = shared.second.create(
        "Opportunity",
        AccountId=account,
        Amount=25.0,
        CurrencyIsoCode="USD",
        Name="25",
        StageName="Prospecting",
        CloseDate="2026-12-31",
    )
    shared.second.request_payment(str(made["id"]), "unconfirmed", Entity__c="uk")
    options: Any = {"stripe_account": shared.accounts["uk"]}

    def asked() -> bool:
        listed = cast.stripe.v1.payment_intents.list({"limit": 10}, options).data
        return any(intent.to_dict()["metadata"].get("salesforce_record_id") == made["id"] for intent in listed)

    cast.wait("the payment intent in the connected account", asked)
