"""Invoices through stripe-python: what they charge for, and every way to be paid or not."""

from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import pay


def customer(client: stripe.StripeClient, card: str | None = "pm_card_visa") -> stripe.Customer:
    """Return a customer with an address and, unless None, a card as its default."""
    made = client.v1.customers.create({"name": "Ada", "email": "ada@example.com", "address": {"country": "DE"}})
    if card:
        method = client.v1.payment_methods.attach(card, {"customer": made.id})
        client.v1.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
    return made


def draft(client: stripe.StripeClient, owner: str, *amounts: int, **more: Any) -> stripe.Invoice:
    values: Any = {"customer": owner, "currency": "eur", **more}
    invoice = client.v1.invoices.create(values)
    for amount in amounts:
        client.v1.invoice_items.create({"customer": owner, "invoice": invoice.id, "amount": amount, "currency": "eur"})
    return client.v1.invoices.retrieve(str(invoice.id))


def opened(client: stripe.StripeClient, owner: str, *amounts: int) -> stripe.Invoice:
    return client.v1.invoices.finalize_invoice(str(draft(client, owner, *amounts).id))


def types(client: stripe.StripeClient, since: str | None = None) -> list[str]:
    found = [str(event.type) for event in client.v1.events.list({"limit": 50}).data][::-1]
    return found[found.index(since) :] if since else found


def parts(invoice: stripe.Invoice) -> tuple[str | None, int, int, int]:
    return invoice.status, invoice.amount_due, invoice.amount_paid, invoice.amount_remaining


def test_an_invoice_paid_by_card(client: stripe.StripeClient) -> None:
    owner = customer(client)
    invoice = draft(client, owner.id, 1500, 500)
    assert (invoice.status, invoice.number, invoice.total, invoice.hosted_invoice_url) == ("draft", None, 2000, None)
    final = client.v1.invoices.finalize_invoice(str(invoice.id))
    assert parts(final) == ("open", 2000, 0, 2000)
    assert (final.customer_name, final.customer_address and final.customer_address.country) == ("Ada", "DE")
    (asked,) = client.v1.invoice_payments.list({"invoice": str(invoice.id)}).data
    assert (asked.status, asked.is_default, asked.amount_requested, asked.amount_paid) == ("open", True, 2000, None)
    paid = client.v1.invoices.pay(str(invoice.id), {"expand": ["payments", "amount_paid_off_stripe"]})
    assert parts(paid) == ("paid", 2000, 2000, 0)
    assert (paid.amount_paid_off_stripe, paid.attempt_count, paid.attempted) == (0, 1, True)
    assert paid.payments is not None
    assert [(row.status, row.amount_paid) for row in paid.payments.data] == [("paid", 2000)]
    assert [kind for kind in types(client, "invoice.created") if kind != "charge.updated"] == [
        "invoice.created",
        "invoiceitem.created",
        "invoiceitem.created",
        "payment_intent.created",
        "invoice.updated",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    events = client.v1.events.list({"type": "invoice.paid"}).data
    assert "amount_paid_off_stripe" not in events[0].data.object
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        client.v1.invoices.pay(str(invoice.id))
    with pytest.raises(stripe.InvalidRequestError, match="already finalized"):
        client.v1.invoices.finalize_invoice(str(invoice.id))


def test_the_intent_of_an_invoice_is_not_its_own_master(client: stripe.StripeClient) -> None:
    invoice = opened(client, customer(client).id, 900)
    (asked,) = client.v1.invoice_payments.list({"invoice": str(invoice.id)}, {}).data
    intent = str(asked.payment.payment_intent)
    with pytest.raises(stripe.InvalidRequestError, match=str(invoice.id)):
        client.v1.payment_intents.cancel(intent)
    with pytest.raises(stripe.InvalidRequestError, match=str(invoice.id)):
        client.v1.payment_intents.update(intent, {"amount": 100})
    found = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}}).data
    assert [row.invoice for row in found] == [invoice.id]
    secret = client.v1.invoices.retrieve(str(invoice.id), {"expand": ["confirmation_secret"]}).confirmation_secret
    assert secret is not None
    assert secret.client_secret.startswith(intent)
    client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa", "return_url": "https://x.example"})
    assert client.v1.invoices.retrieve(str(invoice.id)).status == "paid"


