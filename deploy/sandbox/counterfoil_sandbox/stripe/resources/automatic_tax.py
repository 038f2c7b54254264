"""Automatic tax on invoices (docs.stripe.com/tax/invoicing): one invented rate a country, always on top.

The address of the customer decides. Without a country there the calculation waits, and the invoice cannot become final.
A country that is not in the table is refused as not imitated. Registrations, product tax codes and tax that is inside
of prices are not imitated.
"""

from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, not_imitated
from counterfoil_sandbox.stripe.resources import tax_rates
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_PERCENT = {"DE": "19", "FR": "20", "GB": "20", "JP": "10", "US": "0"}
_COMPLETE, _WAITS = "complete", "requires_location_inputs"


def switch(invoice: Json, *, enabled: bool) -> None:
    """Turn it on or off."""
    invoice["automatic_tax"] = {
        "disabled_reason": None,
        "enabled": enabled,
        "liability": {"type": "self"} if enabled else None,
        "provider": "stripe" if enabled else None,
        "status": None,
    }


def check(invoice: Json, items: list[Json]) -> None:
    """Raise for items that automatic tax does not take (docs.stripe.com/api/invoices/object, automatic_tax.enabled)."""
    if invoice["automatic_tax"]["enabled"] and any(item["amount"] < 0 or item["tax_rates"] for item in items):
        raise invalid("Items with negative amounts or tax rates cannot be added to automatic tax invoices.", "lines")


def look(world: World, invoice: Json) -> None:
    """Set how the calculation stands."""
    if invoice["automatic_tax"]["enabled"]:
        status = _COMPLETE if _country(world, invoice) else _WAITS
        invoice["automatic_tax"] = invoice["automatic_tax"] | {"status": status}


def rates(world: World, invoice: Json) -> list[Json]:
    """Return the rate of the customer's country, as a tax rate that Stripe made; none if it is not on, or waits."""
    country = _country(world, invoice) if invoice["automatic_tax"]["enabled"] else None
    if country is None:
        return []
    if country not in _PERCENT:
        raise not_imitated(f"automatic tax in {country}")
    known = (row for row in world.tax_rates.rows.values() if world.hidden(row["id"]).get("automatic") == country)
    return [next(known, None) or _make(world, country)]


def _make(world: World, country: str) -> Json:
    values = {
        "active": False,
        "country": country,
        "display_name": "Sales Tax" if country == "US" else "VAT",
        "inclusive": False,
        "percentage": _PERCENT[country],
    }
    row = tax_rates.build(world, values)
    world.hidden(row["id"])["automatic"] = country
    return row


def require_location(world: World, invoice: Json) -> None:
    """Raise Stripe's refusal to make an invoice final while the calculation waits, and say so in an event."""
    if invoice["automatic_tax"]["status"] != _WAITS:
        return
    words = "The customer's location isn't recognized. Set a valid customer address to calculate tax."
    before = snapshot(invoice)
    invoice["last_finalization_error"] = {
        "code": "customer_tax_location_invalid",
        "message": words,
        "type": "invalid_request_error",
    }
    world.emit("invoice.finalization_failed", invoice, changed(invoice, before))
    raise StripeError(400, words, code="customer_tax_location_invalid", param="automatic_tax", executed=True)


def _country(world: World, invoice: Json) -> str | None:
    address = world.customers.rows[invoice["customer"]]["address"]
    return address["country"] if address else None
