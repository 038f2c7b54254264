"""A rep has the Stripe customer of an Account or Contact made or brought up to date, and sees how that went."""

from typing import Any

import grpc

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from service.gen.counterfoil.v1 import customers_service_pb2 as api
from service.gen.counterfoil.v1 import customers_service_pb2_grpc
from tests.support.operations import ask
from tests.support.stage import drain, taken_in

ADDRESS = {
    "BillingStreet": "1 Quay\nFloor 2",
    "BillingCity": "Leeds",
    "BillingPostalCode": "LS1",
    "BillingCountry": "GB",
}


def _account(cast: Cast, **fields: Any) -> str:
    return str(cast.salesforce.create("Account", Name="Fenwick Optics", Phone="+44 113 1", **(ADDRESS | fields))["id"])


def _synced(cast: Cast, record: str, sobject: str = "Account", **fields: Any) -> Row:
    taken_in(cast, ask(cast, "sync_customer", record, **fields))
    drain(cast)
    return cast.salesforce.get(sobject, record)


def _customer(cast: Cast, row: Row) -> Row:
    return cast.stripe.v1.customers.retrieve(row["Stripe_Customer_Id__c"]).to_dict(for_json=True)


def _customers_of(cast: Cast, record: str) -> list[str]:
    listed = cast.stripe.v1.customers.list({"limit": 100}).auto_paging_iter()
    bodies = [one.to_dict(for_json=True) for one in listed]
    return [str(one["id"]) for one in bodies if one["metadata"].get("salesforce_record_id") == record]


def test_an_account_becomes_a_customer_and_follows_its_changes(cast: Cast) -> None:
    account = _account(cast)
    row = _synced(cast, account)
    customer = _customer(cast, row)
    assert (customer["name"], customer["phone"], row["Stripe_Customer_Error__c"]) == (
        "Fenwick Optics",
        "+44 113 1",
        None,
    )
    assert customer["address"] == {
        "line1": "1 Quay",
        "line2": "Floor 2",
        "city": "Leeds",
        "state": None,
        "postal_code": "LS1",
        "country": "GB",
    }
    cast.salesforce.change("Account", account, BillingStreet="2 Mill Lane", Phone="+44 113 2")
    assert _synced(cast, account)["Stripe_Customer_Id__c"] == customer["id"]
    changed = _customer(cast, row)
    assert (changed["address"]["line1"], changed["address"]["line2"], changed["phone"]) == (
        "2 Mill Lane",
        None,
        "+44 113 2",
    )
    assert _customers_of(cast, account) == [customer["id"]]


def test_a_contact_has_a_customer_of_its_own_with_an_e_mail_address(cast: Cast) -> None:
    account = _account(cast)
    made = cast.salesforce.create(
        "Contact", FirstName="Ada", LastName="Fenwick", Email="ada@example.com", AccountId=account
    )
    row = _synced(cast, str(made["id"]), "Contact")
    customer = _customer(cast, row)
    assert (customer["name"], customer["email"]) == ("Ada Fenwick", "ada@example.com")
    assert customer["metadata"]["salesforce_object"] == "Contact"
    assert cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"] is None


def test_what_cannot_be_is_told_on_the_record_until_it_is_mended(cast: Cast) -> None:
    account = _account(cast, BillingCountry="Ruritania")
    row = _synced(cast, account)
    assert row["Stripe_Customer_Error__c"].startswith("BillingCountry is not a code of two letters")
    assert row["Stripe_Customer_Id__c"] is None
    cast.salesforce.change("Account", account, BillingCountry="DE")
    row = _synced(cast, account)
    assert row["Stripe_Customer_Error__c"] is None
    assert _customer(cast, row)["address"]["country"] == "DE"
    assert "Ruritania" not in cast.service.log.read_text(), "personal data is not logged"
    assert "Fenwick" not in cast.service.log.read_text(), "personal data is not logged"


def test_over_grpc_the_customer_is_in_the_answer(cast: Cast) -> None:
    account, entity = _account(cast), cast.stack.entity
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        door = customers_service_pb2_grpc.CustomersServiceStub(channel)
        request = api.SyncCustomerRequest(entity=entity, record_id=account, request_id=f"sync-{account}")
        first, again = door.SyncCustomer(request, timeout=20), door.SyncCustomer(request, timeout=20)
        [customer] = _customers_of(cast, account)
        assert (first.customer.customer_id, first.replayed) == (customer, False)
        assert (again.customer.customer_id, again.replayed) == (customer, True)
        assert first.customer.name == "Fenwick Optics"
        got = door.GetCustomer(api.GetCustomerRequest(entity=entity, customer_id=customer), timeout=20)
        listed = door.ListCustomers(api.ListCustomersRequest(entity=entity, record_id=account), timeout=20)
    assert [one.customer_id for one in listed.customers] == [got.customer.customer_id] == [customer]
    drain(cast)
    assert cast.salesforce.get("Account", account)["Stripe_Customer_Id__c"] == customer