def test_a_declined_card_leaves_the_invoice_open(client: stripe.StripeClient) -> None:
    owner = customer(client, "pm_card_chargeCustomerFail")
    invoice = opened(client, owner.id, 900)
    with pytest.raises(stripe.CardError) as declined:
        client.v1.invoices.pay(str(invoice.id))
    assert declined.value.http_status == 402
    after = client.v1.invoices.retrieve(str(invoice.id))
    assert (*parts(after), after.attempt_count) == ("open", 900, 0, 900, 1)
    assert types(client, "charge.failed") == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
    ]
    good = client.v1.payment_methods.attach("pm_card_visa", {"customer": owner.id})
    paid = client.v1.invoices.pay(str(invoice.id), {"payment_method": good.id})
    assert (paid.status, paid.attempt_count) == ("paid", 2)


def test_a_method_of_nobody_or_none_cannot_pay(client: stripe.StripeClient) -> None:
    invoice = opened(client, customer(client, None).id, 900)
    with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
        client.v1.invoices.pay(str(invoice.id))
    with pytest.raises(stripe.InvalidRequestError, match="must be attached"):
        client.v1.invoices.pay(str(invoice.id), {"payment_method": "pm_card_visa"})


def test_a_card_that_asks_needs_its_payer(client: stripe.StripeClient) -> None:
    invoice = opened(client, customer(client, "pm_card_authenticationRequired").id, 900)
    with pytest.raises(stripe.CardError) as asked:
        client.v1.invoices.pay(str(invoice.id), {"off_session": False})
    assert asked.value.code == "invoice_payment_intent_requires_action"
    assert types(client)[-1] == "invoice.payment_action_required"
    assert client.v1.invoices.retrieve(str(invoice.id)).status == "open"


def test_two_payments_pay_one_invoice(client: stripe.StripeClient) -> None:
    owner = customer(client)
    invoice = opened(client, owner.id, 5000)
    first = pay(client, 2000, currency="eur", customer=owner.id)
    attached = client.v1.invoices.attach_payment(str(invoice.id), {"payment_intent": first.id})
    assert parts(attached) == ("open", 5000, 2000, 3000)
    paid = client.v1.invoices.pay(str(invoice.id))
    assert parts(paid) == ("paid", 5000, 5000, 0)
    rows = client.v1.invoice_payments.list({"invoice": str(invoice.id), "status": "paid"}).data
    assert sorted((row.amount_paid, row.is_default) for row in rows) == [(2000, False), (3000, True)]


def test_one_payment_pays_two_invoices(client: stripe.StripeClient) -> None:
    owner = customer(client)
    invoices = [opened(client, owner.id, amount) for amount in (3000, 2000)]
    intent = client.v1.payment_intents.create({"amount": 5000, "currency": "eur", "customer": owner.id})
    for invoice in invoices:
        client.v1.invoices.attach_payment(str(invoice.id), {"payment_intent": intent.id})
    third = opened(client, owner.id, 100)
    with pytest.raises(stripe.InvalidRequestError, match="no amount left"):
        client.v1.invoices.attach_payment(str(third.id), {"payment_intent": intent.id})
    client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "https://example.com"}
    )
    assert [client.v1.invoices.retrieve(str(invoice.id)).status for invoice in invoices] == ["paid", "paid"]
    rows = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent.id}}).data
    assert [(row.invoice, row.amount_paid) for row in rows] == [(invoices[1].id, 2000), (invoices[0].id, 3000)]
    defaults = [row for row in client.v1.invoice_payments.list({"status": "canceled"}).data if row.is_default]
    assert {row.invoice for row in defaults} == {invoice.id for invoice in invoices}


def test_paid_out_of_band_is_no_money_of_stripes(client: stripe.StripeClient) -> None:
    invoice = opened(client, customer(client).id, 900)
    paid = client.v1.invoices.pay(str(invoice.id), {"paid_out_of_band": True, "expand": ["amount_paid_off_stripe"]})
    assert (*parts(paid), paid.amount_paid_off_stripe) == ("paid", 900, 900, 0, 900)
    assert types(client, "payment_intent.canceled") == [
        "payment_intent.canceled",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
    ]
    assert client.v1.charges.list().data == []


