"""Line items as lines of an invoice: what Stripe would charge for them is what the record says, to the minor unit."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commands._invoice_lines import Price, Sale, line_params, whole_params
from service.commands._line_items import LineItem, line_fields, line_items, lines_query, matched
from service.commands._minimums import refuse_tiny
from service.commands._terms import Terms
from service.config import ObjectMapping
from service.domain import from_minor, minor_digits
from service.errors import Refused

CURRENCIES = st.sampled_from(["usd", "eur", "jpy", "kwd", "huf"])


def item(**changes: Any) -> LineItem:
    known: dict[str, Any] = {
        "line_id": "00k000000000001AAA",
        "title": "Seat",
        "quantity": Decimal(2),
        "unit_price": Decimal("12.50"),
        "discount": Decimal(0),
        "total_minor": 2500,
        "product_id": None,
        "price_id": None,
    }
    return LineItem(**(known | changes))


def charged(params: dict[str, Any], prices: dict[str, Price]) -> Decimal:
    """Return what Stripe makes of a line: docs.stripe.com/api/invoices/add_lines."""
    if "amount" in params:
        return Decimal(params["amount"])
    named = params["pricing"]["price"] if "pricing" in params else None
    unit = prices[named].unit_amount if named else Decimal(params["price_data"]["unit_amount_decimal"])
    assert unit is not None
    return unit * Decimal(params.get("quantity_decimal", params.get("quantity", 1)))


LINES = st.fixed_dictionaries(
    {
        "quantity": st.decimals("0.01", "99999.99", places=2),
        "unit_price": st.decimals("0", "99999.999", places=3),
        "discount": st.decimals("0", "100", places=2),
        "product_id": st.sampled_from([None, "prod_1"]),
        "price_id": st.sampled_from([None, "price_1", "price_2"]),
    }
)


@given(currency=CURRENCIES, says=LINES, automatic=st.booleans())
def test_whatever_a_line_says_stripe_charges_its_total(currency: str, says: dict[str, Any], automatic: bool) -> None:
    unit, product_id, price_id = says["unit_price"], says["product_id"], says["price_id"]
    whole = unit * says["quantity"] * (100 - says["discount"]) / 100
    total = whole.scaleb(minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_UP)
    prices = {
        "price_1": Price("prod_9", unit.scaleb(minor_digits(currency))),
        "price_2": Price("prod_9", None),
    }
    line = item(**says, total_minor=int(total))
    params = line_params(line, Sale(currency, automatic_tax=automatic), prices)
    assert charged(params, prices) == line.total_minor, "exactly, with nothing left to round"
    assert len(set(params) & {"amount", "pricing", "price_data"}) == 1
    assert not {"quantity", "quantity_decimal"} <= set(params)
    if "price_data" in params:
        data = params["price_data"]
        assert data.get("product") == ("prod_9" if price_id else product_id)
        assert ("product" in data) != ("product_data" in data)
        assert data["currency"] == currency


def test_a_line_below_zero_and_automatic_tax() -> None:
    line = item(quantity=Decimal(-1), total_minor=-1250)
    params = line_params(line, Sale("usd"), {})
    assert (params["amount"], params["description"]) == (-1250, "Seat (-1 x 12.50)")
    with pytest.raises(Refused, match="below zero") as refused:
        line_params(line, Sale("usd", automatic_tax=True), {})
    assert refused.value.reason == "LINES_NEGATIVE"


def test_tax_behavior_is_told_with_automatic_tax_only() -> None:
    sale = Sale("usd", automatic_tax=True, tax_behavior="inclusive")
    assert line_params(item(), sale, {})["price_data"]["tax_behavior"] == "inclusive"
    assert "tax_behavior" not in line_params(item(), Sale("usd", tax_behavior="inclusive"), {})["price_data"]
    assert whole_params("All", 99, sale)["price_data"]["unit_amount_decimal"] == "99"


def row(**changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "Id": "00k000000000001AAA",
        "Quantity": 2,
        "UnitPrice": Decimal("12.50"),
        "TotalPrice": 25,
        "Description": None,
        "Product2": {"Name": "Seat", "Stripe_Product_Id__c": "prod_1"},
        "PricebookEntry": {"Stripe_Price_Id__c": None},
        "CurrencyIsoCode": "USD",
    }
    return known | changes


@pytest.mark.parametrize(
    ("rows", "currency", "reason"),
    [
        ([], "usd", "LINES_MISSING"),
        ([row()] * 251, "usd", "LINES_TOO_MANY"),
        ([row(TotalPrice=Decimal("0.005"))], "usd", "AMOUNT_NOT_EXACT"),
        ([row(TotalPrice=Decimal("12.50"))], "jpy", "CURRENCY_MISMATCH"),
        ([row(TotalPrice=Decimal("12.50"), CurrencyIsoCode="JPY")], "jpy", "AMOUNT_NOT_EXACT"),
        ([row(TotalPrice=Decimal("1.234"), CurrencyIsoCode="KWD")], "kwd", "AMOUNT_NOT_EXACT"),
    ],
)
def test_what_no_invoice_can_be_made_of(rows: list[dict[str, Any]], currency: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        line_items(rows, {}, "Opportunity", currency)
    assert refused.value.reason == reason


def test_rows_become_line_items_under_the_orgs_names() -> None:
    names = {"Product2": ObjectMapping(fields={"Stripe_Product_Id__c": "Produkt__c"})}
    [found] = line_items([row(Product2={"Name": "Seat", "Produkt__c": " prod_7 "})], names, "Opportunity", "usd")
    assert (found.product_id, found.price_id, found.total_minor, found.title) == ("prod_7", None, 2500, "Seat")
    assert "Product2.Produkt__c" in line_fields(names)["OpportunityLineItem"]
    left_out = {"PricebookEntry": ObjectMapping(fields={"Stripe_Price_Id__c": None})}
    query = lines_query(left_out, "Order", "801000000000001AAA", with_currency=False)
    assert "PricebookEntry" not in query
    assert query.endswith("FROM OrderItem WHERE OrderId = '801000000000001AAA' ORDER BY OrderItemNumber, Id LIMIT 251")


def terms(amount: int, currency: str) -> Terms:
    return Terms(amount, currency, "001000000000001AAA", "Fenwick", None, "Seats")


@given(currency=CURRENCIES, totals=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=9), off=st.integers())
def test_lines_match_the_record_or_both_figures_are_told(currency: str, totals: list[int], off: int) -> None:
    items = [item(total_minor=total) for total in totals]
    says = sum(totals) + off
    if off == 0:
        assert matched(items, terms(says, currency)) == items
        return
    with pytest.raises(Refused) as refused:
        matched(items, terms(says, currency))
    assert refused.value.reason == "LINES_MISMATCH"
    assert refused.value.metadata["lines_minor"] == str(sum(totals))
    assert f"{from_minor(says, currency):f} {currency.upper()}" in refused.value.message


@pytest.mark.parametrize(("currency", "least"), [("usd", 50), ("gbp", 30), ("jpy", 50), ("huf", 17_500), ("kwd", 1)])
def test_minimums(currency: str, least: int) -> None:
    refuse_tiny(least, currency)
    with pytest.raises(Refused, match="at least") as refused:
        refuse_tiny(least - 1, currency)
    assert refused.value.metadata["least_minor"] == str(least)
