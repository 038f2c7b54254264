"""The line items of an Opportunity or Order: read, made exact, and compared with what the record says. Pure.

What a line costs is its TotalPrice, in which a discount is taken off already: no arithmetic of ours takes its place.
Refuses lines that do not add up to the record, and amounts that the currency cannot hold. Source: OpportunityLineItem
and OrderItem in Salesforce's Object Reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from service.clients import format_soql
from service.domain import from_minor, to_minor
from service.errors import Refused
from service.mapping import Names, field_name

if TYPE_CHECKING:
    from service.commands._terms import Terms

RECORD, LINES = "record", "lines"
AMOUNT_SOURCES = (RECORD, LINES)
MAX_LINES = 250  # of an invoice: docs.stripe.com/api/invoiceitems/create
PRODUCT_FIELD, PRICE_FIELD = "Stripe_Product_Id__c", "Stripe_Price_Id__c"


@dataclass(frozen=True, slots=True)
class _Below:
    """Where the line items of an object are, and what orders them."""

    sobject: str
    parent: str
    order: str
    fields: tuple[str, ...]


_COMMON = ("Id", "Quantity", "UnitPrice", "TotalPrice", "Description", "Product2.Name")
_BELOW = {
    "Opportunity": _Below("OpportunityLineItem", "OpportunityId", "SortOrder", (*_COMMON, "Discount")),
    "Order": _Below("OrderItem", "OrderId", "OrderItemNumber", _COMMON),
}


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line of a record.

    Attributes:
        line_id: of the OpportunityLineItem or OrderItem.
        title: the product's name and the line's own description.
        quantity: as it is; may be a fraction.
        unit_price: in units of the record's currency, before the discount.
        discount: in per cent; zero if there is none.
        total_minor: what the line costs, in minor units of the record's currency.
        product_id: Stripe's product that Product2 names, if it names one.
        price_id: Stripe's price that the price book entry names, if it names one.
    """

    line_id: str
    title: str
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal
    total_minor: int
    product_id: str | None
    price_id: str | None


def line_fields(names: Names) -> dict[str, tuple[str, ...]]:
    """Return what is read of each kind of line, as an org with these names has it; "Product2.X" is the product's X."""
    linked = [
        f"{sobject}.{own}"
        for sobject, field in (("Product2", PRODUCT_FIELD), ("PricebookEntry", PRICE_FIELD))
        if (own := field_name(names, sobject, field)) is not None
    ]
    return {below.sobject: (*below.fields, *linked) for below in _BELOW.values()}


def lines_query(names: Names, sobject: str, record_id: str, *, with_currency: bool) -> str:
    """Return the query for the line items of a record, one more than may be."""
    below = _BELOW[sobject]
    fields = [*line_fields(names)[below.sobject], *(["CurrencyIsoCode"] if with_currency else [])]
    # Names of fields are ours; the only value is quoted by the library.
    return format_soql(
        f"SELECT {', '.join(fields)} FROM {below.sobject} WHERE {below.parent} = {{}} "  # noqa: S608  (see above)
        f"ORDER BY {below.order}, Id LIMIT {MAX_LINES + 1}",
        record_id,
    )


def line_items(rows: Sequence[Mapping[str, Any]], names: Names, sobject: str, currency: str) -> list[LineItem]:
    """Return rows of the query as line items.

    Raises:
        Refused: LINES_MISSING, LINES_TOO_MANY, AMOUNT_NOT_EXACT or CURRENCY_MISMATCH.
    """
    if not rows:
        raise Refused(f"the {sobject} has no line items: add products to it", reason="LINES_MISSING")
    if len(rows) > MAX_LINES:
        raise Refused(
            f"the {sobject} has more than {MAX_LINES} line items, which is the most that an invoice takes: split it",
            reason="LINES_TOO_MANY",
        )
    return [_line(row, names, sobject, currency) for row in rows]


def _line(row: Mapping[str, Any], names: Names, sobject: str, currency: str) -> LineItem:
    code = row.get("CurrencyIsoCode")
    if code and str(code).lower() != currency:
        raise Refused(
            f"a line item is in {code} and the {sobject} in {currency.upper()}: all must be in one currency",
            reason="CURRENCY_MISMATCH",
        )
    product, entry = row.get("Product2") or {}, row.get("PricebookEntry") or {}
    quantity, unit = _number(row.get("Quantity")), _number(row.get("UnitPrice"))
    total = row.get("TotalPrice")
    name, description = (str(value or "").strip() for value in (product.get("Name"), row.get("Description")))
    return LineItem(
        line_id=str(row["Id"]),
        title=": ".join(part for part in (name, description) if part) or sobject,
        quantity=quantity,
        unit_price=unit,
        discount=_number(row.get("Discount")),
        total_minor=to_minor(quantity * unit if total is None else Decimal(total), currency),
        product_id=_id(product, field_name(names, "Product2", PRODUCT_FIELD)),
        price_id=_id(entry, field_name(names, "PricebookEntry", PRICE_FIELD)),
    )


def _number(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)


def _id(row: Mapping[str, Any], field: str | None) -> str | None:
    value = row.get(field) if field else None
    return str(value).strip() or None if value else None


def matched(items: Sequence[LineItem], terms: "Terms") -> Sequence[LineItem]:
    """Return line items that add up to the record's amount.

    Raises:
        Refused: LINES_MISMATCH, with both figures in its text and its metadata.
    """
    total = sum(item.total_minor for item in items)
    if total != terms.amount_minor:
        code = terms.currency.upper()
        shown = [format(from_minor(value, code), "f") for value in (total, terms.amount_minor)]
        raise Refused(
            f"the line items add up to {shown[0]} {code} and the record says {shown[1]} {code}: correct one of them",
            reason="LINES_MISMATCH",
            metadata={"lines_minor": str(total), "record_minor": str(terms.amount_minor), "currency": code},
        )
    return items