def test_void_and_uncollectible(client: stripe.StripeClient) -> None:
    owner = customer(client)
    first, second = (opened(client, owner.id, amount) for amount in (900, 800))
    voided = client.v1.invoices.void_invoice(str(first.id))
    assert (voided.status, voided.status_transitions.voided_at is not None) == ("void", True)
    intents = client.v1.payment_intents.list({"customer": owner.id}).data
    assert [intent.cancellation_reason for intent in intents] == [None, "void_invoice"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(str(first.id))
    assert client.v1.invoices.mark_uncollectible(str(second.id)).status == "uncollectible"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.mark_uncollectible(str(second.id))
    assert client.v1.invoices.pay(str(second.id)).status == "paid"


def test_a_deleted_draft_is_gone(client: stripe.StripeClient) -> None:
    invoice = draft(client, customer(client).id, 900)
    assert client.v1.invoices.delete(str(invoice.id)).deleted
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.invoices.retrieve(str(invoice.id))
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert types(client)[-2:] == ["invoiceitem.deleted", "invoice.deleted"]
    final = opened(client, customer(client).id, 900)
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        client.v1.invoices.delete(str(final.id))


def test_an_empty_invoice_is_paid_at_once_and_pending_items_are_swept(client: stripe.StripeClient) -> None:
    owner = customer(client)
    client.v1.invoice_items.create({"customer": owner.id, "amount": 700, "currency": "eur"})
    empty = client.v1.invoices.finalize_invoice(str(draft(client, owner.id).id))
    assert (*parts(empty), empty.lines.data) == ("paid", 0, 0, 0, [])
    assert types(client)[-2:] == ["invoice.paid", "invoice.payment_succeeded"]
    swept = draft(client, owner.id, pending_invoice_items_behavior="include")
    assert (swept.total, len(swept.lines.data)) == (700, 1)


def test_sending_needs_a_due_date_and_says_so(client: stripe.StripeClient, sandbox: Running) -> None:
    owner = customer(client)
    with pytest.raises(stripe.InvalidRequestError, match="days_until_due"):
        client.v1.invoices.create({"customer": owner.id, "collection_method": "send_invoice"})
    invoice = draft(client, owner.id, 900, collection_method="send_invoice", days_until_due=30)
    sent = client.v1.invoices.send_invoice(str(invoice.id))
    assert sent.status == "open"
    assert sent.due_date == (sent.status_transitions.finalized_at or 0) + 30 * 86400
    assert types(client)[-1] == "invoice.sent"
    for change, allowed in (({"description": "x", "metadata": {"a": "b"}}, True), ({"auto_advance": False}, False)):
        answer = sandbox.http.post(f"/v1/invoices/{invoice.id}", data=_form(change))
        assert answer.is_success is allowed


def _form(change: Any) -> dict[str, str]:
    flat = {name: value for name, value in change.items() if not isinstance(value, dict)}
    nested = {
        f"{name}[{key}]": inner
        for name, value in change.items()
        if isinstance(value, dict)
        for key, inner in value.items()
    }
    return {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in {**flat, **nested}.items()
    }


def test_what_is_not_imitated_is_said(client: stripe.StripeClient, sandbox: Running) -> None:
    owner = customer(client).id
    assert sandbox.http.post("/v1/invoices/create_preview", data={"customer": owner}).status_code == 501
    assert sandbox.http.post("/v1/invoices", data={"customer": owner, "auto_advance": "true"}).status_code == 501
    assert sandbox.http.post("/v1/invoices", data={"customer": owner, "colour": "red"}).status_code == 400
    small = draft(client, owner, 10)
    assert sandbox.http.post(f"/v1/invoices/{small.id}/finalize").status_code == 501
    partly = opened(client, owner, 900)
    first = pay(client, 500, currency="eur", customer=owner)
    client.v1.invoices.attach_payment(str(partly.id), {"payment_intent": first.id})
    assert sandbox.http.post(f"/v1/invoices/{partly.id}/void").status_code == 501
