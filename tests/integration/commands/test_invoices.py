"""Invoices asked for, against both stand-ins: exact to the minor unit, and refused with words where that cannot be."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.commands import CommandState
from service.config.invoices import Invoices
from service.db import Database
from service.errors import Conflict
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

SUB, ONB = "CF-SUB", "CF-ONB"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(
    org: RunningSandbox, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[InvoiceDesk]:
    async with open_desk(org, database, database_url, tmp_path) as it:
        yield it


async def test_line_items_become_lines_and_the_invoice_is_sent(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "10", {"UnitPrice": 120}), (ONB, "1", {"UnitPrice": 1500}))
    before = len(desk.requests())
    invoice = await desk.done("create_invoice", record)
    made = [(one["method"], one["path"].replace(invoice, "in")) for one in desk.requests()[before:]]
    assert made == [
        ("POST", "/v1/invoices"),
        ("POST", "/v1/invoices/in/add_lines"),
        ("POST", "/v1/invoices/in/finalize"),
        ("POST", "/v1/invoices/in/send"),
    ]
    body = await desk.invoice(invoice)
    assert (body["status"], body["subtotal"], body["total"], body["currency"]) == ("open", 270_000, 270_000, "usd")
    assert body["collection_method"] == "send_invoice"
    assert body["due_date"] - body["status_transitions"]["finalized_at"] == 30 * 86_400
    assert body["metadata"]["salesforce_record_id"] == record
    assert await desk.lines(invoice) == [
        (120_000, "10", "Platform Subscription"),
        (150_000, "1", "Onboarding Package"),
    ]
    assert await desk.told("invoice.sent", invoice) == 1


async def test_an_order_is_invoiced(desk: InvoiceDesk) -> None:
    record = desk.order("Kestrel Order")
    invoice = await desk.done("create_invoice", record, advance_to="draft")
    body = await desk.invoice(invoice)
    assert (body["status"], body["currency"], body["subtotal"]) == ("draft", "gbp", 128_500)
    assert len(await desk.lines(invoice)) == 2


async def test_discounts_and_fractions_are_exact(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(
        (SUB, "3", {"UnitPrice": 33.33, "Discount": 12.5}),
        (SUB, "2.5", {"UnitPrice": 10.01, "Description": "Hours"}),
        (ONB, "3", {"TotalPrice": 100}),
        (SUB, "1.25", {"UnitPrice": 80}),
    )
    invoice = await desk.done("create_invoice", record, advance_to="open")
    lines = await desk.lines(invoice)
    assert lines == [
        (8749, "1", "Platform Subscription (3 x 33.33, less 12.5 %)"),
        (2503, "1", "Platform Subscription: Hours (2.5 x 10.01)"),
        (10_000, "1", "Onboarding Package (3 x 33.33)"),
        (10_000, "1.25", "Platform Subscription"),
    ]
    assert (await desk.invoice(invoice))["subtotal"] == sum(amount for amount, _, _ in lines) == 31_252


@pytest.mark.parametrize(
    ("currency", "price", "quantity", "amount"), [("JPY", 18_000, "3", 54_000), ("KWD", 36.84, "5", 184_200)]
)
async def test_zero_and_three_decimals(
    desk: InvoiceDesk, currency: str, price: float, quantity: str, amount: int
) -> None:
    record = await desk.opportunity((SUB, quantity, {"UnitPrice": price}), currency=currency)
    invoice = await desk.done("create_invoice", record, advance_to="open")
    body = await desk.invoice(invoice)
    assert (body["currency"], body["subtotal"], body["status"]) == (currency.lower(), amount, "open")


async def test_stripes_own_products_and_prices_are_used(desk: InvoiceDesk) -> None:
    product = await desk.make("product", name="Seat")
    price = await desk.make("price", product=product, currency="eur", unit_amount=11_000)
    entry = desk.entry(SUB, "EUR")
    try:
        desk.org.change("PricebookEntry", entry, Stripe_Price_Id__c=price)
        record = await desk.opportunity(
            (SUB, "2", {"UnitPrice": 110}), (SUB, "2", {"UnitPrice": 99}),
            (SUB, "1", {"UnitPrice": 50, "Discount": 5}), currency="EUR",
        )  # fmt: skip
        invoice = await desk.done("create_invoice", record, advance_to="draft")
        rows = [one.body for one in await desk.stripe.list("line_item", {"invoice": invoice}, limit=9)]
        named = [row["pricing"]["price_details"] for row in rows]
        assert [one["product"] for one in named] == [product] * 3
        assert [one["price"] == price for one in named] == [True, False, False]

        desk.org.change("PricebookEntry", entry, Stripe_Price_Id__c="price_gone")
        refused = await desk.ended("create_invoice", record, "2")
        assert (refused.state, refused.reason) == (CommandState.REFUSED, "PRODUCT_UNMATCHED")
        assert "PricebookEntry.Stripe_Price_Id__c" in str(refused.message)
        other = await desk.make("price", product=product, currency="usd", unit_amount=11_000)
        desk.org.change("PricebookEntry", entry, Stripe_Price_Id__c=other)
        assert "in USD" in str((await desk.ended("create_invoice", record, "3")).message)
    finally:
        desk.org.change("PricebookEntry", entry, Stripe_Price_Id__c=None)
    assert len(await desk.invoices_of(record)) == 1


async def test_a_product_of_stripes_by_product2(desk: InvoiceDesk) -> None:
    product = await desk.make("product", name="Onboarding")
    [row] = desk.org.query(f"SELECT Product2Id FROM PricebookEntry WHERE Id = '{desk.entry(ONB, 'USD')}'")  # noqa: S608  (an id)
    record = await desk.opportunity((ONB, "2", {"UnitPrice": 1500}))
    try:
        desk.org.change("Product2", row["Product2Id"], Stripe_Product_Id__c=product)
        invoice = await desk.done("create_invoice", record, advance_to="draft")
        [line] = [one.body for one in await desk.stripe.list("line_item", {"invoice": invoice}, limit=9)]
        assert line["pricing"]["price_details"]["product"] == product
        desk.org.change("Product2", row["Product2Id"], Stripe_Product_Id__c="prod_gone")
        refused = await desk.ended("create_invoice", record, "2")
        assert (refused.reason, refused.state) == ("PRODUCT_UNMATCHED", CommandState.REFUSED)
    finally:
        desk.org.change("Product2", row["Product2Id"], Stripe_Product_Id__c=None)


async def test_without_line_items_only_the_records_amount_can_be_invoiced(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(Amount=12.5)
    refused = await desk.ended("create_invoice", record)
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "LINES_MISSING")
    assert await desk.invoices_of(record) == []
    invoice = await desk.done("create_invoice", record, "2", amount_source="record", advance_to="open")
    assert await desk.lines(invoice) == [(1250, "1", "Brightwater")]


async def test_too_little_is_refused_with_both_figures(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(Amount=0.49)
    refused = await desk.ended("create_invoice", record, amount_source="record")
    assert refused.reason == "AMOUNT_TOO_SMALL"
    assert refused.message == "the amount is 0.49 USD, and Stripe charges 0.50 USD at least: ask for more"


async def test_charged_at_once_or_left_open_by_a_decline(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    invoice = await desk.done("create_invoice", record, collection_method="charge_automatically")
    assert (await desk.invoice(invoice))["status"] == "paid"
    desk.card = "pm_card_chargeCustomerFail"
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    declined = await desk.ended("create_invoice", record, collection_method="charge_automatically")
    assert (declined.state, declined.reason) == (CommandState.DECLINED, "PAYMENT_DECLINED")
    body = await desk.invoice(str(declined.result_id))
    assert (body["status"], body["amount_remaining"]) == ("open", 12_000)


async def test_tax_rates_and_automatic_tax(
    org: RunningSandbox, database: Database, database_url: str, tmp_path: Path, desk: InvoiceDesk
) -> None:
    client = desk.dashboard.v1
    rate = client.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False}).id
    async with open_desk(org, database, database_url, tmp_path, Invoices(tax_rates=(rate,))) as taxed:
        record = await taxed.opportunity((SUB, "1", {"UnitPrice": 120}))
        body = await taxed.invoice(await taxed.done("create_invoice", record))
        assert (body["subtotal"], body["total"]) == (12_000, 14_280)
    automatic = Invoices(automatic_tax=True, tax_behavior="exclusive", days_until_due=7)
    async with open_desk(org, database, database_url, tmp_path, automatic) as taxed:
        record = await taxed.opportunity((SUB, "1", {"UnitPrice": 120}))
        refused = await taxed.ended("create_invoice", record)
        assert (refused.state, refused.message) == (
            CommandState.REFUSED,
            "tax needs the customer's address: add it, then finalise the invoice (customer_tax_location_invalid)",
        )
        [draft] = await taxed.invoices_of(record)
        client.customers.update(draft["customer"], {"address": {"country": "DE"}})
        await taxed.done("finalise_invoice", draft["id"])
        body = await taxed.invoice(draft["id"])
        assert (body["subtotal"], body["total"], body["status"]) == (12_000, 14_280, "open")


async def test_a_draft_that_was_changed_in_stripe_is_not_made_final(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    desk.strike(path="/v1/invoices/{invoice}/finalize", fault="disconnect")
    command = await desk.ask("create_invoice", record)
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await desk.settled(command)
    assert type(raised.value).__name__ == "TryAgain"
    [draft] = await desk.invoices_of(record)
    more: Any = {"lines": [{"amount": 5}]}
    desk.dashboard.v1.invoices.add_lines(draft["id"], more)
    refused = await desk.settled(command)
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "INVOICE_DIFFERS")
    assert "120.05 USD" in str(refused.message)
    assert "120.00 USD" in str(refused.message)


async def test_a_record_that_changed_is_a_conflict_with_both_figures(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    await desk.done("create_invoice", record)
    desk.org.create(
        "OpportunityLineItem", OpportunityId=record, PricebookEntryId=desk.entry(ONB, "USD"), Quantity=1, UnitPrice=30
    )
    with pytest.raises(Conflict, match=r"invoiced for 120\.00 USD and the record now says 150\.00 USD"):
        await desk.ask("create_invoice", record)
    assert len(await desk.invoices_of(record)) == 1


async def test_states_are_refused_in_words_or_already_as_wished(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    invoice = await desk.done("create_invoice", record, advance_to="draft")
    for operation, words in (
        ("void_invoice", "a draft, which is deleted"),
        ("mark_invoice_uncollectible", "finalise it first"),
        ("credit_invoice", "finalise it first"),
    ):
        refused = await desk.ended(operation, invoice)
        assert (refused.state, refused.reason) == (CommandState.REFUSED, "INVOICE_WRONG_STATE"), operation
        assert words in str(refused.message)
    await desk.done("finalise_invoice", invoice)
    await desk.done("finalise_invoice", invoice, "2")
    await desk.done("send_invoice", invoice)
    await desk.done("mark_invoice_uncollectible", invoice, "2")
    await desk.done("pay_invoice", invoice, method="out_of_band")
    await desk.done("pay_invoice", invoice, "2")
    assert "credit it instead" in str((await desk.ended("void_invoice", invoice, "2")).message)
    assert "paid already" in str((await desk.ended("send_invoice", invoice, "2")).message)
    assert (await desk.invoice(invoice))["status"] == "paid"


async def test_credit_in_parts_before_and_after_payment(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "1", {"UnitPrice": 120}))
    invoice = await desk.done("create_invoice", record)
    await desk.done("credit_invoice", invoice, amount="20", currency="USD", reason="order_change")
    await desk.done("pay_invoice", invoice)
    body = await desk.invoice(invoice)
    assert (body["amount_paid"], body["pre_payment_credit_notes_amount"]) == (10_000, 2000)
    note = await desk.done("credit_invoice", invoice, "2", amount="30", currency="USD")
    made = (await desk.stripe.retrieve("credit_note", note)).body
    assert (made["post_payment_amount"], len(made["refunds"])) == (3000, 1)
    await desk.done("credit_invoice", invoice, "3", amount="10", currency="USD", credit_to="balance")
    refused = await desk.ended("credit_invoice", invoice, "4", amount="60.01", currency="USD")
    assert refused.message == "60.01 USD was asked for, and 60.00 USD can be credited: ask for less"
    await desk.done("credit_invoice", invoice, "5")
    assert "credited already" in str((await desk.ended("credit_invoice", invoice, "6")).message)


async def test_amount_of_a_payment_from_lines(desk: InvoiceDesk) -> None:
    record = await desk.opportunity((SUB, "2", {"UnitPrice": 120}))
    command = await desk.ended("create_payment", record, method="unconfirmed", amount_source="lines")
    assert command.state is CommandState.SUCCEEDED, command.message
    body = (await desk.stripe.retrieve("payment_intent", str(command.payment_intent_id))).body
    assert body["amount"] == 24_000
    bare = await desk.opportunity(Amount=10)
    refused = await desk.ended("create_payment", bare, method="unconfirmed", amount_source="lines")
    assert refused.reason == "LINES_MISSING"
