"""What an invoice charges for, with its tax, and what a credit note takes off again."""

from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.test_invoices import customer, draft, opened, parts, types


def rate(client: stripe.StripeClient, percentage: float, *, inclusive: bool) -> str:
    made = client.v1.tax_rates.create({"display_name": "VAT", "percentage": percentage, "inclusive": inclusive})
    assert client.v1.tax_rates.retrieve(made.id).percentage == percentage
    return made.id


def test_lines_of_every_kind(client: stripe.StripeClient) -> None:
    owner = customer(client).id
    invoice = draft(client, owner)
    product = client.v1.products.create({"name": "Hour"})
    price = client.v1.prices.create({"currency": "eur", "unit_amount": 1250, "product": product.id})

    def add(**values: Any) -> None:
        everything: Any = {"customer": owner, "invoice": invoice.id, **values}
        client.v1.invoice_items.create(everything)

    add(unit_amount_decimal="33.335", quantity=3, description="Calls")
    add(pricing={"price": price.id}, quantity=2)
    add(price_data={"currency": "eur", "product": product.id, "unit_amount": 100})
    client.v1.invoices.add_lines(str(invoice.id), {"lines": [{"amount": -50, "description": "Rebate"}, {"amount": 7}]})
    rows = client.v1.invoices.line_items.list(str(invoice.id)).data
    assert [(row.amount, row.quantity) for row in rows] == [(100, 3), (2500, 2), (100, 1), (-50, 1), (7, 1)]
    assert client.v1.invoices.retrieve(str(invoice.id)).total == 2657
    with pytest.raises(stripe.InvalidRequestError, match="exactly one"):
        add(amount=5, unit_amount_decimal="5")


def test_items_change_only_on_a_draft(client: stripe.StripeClient) -> None:
    owner = customer(client).id
    invoice = draft(client, owner, 900, 100)
    first, second = client.v1.invoice_items.list({"invoice": str(invoice.id)}).data
    client.v1.invoice_items.update(first.id, {"amount": 200, "metadata": {"a": "b"}})
    assert client.v1.invoice_items.delete(second.id).deleted
    final = client.v1.invoices.finalize_invoice(str(invoice.id))
    assert final.total == 200
    with pytest.raises(stripe.InvalidRequestError, match="draft"):
        client.v1.invoice_items.delete(first.id)
    assert client.v1.invoice_items.retrieve(first.id).invoice == invoice.id
    assert client.v1.invoice_items.list({"customer": owner, "pending": True}).data == []


def test_a_long_invoice_is_read_in_pages(client: stripe.StripeClient) -> None:
    invoice = draft(client, customer(client).id)
    client.v1.invoices.add_lines(str(invoice.id), {"lines": [{"amount": place} for place in range(1, 26)]})
    shown = client.v1.invoices.retrieve(str(invoice.id)).lines
    assert (len(shown.data), shown.has_more) == (10, True)
    every = client.v1.invoices.line_items.list(str(invoice.id), {"limit": 10})
    assert [row.amount for row in every.auto_paging_iter()] == list(range(1, 26))


@pytest.mark.parametrize(
    ("inclusive", "expected"),
    [(False, (1999, 1999, 2379, 380)), (True, (1999, 1680, 1999, 319))],
)
def test_tax_on_top_or_within(client: stripe.StripeClient, inclusive: bool, expected: tuple[int, ...]) -> None:
    vat = rate(client, 19, inclusive=inclusive)
    invoice = draft(client, customer(client).id, 1999, default_tax_rates=[vat])
    assert invoice.total_taxes is not None
    tax = sum(entry.amount for entry in invoice.total_taxes)
    assert (invoice.subtotal, invoice.total_excluding_tax, invoice.total, tax) == expected
    client.v1.tax_rates.update(vat, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="archived"):
        draft(client, customer(client).id, default_tax_rates=[vat])
    assert [row.id for row in client.v1.tax_rates.list({"active": False}).data] == [vat]


def test_a_credit_note_before_payment_may_leave_nothing_to_pay(client: stripe.StripeClient) -> None:
    invoice = opened(client, customer(client).id, 900)
    part = client.v1.credit_notes.create({"invoice": str(invoice.id), "amount": 400, "reason": "order_change"})
    assert (part.type, part.pre_payment_amount, part.post_payment_amount) == ("pre_payment", 400, 0)
    assert parts(client.v1.invoices.retrieve(str(invoice.id))) == ("open", 500, 0, 500)
    client.v1.credit_notes.void_credit_note(part.id)
    assert parts(client.v1.invoices.retrieve(str(invoice.id))) == ("open", 900, 0, 900)
    whole = client.v1.credit_notes.create({"invoice": str(invoice.id), "amount": 900})
    assert parts(client.v1.invoices.retrieve(str(invoice.id))) == ("paid", 0, 0, 0)
    assert whole.number.endswith("-CN-02")
    assert types(client, "credit_note.voided") == [
        "credit_note.voided",
        "invoice.updated",
        "credit_note.created",
        "payment_intent.canceled",
        "invoice.updated",
        "invoice.paid",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="at most 0"):
        client.v1.credit_notes.create({"invoice": str(invoice.id), "amount": 1})


