"""What an invoice charges for: its items and their lines, with their tax (docs.stripe.com/api/invoiceitems).

An item without an invoice is pending until an invoice of its customer sweeps it. Each item is one line; its id is the
item's and the line's own one is made when the item joins an invoice.
"""

from decimal import ROUND_HALF_UP, Decimal

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, invalid, refused
from counterfoil_sandbox.stripe.params import merged
from counterfoil_sandbox.stripe.resources import automatic_tax, catalog, tax_rates
from counterfoil_sandbox.stripe.store import listing
from counterfoil_sandbox.stripe.world import World

MAX_ITEMS = 250  # docs.stripe.com/api/invoiceitems/create
SHOWN = 10
_WAYS = ("amount", "unit_amount_decimal", "pricing", "price_data")


def make_item(world: World, values: Json, customer: str, currency: str) -> Json:
    """Return a new item from typed parameters, saved and unannounced; it belongs to no invoice yet."""
    amount, pricing = _priced(world, values, currency)
    quantity = _quantity(values)
    now = world.now()
    period = values.get("period") or {"start": now, "end": now}
    if period["end"] < period["start"]:
        raise invalid("The period's end must not be before its start.", "period[end]")
    row: Json = {
        "id": world.ids.new("ii", "1"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "date": now,
        "description": values.get("description"),
        "discountable": values.get("discountable", True),
        "discounts": [],
        "frozen_fields": [],
        "invoice": None,
        "livemode": False,
        "metadata": merged({}, values.get("metadata", {})),
        "net_amount": amount,
        "parent": None,
        "period": period,
        "pricing": pricing,
        "proration": False,
        "quantity": int(quantity),
        "quantity_decimal": format(quantity, "f"),
        "tax_rates": tax_rates.resolve(world, values.get("tax_rates", []), "tax_rates"),
        "test_clock": None,
    }
    world.hidden(row["id"])["line"] = world.ids.new("il", "1")
    return world.invoice_items.save(row)


def _quantity(values: Json) -> Decimal:
    if "quantity" in values and "quantity_decimal" in values:
        raise invalid("You may only specify one of these parameters: quantity, quantity_decimal.", "quantity")
    quantity = Decimal(values["quantity_decimal"] if "quantity_decimal" in values else values.get("quantity", 1))
    if quantity < 0:
        raise invalid("This value must be greater than or equal to 0.", "quantity_decimal")
    return quantity


def _priced(world: World, values: Json, currency: str) -> tuple[int, Json | None]:
    given = [name for name in _WAYS if name in values]
    if len(given) != 1:
        raise invalid(f"You must specify exactly one of these parameters: {', '.join(_WAYS)}.", "amount")
    if given == ["amount"]:
        if _quantity(values) != 1:
            raise invalid("You cannot specify `quantity` with `amount`. Use `unit_amount_decimal`.", "quantity")
        return values["amount"], None
    if given == ["unit_amount_decimal"]:
        unit, details = values["unit_amount_decimal"], {}
    else:
        price = _price(world, values, given[0])
        if price["currency"] != currency:
            raise invalid(f"The price's currency must be {currency}, as the invoice's is.", given[0])
        unit = price["unit_amount_decimal"]
        details = {"price_details": {"price": price["id"], "product": price["product"]}}
    exact = Decimal(unit) * _quantity(values)
    pricing = details | {"type": "price_details", "unit_amount_decimal": unit}
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP)), pricing


def _price(world: World, values: Json, way: str) -> Json:
    if way == "pricing":
        return world.prices.get(values["pricing"]["price"], "pricing[price]", status=400)
    data = values["price_data"]
    currencies.check_currency(data["currency"], "price_data[currency]")
    product = catalog.product_for(world, data, "price_data", active=False)
    return catalog.make_price(world, data, product, active=False)


def join(world: World, invoice: Json, items: list[Json]) -> None:
    """Put items on a draft, and compute it anew."""
    require_draft(invoice, "add lines to")
    present = list(world.invoice_items.having("invoice", invoice["id"]))
    if len(present) + len(items) > MAX_ITEMS:
        raise invalid(f"An invoice can have at most {MAX_ITEMS} line items.", "lines")
    for item in items:
        if item["currency"] != invoice["currency"]:
            raise invalid(
                f"The currency of the invoice item ({item['currency']}) must match the invoice's "
                f"({invoice['currency']}).",
                "currency",
            )
    automatic_tax.check(invoice, items)
    for item in items:
        item["invoice"] = invoice["id"]
        world.invoice_items.save(item)
    compute(world, invoice)


def require_draft(invoice: Json, doing: str) -> None:
    """Raise unless an invoice may still be changed."""
    if invoice["status"] != "draft":
        raise refused(f"You can only {doing} an invoice that is a draft; {invoice['id']} is {invoice['status']}.")


def lines(world: World, invoice: Json) -> list[Json]:
    """Return all lines of an invoice, in the order the items joined."""
    return [_line(world, invoice, item) for item in world.invoice_items.having("invoice", invoice["id"])]


def _line(world: World, invoice: Json, item: Json) -> Json:
    rates = item["tax_rates"] or automatic_tax.rates(world, invoice) or invoice["default_tax_rates"]
    return {
        "id": world.hidden(item["id"])["line"],
        "object": "line_item",
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": item["discountable"],
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": dict(item["metadata"]),
        "parent": {
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": dict(item["period"]),
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subscription": None,
        "subtotal": item["amount"],
        "taxes": tax_rates.taxes(world, item["amount"], rates),
    }


def compute(world: World, invoice: Json) -> None:
    """Set a draft's lines, tax and totals from its items."""
    automatic_tax.look(world, invoice)
    rows = lines(world, invoice)
    entries = tax_rates.added([entry for row in rows for entry in row["taxes"]])
    subtotal = sum(row["amount"] for row in rows)
    inclusive = sum(entry["amount"] for entry in entries if entry["tax_behavior"] == "inclusive")
    exclusive = sum(entry["amount"] for entry in entries) - inclusive
    total = subtotal + exclusive
    due = max(0, total)
    invoice |= {
        "amount_due": due,
        "amount_remaining": due,
        "lines": listing(rows[:SHOWN], f"/v1/invoices/{invoice['id']}/lines", has_more=len(rows) > SHOWN),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": subtotal - inclusive,
        "total_taxes": entries,
    }
