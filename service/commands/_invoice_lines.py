"""What an invoice charges for: line items as lines of Stripe's, exact to the minor unit. Pure.

A line keeps its quantity and unit price where their product is its amount; otherwise (a discount, a price that was
rounded) it is sold once for its amount, and its text says how that came about. Coupons are not used, because Stripe
rounds their percentage itself and keeps each in the account's catalogue; nor lines below zero for discounts, which
automatic tax does not take. Source: docs.stripe.com/api/invoices/add_lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service.commands._line_items import LineItem
from service.domain import minor_digits
from service.errors import Refused

Params = dict[str, Any]
_DESCRIPTION_LIMIT = 500
_NAME_LIMIT = 250
_PLACES = 12  # of a decimal amount or quantity


@dataclass(frozen=True, slots=True)
class Price:
    """What Stripe says of a price that a line names; the amount is in minor units, None if it is not one per unit."""

    product_id: str
    unit_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Sale:
    """How lines are sold: in which currency, taxed by whom.

    With automatic tax Stripe takes no line below zero; `tax_behavior` says whether that tax is on top or inside
    (docs.stripe.com/tax/invoicing), None as the account has it.
    """

    currency: str
    automatic_tax: bool = False
    tax_behavior: str | None = None

    def priced(self, title: str, product_id: str | None, unit: Decimal) -> Params:
        """Return the price of a product there is, or of one that is made for this sale."""
        params: Params = {"currency": self.currency, "unit_amount_decimal": plain(unit)}
        params |= {"product": product_id} if product_id else {"product_data": {"name": title[:_NAME_LIMIT]}}
        taxed = self.automatic_tax and self.tax_behavior is not None
        return {"price_data": params | ({"tax_behavior": self.tax_behavior} if taxed else {})}


def line_params(item: LineItem, sale: Sale, prices: Mapping[str, Price]) -> Params:
    """Return one line of an invoice; `prices` are those that line items name, by their ids.

    Raises:
        Refused: LINES_NEGATIVE.
    """
    unit = item.unit_price.scaleb(minor_digits(sale.currency))
    price = prices.get(item.price_id or "")
    product_id = price.product_id if price else item.product_id
    params: Params = {"description": item.title[:_DESCRIPTION_LIMIT], "metadata": {"salesforce_line_id": item.line_id}}
    if not _is_exact(item, unit):
        return params | _at_once(item, sale, product_id)
    params |= _quantity(item.quantity)
    if price is not None and price.unit_amount == unit:
        return params | {"pricing": {"price": item.price_id}}
    return params | sale.priced(item.title, product_id, unit)


def whole_params(title: str, amount_minor: int, sale: Sale) -> Params:
    """Return the one line of an invoice over a record's amount."""
    text: Params = {"description": title[:_DESCRIPTION_LIMIT], "quantity": 1}
    return text | sale.priced(title, None, Decimal(amount_minor))


def _is_exact(item: LineItem, unit: Decimal) -> bool:
    """Tell whether Stripe arrives at the line's amount by itself, with nothing to round."""
    short = all(_places(value) <= _PLACES for value in (unit, item.quantity))
    return short and unit >= 0 and item.quantity > 0 and unit * item.quantity == item.total_minor


def _at_once(item: LineItem, sale: Sale, product_id: str | None) -> Params:
    """Return a line that is sold once for its amount; one below zero has no product at Stripe."""
    text: Params = {"description": f"{item.title} ({_terms(item, sale.currency)})"[:_DESCRIPTION_LIMIT]}
    if item.total_minor >= 0:
        return text | {"quantity": 1} | sale.priced(item.title, product_id, Decimal(item.total_minor))
    if sale.automatic_tax:
        raise Refused(
            f"'{item.title[:80]}' is below zero, which Stripe's automatic tax does not take: lower another line",
            reason="LINES_NEGATIVE",
            metadata={"line_id": item.line_id},
        )
    return text | {"amount": item.total_minor}


def _terms(item: LineItem, currency: str) -> str:
    less = f", less {plain(item.discount)} %" if item.discount else ""
    digits = max(minor_digits(currency), _places(item.unit_price))
    return f"{plain(item.quantity)} x {item.unit_price:.{digits}f}{less}"


def _quantity(quantity: Decimal) -> Params:
    if quantity == quantity.to_integral_value():
        return {"quantity": int(quantity)}
    return {"quantity_decimal": plain(quantity)}


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else _PLACES + 1


def plain(value: Decimal) -> str:
    """Return a number without trailing zeros or an exponent."""
    return format(value.normalize(), "f")