def test_a_credit_note_after_payment_goes_somewhere(client: stripe.StripeClient) -> None:
    owner = customer(client)
    invoice = opened(client, owner.id, 5000)
    client.v1.invoices.pay(str(invoice.id))
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        client.v1.credit_notes.create({"invoice": str(invoice.id), "amount": 1000})
    note = client.v1.credit_notes.create(
        {
            "invoice": str(invoice.id),
            "amount": 1000,
            "refund_amount": 600,
            "credit_amount": 300,
            "out_of_band_amount": 100,
            "expand": ["refunds.refund"],
        }
    )
    assert (note.type, note.post_payment_amount) == ("post_payment", 1000)
    assert isinstance(note.refunds[0].refund, stripe.Refund)
    assert note.refunds[0].refund.amount == 600
    assert client.v1.customers.retrieve(owner.id).balance == -300
    after = client.v1.invoices.retrieve(str(invoice.id))
    assert (after.status, after.amount_paid, after.post_payment_credit_notes_amount) == ("paid", 5000, 1000)
    following = opened(client, owner.id, 1000)
    assert (following.starting_balance, following.ending_balance, following.amount_due) == (-300, 0, 700)
    client.v1.invoices.void_invoice(str(following.id))
    assert client.v1.customers.retrieve(owner.id).balance == -300


def test_a_credit_note_of_lines_takes_their_tax_along(client: stripe.StripeClient) -> None:
    vat = rate(client, 10, inclusive=False)
    invoice = draft(client, customer(client).id, 1000, 500, default_tax_rates=[vat])
    line = invoice.lines.data[0]
    final = client.v1.invoices.finalize_invoice(str(invoice.id))
    assert final.total == 1650
    note = client.v1.credit_notes.create(
        {
            "invoice": str(invoice.id),
            "lines": [
                {"type": "invoice_line_item", "invoice_line_item": line.id, "amount": 400},
                {"type": "custom_line_item", "description": "Sorry", "unit_amount": 5, "quantity": 2},
            ],
        }
    )
    assert (note.subtotal, note.total, note.pre_payment_amount) == (410, 450, 450)
    rows = client.v1.credit_notes.line_items.list(note.id).data
    assert [(row.amount, row.type) for row in rows] == [(400, "invoice_line_item"), (10, "custom_line_item")]
    assert client.v1.credit_notes.update(note.id, {"memo": "x"}).memo == "x"
    assert [row.id for row in client.v1.credit_notes.list({"invoice": str(invoice.id)}).data] == [note.id]


def test_quantities_and_prices_in_fractions(client: stripe.StripeClient) -> None:
    invoice = str(draft(client, customer(client).id, discounts="").id)
    product = client.v1.products.create({"name": "Hour"}).id
    sold: Any = [
        {"quantity_decimal": "2.5", "price_data": {"currency": "eur", "product": product, "unit_amount_decimal": "40"}},
        {"quantity": 200, "price_data": {"currency": "eur", "product": product, "unit_amount_decimal": "0.5"}},
        {"price_data": {"currency": "eur", "product_data": {"name": "Once"}, "unit_amount": 7}},
    ]
    client.v1.invoices.add_lines(invoice, {"lines": sold})
    rows = client.v1.invoices.line_items.list(invoice).data
    assert [(row.amount, row.quantity, str(row.quantity_decimal)) for row in rows] == [
        (100, 2, "2.5"),
        (100, 200, "200"),
        (7, 1, "1"),
    ]
    sold[0]["quantity"] = 2
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        client.v1.invoices.add_lines(invoice, {"lines": sold})


def test_automatic_tax_waits_for_an_address(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create().id
    invoice = draft(client, owner, 1000, automatic_tax={"enabled": True})
    assert (invoice.automatic_tax.status, invoice.total) == ("requires_location_inputs", 1000)
    with pytest.raises(stripe.InvalidRequestError, match="location") as refused:
        client.v1.invoices.finalize_invoice(str(invoice.id))
    assert refused.value.code == "customer_tax_location_invalid"
    failed = client.v1.invoices.retrieve(str(invoice.id)).last_finalization_error
    assert failed is not None
    assert failed.code == "customer_tax_location_invalid"
    client.v1.customers.update(owner, {"address": {"country": "DE"}})
    final = client.v1.invoices.finalize_invoice(str(invoice.id))
    assert (final.automatic_tax.status, final.subtotal, final.total) == ("complete", 1000, 1190)
    with pytest.raises(stripe.InvalidRequestError, match="negative"):
        draft(client, owner, -5, automatic_tax={"enabled": True})
    with pytest.raises(stripe.InvalidRequestError, match="automatic tax"):
        draft(client, owner, automatic_tax={"enabled": True}, default_tax_rates=[rate(client, 19, inclusive=False)])
