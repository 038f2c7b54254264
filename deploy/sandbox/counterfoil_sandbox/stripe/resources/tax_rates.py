"""Tax rates of a fixed percentage, as invoices use them (docs.stripe.com/api/tax_rates).

A rate is never changed in its percentage nor deleted, so that old invoices keep their arithmetic.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.params import (
    PAGING,
    Boolean,
    Choice,
    Kind,
    Metadata,
    Params,
    Range,
    Text,
    merged,
)
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_PERCENTAGE = re.compile(r"\d{1,3}(\.\d{1,4})?")
_TYPES = (
    "amusement_tax", "communications_tax", "gst", "hst", "igst", "jct", "lease_tax", "mass_transit_parking_tax",
    "parking_tax", "pst", "qst", "retail_delivery_fee", "rst", "sales_tax", "service_tax", "vat",
)  # fmt: skip


@dataclass(frozen=True)
class Percentage(Kind):
    """A decimal from 0 to 100 with at most four places, kept as text."""

    def _convert(self, name: str, raw: Any) -> str:
        if not isinstance(raw, str) or not _PERCENTAGE.fullmatch(raw) or Decimal(raw) > 100:  # noqa: PLR2004  (per cent)
            raise invalid(f"Invalid decimal: {raw}; must be between 0 and 100 with at most 4 places", name)
        return raw


def create(world: World, call: Call) -> Json:
    """POST /v1/tax_rates."""
    row = build(world, call.params)
    world.emit("tax_rate.created", row)
    return row


def build(world: World, values: Json) -> Json:
    """Return a new rate, saved and unannounced."""
    percentage = values["percentage"]
    row: Json = {
        "id": world.ids.new("txr", "1"),
        "object": "tax_rate",
        "active": values.get("active", True),
        "country": values.get("country"),
        "created": world.now(),
        "description": values.get("description"),
        "display_name": values["display_name"],
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": values["inclusive"],
        "jurisdiction": values.get("jurisdiction"),
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": merged({}, values.get("metadata", {})),
        "percentage": float(percentage),  # as JSON shows it; tax is computed from the text
        "rate_type": "percentage",
        "state": values.get("state"),
        "tax_type": values.get("tax_type"),
    }
    world.hidden(row["id"])["percentage"] = percentage
    return world.tax_rates.save(row)


def resolve(world: World, identifiers: list[str], param: str) -> list[Json]:
    """Return the active rates that a parameter names."""
    rows = [world.tax_rates.get(identifier, param, status=400) for identifier in identifiers]
    for row in rows:
        if not row["active"]:
            raise invalid(f"The tax rate {row['id']} has been archived.", param)
    return rows


def taxes(world: World, amount: int, rates: list[Json]) -> list[Json]:
    """Return the tax of each rate on `amount` minor units, rounded half up, as a line shows it."""
    found: list[Json] = []
    inclusive = sum((_fraction(world, rate) for rate in rates if rate["inclusive"]), Decimal(0))
    taxable = Decimal(amount) / (1 + inclusive)
    for rate in rates:
        tax = (taxable * _fraction(world, rate)).quantize(Decimal(1), ROUND_HALF_UP)
        found.append(
            {
                "amount": int(tax),
                "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": rate["id"]},
                "taxability_reason": "standard_rated" if rate["percentage"] else "zero_rated",
                "taxable_amount": int(taxable.quantize(Decimal(1), ROUND_HALF_UP)),
                "type": "tax_rate_details",
            }
        )
    return found


def added(entries: list[Json]) -> list[Json]:
    """Return taxes of several lines as one entry for each rate, in the order the rates first appear."""
    found: dict[str, Json] = {}
    for entry in entries:
        total = found.setdefault(entry["tax_rate_details"]["tax_rate"], entry | {"amount": 0, "taxable_amount": 0})
        total["amount"] += entry["amount"]
        total["taxable_amount"] += entry["taxable_amount"]
    return list(found.values())


def _fraction(world: World, rate: Json) -> Decimal:
    return Decimal(str(world.hidden(rate["id"])["percentage"])) / 100


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/tax_rates/{tax_rate}."""
    return world.tax_rates.get(call.ids["tax_rate"], "tax_rate")


def update(world: World, call: Call) -> Json:
    """POST /v1/tax_rates/{tax_rate}; never its percentage."""
    row = retrieve(world, call)
    before = snapshot(row)
    for name, value in call.params.items():
        row[name] = merged(row["metadata"], value) if name == "metadata" else value
    if previous := changed(row, before):
        world.emit("tax_rate.updated", row, previous)
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/tax_rates."""
    wanted = {name: call.params[name] for name in ("active", "inclusive") if name in call}
    return world.tax_rates.page(call.params, "/v1/tax_rates", **wanted)


_UPDATE: dict[str, Kind] = {
    "active": Boolean(),
    "country": Text(2),
    "description": Text(),
    "display_name": Text(50),
    "jurisdiction": Text(50),
    "metadata": Metadata(),
    "state": Text(3),
    "tax_type": Choice(_TYPES),
}
_CREATE = Params(
    {**_UPDATE, "inclusive": Boolean(), "percentage": Percentage()},
    required=("display_name", "inclusive", "percentage"),
)
_LIST = Params({**PAGING, "active": Boolean(), "created": Range(), "inclusive": Boolean()})
_ONE = "/v1/tax_rates/{tax_rate}"
ENDPOINTS = [
    Endpoint("POST", "/v1/tax_rates", create, "tax_rate", _CREATE),
    Endpoint("GET", "/v1/tax_rates", index, "tax_rate", _LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, "tax_rate"),
    Endpoint("POST", _ONE, update, "tax_rate", Params(_UPDATE)),
]
