"""Customers, their PaymentMethods, charges and balance transactions as lists."""

from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import pay, settled


def test_customers_live_and_leave_a_tombstone(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(
        {
            "email": "a@example.com",
            "name": "A",
            "address": {"city": "Berlin", "country": "DE"},
            "shipping": {"name": "A", "address": {"line1": "Street 1"}},
            "metadata": {"k": "v", "gone": "soon"},
            "tax_exempt": "exempt",
        }
    )
    assert made.address is not None
    assert (made.address.city, made.address.line1, made.tax_exempt) == ("Berlin", None, "exempt")
    changed = client.v1.customers.update(made.id, {"metadata": {"gone": ""}, "name": "B", "address": ""})
    assert changed.metadata is not None
    assert (changed.metadata.to_dict(), changed.name, changed.address) == ({"k": "v"}, "B", None)
    event = client.v1.events.list({"type": "customer.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["metadata"].to_dict() == {"gone": "soon"}
    assert [row.id for row in client.v1.customers.list({"email": "a@example.com"}).data] == [made.id]
    assert client.v1.customers.delete(made.id).deleted
    assert client.v1.customers.retrieve(made.id).deleted
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        pay(client, customer=made.id)
    assert refusal.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.customers.create({"email": "nobody"})
    assert refusal.value.code == "email_invalid"


def test_cards_of_a_customer(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"payment_method": "pm_card_visa"})
    first = client.v1.customers.payment_methods.list(customer.id).data[0]
    second = client.v1.payment_methods.attach("pm_card_amex", {"customer": customer.id})
    assert first.id != "pm_card_visa"
    listed = client.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert [row.id for row in listed] == [second.id, first.id]
    assert client.v1.customers.payment_methods.retrieve(customer.id, first.id).id == first.id
    kept = client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": first.id}})
    assert kept.invoice_settings is not None
    assert kept.invoice_settings.default_payment_method == first.id
    renamed = client.v1.payment_methods.update(second.id, {"billing_details": {"name": "N"}, "metadata": {"m": "1"}})
    assert renamed.billing_details.name == "N"
    client.v1.payment_methods.detach(first.id)
    assert [row.id for row in client.v1.customers.payment_methods.list(customer.id).data] == [second.id]
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(client, payment_method=first.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.detach(first.id)


def test_tokens_make_cards_and_numbers_do_not(client: stripe.StripeClient) -> None:
    made = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert made.card is not None
    assert made.card.last4 == "4242"
    inline: dict[str, Any] = {
        "payment_method_data": {"type": "card", "card": {"token": "tok_mastercard"}},
        "payment_method": None,
    }
    assert pay(client, **inline).status == "succeeded"
    with pytest.raises(stripe.StripeError, match="generally unsafe"):
        client.v1.payment_methods.create({"type": "card", "card": {"number": "4242424242424242"}})


def test_charges_are_described_later(client: stripe.StripeClient) -> None:
    intent = pay(client)
    charge = client.v1.charges.update(str(intent.latest_charge), {"description": "late", "metadata": {"a": "1"}})
    assert (charge.description, charge.metadata.to_dict()) == ("late", {"a": "1"})
    event = client.v1.events.list({"type": "charge.updated"}).data[0]
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["description"] is None


def test_balance_transactions_are_found(client: stripe.StripeClient, sandbox: Running) -> None:
    entry = settled(client, pay(client, 2000))
    other = settled(client, pay(client, 3000, "eur"))
    refund = client.v1.refunds.create({"charge": str(entry.source)})
    sandbox.flush()
    listed = client.v1.balance_transactions.list
    assert [row.id for row in listed({"source": str(entry.source)}).data] == [entry.id]
    assert [row.source for row in listed({"type": "refund"}).data] == [refund.id]
    assert {row.id for row in listed({"type": "charge", "currency": "usd"}).data} == {entry.id, other.id}
    expanded = listed({"expand": ["data.source"], "type": "refund"}).data[0].source
    assert isinstance(expanded, stripe.Refund)
    total = sum(row.net for row in listed({"limit": 100}).auto_paging_iter())
    assert client.v1.balance.retrieve().pending[0].amount == total
    with pytest.raises(stripe.InvalidRequestError):
        listed({"payout": "po_0"})


def test_the_account(client: stripe.StripeClient, sandbox: Running) -> None:
    account = client.v1.accounts.retrieve_current()
    assert (account.id, account.default_currency) == (sandbox.sandbox.account, "usd")
    assert client.v1.accounts.retrieve(account.id).id == account.id
