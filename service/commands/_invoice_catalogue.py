"""The products and prices of Stripe's that line items name; each is looked at before anything is made.

Refuses one that Stripe does not know, that is archived, or of another currency: nobody guesses what was meant.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from service.clients import StripeApi
from service.commands._invoice_lines import Price
from service.commands._line_items import PRICE_FIELD, PRODUCT_FIELD, LineItem
from service.errors import Refused, VendorRejected

_UNKNOWN = "resource_missing"


async def prices_of(stripe: StripeApi, items: Sequence[LineItem], currency: str) -> dict[str, Price]:
    """Return the prices that line items name, by their ids, and see that the named products are there.

    Raises:
        Refused: PRODUCT_UNMATCHED, naming the line, the field and the remedy.
        VendorError: Stripe did not answer as it should.
    """
    prices: dict[str, Price] = {}
    seen: set[str] = set()
    for item in items:
        if item.price_id is not None:
            if item.price_id not in prices:
                where = f"PricebookEntry.{PRICE_FIELD}"
                prices[item.price_id] = _price(await _read(stripe, "price", item.price_id, item, where), item, currency)
        elif item.product_id is not None and item.product_id not in seen:
            await _read(stripe, "product", item.product_id, item, f"Product2.{PRODUCT_FIELD}")
            seen.add(item.product_id)
    return prices


async def _read(stripe: StripeApi, kind: str, object_id: str, item: LineItem, where: str) -> Mapping[str, Any]:
    try:
        found = (await stripe.retrieve(kind, object_id)).body
    except VendorRejected as error:
        if error.code != _UNKNOWN:
            raise
        raise _unmatched(item, where, f"Stripe does not know the {kind}") from None
    if found.get("deleted") or found.get("active") is False:
        raise _unmatched(item, where, f"the {kind} is archived in Stripe")
    return found


def _price(found: Mapping[str, Any], item: LineItem, currency: str) -> Price:
    where = f"PricebookEntry.{PRICE_FIELD}"
    if str(found.get("currency")) != currency:
        raise _unmatched(item, where, f"the price is in {str(found.get('currency')).upper()}")
    # Of a price that recurs or goes by tiers only the product is taken: the line says what is charged, once.
    simple = found.get("billing_scheme", "per_unit") == "per_unit" and not found.get("recurring")
    unit = found.get("unit_amount_decimal") if simple else None
    return Price(str(found.get("product")), None if unit is None else Decimal(str(unit)))


def _unmatched(item: LineItem, where: str, fault: str) -> Refused:
    return Refused(
        f"{fault} that '{item.title[:80]}' names: correct or empty {where}",
        reason="PRODUCT_UNMATCHED",
        metadata={"line_id": item.line_id},
    )
