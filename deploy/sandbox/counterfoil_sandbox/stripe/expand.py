"""The `expand` parameter: ids replaced by their objects, four levels deep.

Paths are checked against the types before a request is executed, so that a wrong one has no effect; a property that is
null, or that holds an object of another type than the path asks about, stays as it is (docs.stripe.com/expand).
"""

from collections.abc import Callable
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.resources import invoices, invoicing
from counterfoil_sandbox.stripe.store import listing
from counterfoil_sandbox.stripe.world import World

MAX_LEVELS = 4

_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "payment_intent": {
        "customer": ("customer",),
        "latest_charge": ("charge",),
        "payment_method": ("payment_method",),
        "application": (),
        "on_behalf_of": (),
        "review": (),
    },
    "charge": {
        "balance_transaction": ("balance_transaction",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "refunds": ("refund",),
        "application": (),
        "application_fee": (),
        "on_behalf_of": (),
        "review": (),
        "source_transfer": (),
        "transfer": (),
    },
    "refund": {
        "balance_transaction": ("balance_transaction",),
        "charge": ("charge",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "payment_method": ("payment_method",),
        "source_transfer_reversal": (),
        "transfer_reversal": (),
    },
    "dispute": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "balance_transaction": {"source": ("charge", "refund", "dispute", "payout")},
    "payout": {
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
        "original_payout": ("payout",),
        "reversed_by": ("payout",),
        "destination": (),
    },
    "payment_method": {"customer": ("customer",)},
    "customer": {"default_source": (), "test_clock": (), "invoice_settings": ("invoice_settings",)},
    "invoice_settings": {"default_payment_method": ("payment_method",)},
    "checkout.session": {
        "customer": ("customer",),
        "payment_intent": ("payment_intent",),
        "line_items": ("item",),
        "invoice": (),
        "payment_link": ("payment_link",),
        "setup_intent": (),
        "subscription": (),
    },
    "payment_link": {"line_items": ("item",), "application": (), "on_behalf_of": ()},
    "item": {"price": ("price",)},
    "invoice": {
        "amount_paid_off_stripe": (),
        "confirmation_secret": (),
        "customer": ("customer",),
        "default_payment_method": ("payment_method",),
        "payments": ("invoice_payment",),
        "account_tax_ids": (),
        "application": (),
        "default_source": (),
        "discounts": (),
        "latest_revision": (),
        "on_behalf_of": (),
        "test_clock": (),
    },
    "invoice_payment": {"invoice": ("invoice",), "payment": ("invoice_payment.payment",)},
    "invoice_payment.payment": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "invoiceitem": {"customer": ("customer",), "invoice": ("invoice",), "discounts": (), "test_clock": ()},
    "credit_note": {
        "customer": ("customer",),
        "invoice": ("invoice",),
        "refunds": ("credit_note.refund",),
        "customer_balance_transaction": (),
    },
    "credit_note.refund": {"refund": ("refund",)},
    "price": {"product": ("product",)},
    "product": {"default_price": ("price",)},
}


def check(paths: list[str], returns: str, *, listed: bool) -> None:
    """Raise Stripe's refusal for a path that cannot be expanded."""
    for path in paths:
        parts = path.split(".")
        if listed:
            if parts[0] != "data" or len(parts) == 1:
                raise invalid(
                    f"This property cannot be expanded ({parts[0]}). You may want to try expanding 'data.{path}' "
                    "instead.",
                    "expand",
                )
            parts = parts[1:]
        if len([part for part in parts if part != "data"]) > MAX_LEVELS:
            raise invalid(f"You cannot expand more than {MAX_LEVELS} levels of a property: {path}.", "expand")
        types: set[str] = {returns}
        for part in parts:
            if part == "data":
                continue
            known = [kind for kind in types if part in _FIELDS.get(kind, {})]
            if not known:
                raise invalid(f"This property cannot be expanded ({path}).", "expand")
            types = {target for kind in known for target in _FIELDS[kind][part]}


def apply(world: World, body: Json, paths: list[str]) -> Json:
    """Return `body` with the paths expanded; the stored rows are never touched."""
    for path in paths:
        body = _open(world, body, path.split("."))
    return body


def _open(world: World, node: Any, parts: list[str]) -> Any:
    if isinstance(node, list):
        return [_open(world, item, parts) for item in node]
    if not isinstance(node, dict) or not parts:
        return node
    name, rest = parts[0], parts[1:]
    value = node.get(name)
    only_expanded = _ONLY_EXPANDED.get((str(node.get("object")), name))
    if only_expanded and value is None:
        value = only_expanded(world, node)
    elif isinstance(value, str):
        value = lookup(world, value)
    if value is None:
        return node
    return {**node, name: _open(world, value, rest)}


def lookup(world: World, identifier: str) -> Any:
    """Return the object an id names, or the id itself."""
    tables = {
        "cus": world.customers,
        "pm": world.payment_methods,
        "pi": world.payment_intents,
        "ch": world.charges,
        "re": world.refunds,
        "du": world.disputes,
        "in": world.invoices,
        "inpay": world.invoice_payments,
        "cn": world.credit_notes,
        "txn": world.balance_transactions,
        "plink": world.payment_links,
        "po": world.payouts,
        "prod": world.products,
        "price": world.prices,
    }
    table = tables.get(identifier.partition("_")[0])
    return table.rows.get(identifier, identifier) if table else identifier


def _refunds(world: World, charge: Json) -> Json:
    rows = list(world.refunds.having("charge", charge["id"]))[::-1]
    return listing(rows[:10], f"/v1/charges/{charge['id']}/refunds", has_more=len(rows) > 10)  # noqa: PLR2004


def _line_items(world: World, owner: Json) -> Json:
    rows = world.line_items.get(owner["id"], [])
    kind = "payment_links" if owner["object"] == "payment_link" else "checkout/sessions"
    return listing(rows[:10], f"/v1/{kind}/{owner['id']}/line_items", has_more=len(rows) > 10)  # noqa: PLR2004


# What an object shows only when it is asked for.
_ONLY_EXPANDED: dict[tuple[str, str], Callable[[World, Json], Any]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _line_items,
    ("payment_link", "line_items"): _line_items,
    ("invoice", "amount_paid_off_stripe"): invoicing.paid_off_stripe,
    ("invoice", "confirmation_secret"): invoices.shown_secret,
    ("invoice", "payments"): invoices.shown_payments,
}
