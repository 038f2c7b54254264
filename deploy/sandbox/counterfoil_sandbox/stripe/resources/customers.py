"""Customers. A deleted one leaves a tombstone that still answers 200, as at Stripe (docs.stripe.com/api/customers)."""

import re

from counterfoil_sandbox.stripe.errors import Json, invalid, missing
from counterfoil_sandbox.stripe.params import (
    ADDRESS,
    PAGING,
    SHIPPING,
    Array,
    Choice,
    Hash,
    Metadata,
    Params,
    Range,
    Text,
    merged,
)
from counterfoil_sandbox.stripe.resources import payment_methods
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_TEXTS = ("business_name", "description", "email", "individual_name", "name", "phone")
_SHIPPING = Hash(
    {name: SHIPPING.fields[name] for name in ("address", "name", "phone")}, required=("address", "name"), unset=True
)
_FIELDS = {
    **{name: Text(unset=True) for name in _TEXTS},
    "address": Hash(ADDRESS.fields, unset=True),
    "shipping": _SHIPPING,
    "metadata": Metadata(),
    "preferred_locales": Array(Text()),
    "tax_exempt": Choice(("none", "exempt", "reverse"), unset=True),
    "invoice_settings": Hash(
        {"default_payment_method": Text(unset=True)},
        elsewhere=frozenset(("custom_fields", "footer", "rendering_options")),
    ),
}
_ELSEWHERE = frozenset(("balance", "cash_balance", "invoice_prefix", "next_invoice_sequence", "source", "tax"))
_CREATE = Params({**_FIELDS, "payment_method": Text()}, elsewhere=_ELSEWHERE | {"test_clock", "tax_id_data"})
_UPDATE = Params(
    _FIELDS,
    elsewhere=_ELSEWHERE
    | {"bank_account", "card", "default_alipay_account", "default_bank_account", "default_card", "default_source"},
)


def create(world: World, call: Call) -> Json:
    """POST /v1/customers."""
    row: Json = {
        "id": world.ids.new("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": world.ids.token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(world, row, call, creating=True)
    method = payment_methods.resolve(world, call.params["payment_method"]) if "payment_method" in call else None
    if method:
        payment_methods.refuse_attaching(world, method, row["id"])
    world.customers.save(row)
    world.emit("customer.created", row)
    if method:
        payment_methods.attach(world, method, row["id"])
    return row


def _apply(world: World, row: Json, call: Call, *, creating: bool = False) -> None:
    email = call.get("email")
    if email and not _EMAIL.fullmatch(email):
        raise invalid(f"Invalid email address: {email}", "email", "email_invalid")
    default = (call.get("invoice_settings") or {}).get("default_payment_method")
    if default and not (creating and default == call.get("payment_method")):
        method = world.payment_methods.get(default, "invoice_settings[default_payment_method]", status=400)
        if method["customer"] != row["id"]:
            raise invalid(
                f"The customer does not have a payment method with the ID {default}. The payment method must be "
                "attached to the customer.",
                "invoice_settings[default_payment_method]",
                "resource_missing",
            )
    for name, value in call.params.items():
        if name == "metadata":
            row["metadata"] = merged(row["metadata"], value)
        elif name == "invoice_settings":
            row["invoice_settings"] = row["invoice_settings"] | value
        elif name == "address":
            row["address"] = value and dict.fromkeys(ADDRESS.fields) | value
        elif name == "shipping":
            row["shipping"] = shipping(value)
        elif name in _FIELDS:
            row[name] = value or ("none" if name == "tax_exempt" else value)


def shipping(value: Json | None) -> Json | None:
    """Return a shipping hash with every key Stripe shows."""
    if value is None:
        return None
    address = dict.fromkeys(ADDRESS.fields) | value["address"]
    return {"carrier": None, "phone": None, "tracking_number": None} | value | {"address": address}


def existing(world: World, identifier: str, param: str = "customer") -> Json:
    """Return a customer named in a parameter; a deleted one counts as missing."""
    row = world.customers.get(identifier, param, status=400)
    if row.get("deleted"):
        raise missing("customer", identifier, param, status=400)
    return row


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/customers/{customer}."""
    return world.customers.get(call.ids["customer"])


def update(world: World, call: Call) -> Json:
    """POST /v1/customers/{customer}."""
    row = _living(world, call)
    before = snapshot(row)
    _apply(world, row, call)
    world.customers.save(row)
    if previous := changed(row, before):
        world.emit("customer.updated", row, previous)
    return row


def _living(world: World, call: Call) -> Json:
    row = world.customers.get(call.ids["customer"])
    if row.get("deleted"):
        raise missing("customer", row["id"], "id")
    return row


def delete(world: World, call: Call) -> Json:
    """DELETE /v1/customers/{customer}."""
    row = _living(world, call)
    for method in list(world.payment_methods.having("customer", row["id"])):
        payment_methods.detach(world, method)
    world.emit("customer.deleted", row)
    tombstone = {"id": row["id"], "object": "customer", "deleted": True}
    world.customers.save(tombstone)
    return tombstone


def index(world: World, call: Call) -> Json:
    """GET /v1/customers."""
    wanted = {"email": call.params["email"]} if "email" in call else {}
    return world.customers.page(call.params, "/v1/customers", **wanted)


def methods(world: World, call: Call) -> Json:
    """GET /v1/customers/{customer}/payment_methods."""
    row = _living(world, call)
    wanted = {"customer": row["id"]} | ({"type": call.params["type"]} if "type" in call else {})
    return world.payment_methods.page(call.params, call.path, **wanted)


def method(world: World, call: Call) -> Json:
    """GET /v1/customers/{customer}/payment_methods/{payment_method}."""
    row = _living(world, call)
    found = world.payment_methods.get(call.ids["payment_method"], "payment_method")
    if found["customer"] != row["id"]:
        raise missing("PaymentMethod", found["id"], "payment_method")
    return found


_ONE = "/v1/customers/{customer}"
_METHODS = Params({**PAGING, "type": payment_methods.TYPE}, elsewhere=frozenset(("allow_redisplay",)))
ENDPOINTS = [
    Endpoint("POST", "/v1/customers", create, "customer", _CREATE),
    Endpoint(
        "GET",
        "/v1/customers",
        index,
        "customer",
        Params({**PAGING, "email": Text(), "created": Range()}, elsewhere=frozenset(("test_clock",))),
        listing=True,
    ),
    Endpoint("GET", _ONE, retrieve, "customer"),
    Endpoint("POST", _ONE, update, "customer", _UPDATE),
    Endpoint("DELETE", _ONE, delete, "customer"),
    Endpoint("GET", f"{_ONE}/payment_methods", methods, "payment_method", _METHODS, listing=True),
    Endpoint("GET", f"{_ONE}/payment_methods/{{payment_method}}", method, "payment_method"),
]
