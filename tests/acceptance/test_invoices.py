"""Stories of invoices: what happens to them in Stripe stands in Salesforce, with their lines, payments and credits."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import stripe

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.stage import dead_letters, drain, new_account, new_opportunity

CARD, DECLINING = "pm_card_visa", "pm_card_chargeCustomerFail"


class Invoicing:
    """A customer made for an Account, whose invoices are written and read by the name a story gives them."""

    def __init__(self, cast: Cast, card: str | None = CARD) -> None:
        self.cast = cast
        self.api = cast.stripe.v1
        self.account = new_account(cast)
        self.customer = self.api.customers.create({"metadata": {"salesforce_record_id": self.account}}).id
        if card:
            self.save(card)

    def save(self, card: str) -> None:
        method = self.api.payment_methods.attach(card, {"customer": self.customer})
        self.api.customers.update(self.customer, {"invoice_settings": {"default_payment_method": method.id}})

    def draft(self, *amounts: int, **more: Any) -> str:
        values: Any = {"customer": self.customer, "currency": "eur", **more}
        invoice = str(self.api.invoices.create(values).id)
        if amounts:
            lines: Any = [{"amount": amount, "description": f"Work of {amount}"} for amount in amounts]
            self.api.invoices.add_lines(invoice, {"lines": lines})
        return invoice

    def opened(self, *amounts: int, **more: Any) -> str:
        invoice = self.draft(*amounts, **more)
        self.api.invoices.finalize_invoice(invoice)
        return invoice

    def row(self, invoice: str) -> Row:
        """Return the invoice as Salesforce holds it once all work is done."""
        drain(self.cast)
        (row,) = self._query("Invoice__c", f"Stripe_Id__c = '{invoice}'")
        return row

    def below(self, sobject: str, invoice: str) -> list[Row]:
        return self._query(sobject, f"Invoice__r.Stripe_Id__c = '{invoice}'")

    def payment(self, intent: str) -> Row:
        (row,) = self._query("Payment__c", f"Stripe_Id__c = '{intent}'")
        return row

    def _query(self, sobject: str, condition: str) -> list[Row]:
        soql = f"SELECT FIELDS(ALL) FROM {sobject} WHERE {condition} ORDER BY Name LIMIT 200"  # noqa: S608  (our own words)
        return self.cast.salesforce.query(soql)


def money(row: Row) -> tuple[Any, ...]:
    """Return status, what is due, paid and remaining."""
    return row["Status__c"], row["Amount_Due__c"], row["Amount_Paid__c"], row["Amount_Remaining__c"]


@pytest.fixture
def books(cast: Cast) -> Iterator[Invoicing]:
    yield Invoicing(cast)
    drain(cast)
    assert dead_letters(cast) == 0


def test_an_invoice_paid_by_card(books: Invoicing) -> None:
    vat = books.api.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False})
    opportunity = new_opportunity(books.cast, "119.00", "EUR", account=books.account)
    invoice = books.draft(
        9000, 1000, default_tax_rates=[vat.id], metadata={"salesforce_record_id": opportunity},
        collection_method="send_invoice", days_until_due=14,
    )  # fmt: skip
    row = books.row(invoice)
    assert (row["Status__c"], row["Number__c"], row["Total__c"]) == ("Draft", None, 119)
    assert books.below("Invoice_Line__c", invoice) == []
    books.api.invoices.send_invoice(invoice)
    row = books.row(invoice)
    assert money(row) == ("Open", 119, 0, 119)
    assert (row["Subtotal__c"], row["Tax__c"], row["Currency_Code__c"]) == (100, 19, "EUR")
    assert row["Hosted_Url__c"].startswith("http")
    assert row["Due_At__c"] > row["Finalized_At__c"]
    assert (row["Account__c"], row["Opportunity__c"], row["Order__c"]) == (books.account, opportunity, None)
    lines = sorted(books.below("Invoice_Line__c", invoice), key=lambda line: -line["Amount__c"])
    assert [(line["Description__c"], line["Amount__c"], line["Tax__c"], line["Quantity__c"]) for line in lines] == [
        ("Work of 9000", 90, Decimal("17.1"), 1),
        ("Work of 1000", 10, Decimal("1.9"), 1),
    ]
    books.api.invoices.pay(invoice)
    row = books.row(invoice)
    assert (*money(row), row["Amount_Paid_Off_Stripe__c"]) == ("Paid", 119, 119, 0, 0)
    assert row["Paid_At__c"] is not None
    (paying,) = books.below("Invoice_Payment__c", invoice)
    payment = books.cast.salesforce.get("Payment__c", paying["Payment__c"])
    assert (paying["Status__c"], paying["Amount_Paid__c"], payment["Status__c"]) == ("Paid", 119, "Paid")


def test_two_payments_on_one_invoice(books: Invoicing) -> None:
    invoice = books.opened(5000)
    first = _intent(books, 2000, confirm=True)
    books.api.invoices.attach_payment(invoice, {"payment_intent": first})
    assert money(books.row(invoice)) == ("Open", 50, 20, 30)
    books.api.invoices.pay(invoice)
    assert money(books.row(invoice)) == ("Paid", 50, 50, 0)
    paid = {row["Amount_Paid__c"]: row["Payment__c"] for row in books.below("Invoice_Payment__c", invoice)}
    assert set(paid) == {20, 30}
    assert paid[20] == books.payment(first)["Id"] != paid[30]


def test_one_payment_for_two_invoices(books: Invoicing) -> None:
    invoices = [books.opened(3000), books.opened(2000)]
    intent = _intent(books, 5000)
    for invoice in invoices:
        books.api.invoices.attach_payment(invoice, {"payment_intent": intent})
    # No snapshot event tells of a payment that was only attached; the next news of the invoice brings it.
    books.api.invoices.update(invoices[0], {"description": "by transfer"})
    assert money(books.row(invoices[0])) == ("Open", 30, 0, 30)
    shown = {row["Payment__c"]: row["Status__c"] for row in books.below("Invoice_Payment__c", invoices[0])}
    assert shown[books.payment(intent)["Id"]] == "Open"
    books.api.payment_intents.confirm(intent, {"payment_method": CARD, "return_url": "https://example.com"})
    assert [books.row(invoice)["Status__c"] for invoice in invoices] == ["Paid", "Paid"]
    payment = books.payment(intent)["Id"]
    for invoice, amount in zip(invoices, (30, 20), strict=True):
        rows = {row["Payment__c"]: row for row in books.below("Invoice_Payment__c", invoice)}
        assert (rows[payment]["Status__c"], rows[payment]["Amount_Paid__c"]) == ("Paid", amount)
        assert [row["Status__c"] for key, row in rows.items() if key != payment] == ["Cancelled"]


def _intent(books: Invoicing, amount: int, *, confirm: bool = False) -> str:
    made = books.api.payment_intents.create({"amount": amount, "currency": "eur", "customer": books.customer})
    if confirm:
        books.api.payment_intents.confirm(made.id, {"payment_method": CARD, "return_url": "https://example.com"})
    return made.id


def test_paid_out_of_band(books: Invoicing) -> None:
    invoice = books.opened(900)
    books.api.invoices.pay(invoice, {"paid_out_of_band": True})
    row = books.row(invoice)
    assert (*money(row), row["Amount_Paid_Off_Stripe__c"]) == ("Paid", 9, 9, 0, 9)
    (paying,) = [row for row in books.below("Invoice_Payment__c", invoice) if row["Status__c"] == "Paid"]
    assert (paying["Payment__c"], paying["Amount_Paid__c"]) == (None, 9)


def test_a_credit_note_brings_the_rest_to_zero(books: Invoicing) -> None:
    invoice = books.opened(900)
    first = books.api.credit_notes.create({"invoice": invoice, "amount": 400, "reason": "order_change"})
    assert money(books.row(invoice)) == ("Open", 5, 0, 5)
    (paying,) = books.below("Invoice_Payment__c", invoice)
    assert books.cast.salesforce.get("Payment__c", paying["Payment__c"])["Amount__c"] == 5
    books.api.credit_notes.void_credit_note(first.id)
    assert money(books.row(invoice)) == ("Open", 9, 0, 9)
    books.api.credit_notes.create({"invoice": invoice, "amount": 900})
    assert money(books.row(invoice)) == ("Paid", 0, 0, 0)
    notes = sorted(books.below("Credit_Note__c", invoice), key=lambda note: note["Amount__c"])
    assert [
        (note["Status__c"], note["Amount__c"], note["Pre_Payment_Amount__c"], note["Reason__c"]) for note in notes
    ] == [
        ("Void", 4, 4, "order_change"),
        ("Open", 9, 9, None),
    ]


def test_a_credit_note_after_payment_with_a_refund(books: Invoicing) -> None:
    invoice = books.opened(5000)
    books.api.invoices.pay(invoice)
    books.api.credit_notes.create({"invoice": invoice, "amount": 1000, "refund_amount": 700, "credit_amount": 300})
    assert money(books.row(invoice)) == ("Paid", 50, 50, 0)
    (note,) = books.below("Credit_Note__c", invoice)
    assert (note["Amount__c"], note["Pre_Payment_Amount__c"], note["Post_Payment_Amount__c"]) == (10, 0, 10)
    (paying,) = books.below("Invoice_Payment__c", invoice)
    payment = books.cast.salesforce.get("Payment__c", paying["Payment__c"])
    assert (payment["Status__c"], payment["Amount_Refunded__c"]) == ("Partially_Refunded", 7)


def test_a_voided_invoice(books: Invoicing) -> None:
    invoice = books.opened(900)
    books.api.invoices.void_invoice(invoice)
    row = books.row(invoice)
    assert (row["Status__c"], row["Stripe_Status__c"]) == ("Void", "void")
    assert row["Voided_At__c"] is not None
    (paying,) = books.below("Invoice_Payment__c", invoice)
    assert paying["Status__c"] == "Cancelled"


def test_uncollectible_then_paid(books: Invoicing) -> None:
    invoice = books.opened(900)
    books.api.invoices.mark_uncollectible(invoice)
    assert money(books.row(invoice)) == ("Uncollectible", 9, 0, 9)
    books.api.invoices.pay(invoice)
    assert money(books.row(invoice)) == ("Paid", 9, 9, 0)


def test_a_failed_payment_then_paid(cast: Cast) -> None:
    books = Invoicing(cast, DECLINING)
    invoice = books.opened(900)
    with pytest.raises(stripe.CardError):
        books.api.invoices.pay(invoice)
    assert money(books.row(invoice)) == ("Open", 9, 0, 9)
    (paying,) = books.below("Invoice_Payment__c", invoice)
    assert cast.salesforce.get("Payment__c", paying["Payment__c"])["Status__c"] == "Failed"
    books.save(CARD)
    books.api.invoices.pay(invoice)
    assert money(books.row(invoice)) == ("Paid", 9, 9, 0)
    assert cast.salesforce.get("Payment__c", paying["Payment__c"])["Status__c"] == "Paid"


def test_a_zero_invoice(books: Invoicing) -> None:
    invoice = books.opened()
    assert money(books.row(invoice)) == ("Paid", 0, 0, 0)
    assert books.below("Invoice_Payment__c", invoice) == []


def test_a_deleted_draft(books: Invoicing) -> None:
    invoice = books.draft(900)
    assert money(books.row(invoice)) == ("Draft", 9, 0, 9)
    books.api.invoices.delete(invoice)
    row = books.row(invoice)
    assert (*money(row), row["Stripe_Status__c"]) == ("Void", 0, 0, 0, "deleted")
    quick = books.draft()
    books.api.invoices.delete(quick)
    assert books.row(quick)["Stripe_Status__c"] == "deleted"


def test_an_invoice_of_many_lines_comes_whole(books: Invoicing) -> None:
    amounts = range(100, 225)
    invoice = books.opened(*amounts)
    row = books.row(invoice)
    lines = books.below("Invoice_Line__c", invoice)
    assert sorted(line["Amount__c"] * 100 for line in lines) == list(amounts)
    assert row["Total__c"] * 100 == sum(amounts)


def test_whose_events_are_lost_but_one_still_comes_whole(books: Invoicing) -> None:
    drain(books.cast)
    books.cast.control.post("/stripe/webhook-faults", fault="drop", times=-1)
    invoice = books.opened(900, 100)
    books.api.credit_notes.create({"invoice": invoice, "amount": 300})
    books.api.invoices.pay(invoice)
    drain(books.cast)
    books.cast.control.clear("/stripe/webhook-faults")
    books.api.invoices.update(invoice, {"description": "the only news"})
    assert money(books.row(invoice)) == ("Paid", 7, 7, 0)
    assert {line["Amount__c"] for line in books.below("Invoice_Line__c", invoice)} == {9, 1}
    (paying,) = books.below("Invoice_Payment__c", invoice)
    payment = books.cast.salesforce.get("Payment__c", paying["Payment__c"])
    assert (payment["Status__c"], payment["Fee__c"] is not None) == ("Paid", True)
    (note,) = books.below("Credit_Note__c", invoice)
    assert note["Amount__c"] == 3
