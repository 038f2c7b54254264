"""PaymentMethods: cards made from Stripe's published test ids, attached to customers or used once.

Naming a `pm_card_...` id makes a fresh PaymentMethod, as at Stripe (docs.stripe.com/testing). Raw card numbers are
refused, which is Stripe's default too.
"""

from datetime import UTC, datetime

from counterfoil_sandbox.stripe import cards
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, missing, refused
from counterfoil_sandbox.stripe.params import (
    ADDRESS,
    OTHER_METHODS,
    PAGING,
    Choice,
    Hash,
    Integer,
    Metadata,
    Params,
    Text,
    merged,
)
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, changed, snapshot

SPENT = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)
TYPE = Choice(("card",), OTHER_METHODS)
_BILLING = Hash(
    {
        "address": Hash(ADDRESS.fields, unset=True),
        "email": Text(unset=True),
        "name": Text(unset=True),
        "phone": Text(unset=True),
        "tax_id": Text(unset=True),
    }
)
RAW_CARD = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test tokens that "
    "map to the test card you are using, see https://stripe.com/docs/testing."
)
_RAW_CARD = {name: Text() for name in ("number", "exp_month", "exp_year", "cvc")}
DATA = Hash(
    {
        "type": TYPE,
        "card": Hash({"token": Text(), **_RAW_CARD}, elsewhere=frozenset(("networks",))),
        "billing_details": _BILLING,
        "metadata": Metadata(),
    },
    required=("type",),
    elsewhere=frozenset(("allow_redisplay", "radar_options", *OTHER_METHODS)),
)


def make(world: World, key: str, data: Json | None = None) -> Json:
    """Return a fresh PaymentMethod of a test card."""
    data = data or {}
    card = cards.by_key(key)
    year = datetime.fromtimestamp(world.now(), UTC).year + 1
    fingerprints: Json = world.hidden("fingerprints")
    fingerprint = fingerprints.setdefault(f"{card.brand}{card.last4}", world.ids.token(16))
    billing = data.get("billing_details") or {}
    address = dict.fromkeys(ADDRESS.fields) | (billing.get("address") or {})
    row: Json = {
        "id": world.ids.new("pm", "1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"email": None, "name": None, "phone": None, "tax_id": None}
        | billing
        | {"address": address},
        "card": cards.shown(card, year, fingerprint),
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged({}, data.get("metadata", {})),
        "type": "card",
    }
    world.hidden(row["id"])["card"] = key
    return world.payment_methods.save(row)


def resolve(world: World, identifier: str, param: str = "payment_method") -> Json:
    """Return the PaymentMethod an id names, making one for a test id."""
    if cards.by_name(identifier):
        return make(world, cards.key_of(identifier))
    return world.payment_methods.get(identifier, param, status=400)


def from_data(world: World, data: Json) -> Json:
    """Return a PaymentMethod for inline data: a card by its test token."""
    token = (data.get("card") or {}).get("token")
    if "number" in (data.get("card") or {}):
        raise StripeError(402, RAW_CARD)
    if not token:
        raise invalid("Missing required param: card.", "card", "parameter_missing")
    if not token.startswith("tok_"):
        raise missing("token", token, "card[token]", status=400)
    cards.by_name(token)
    return make(world, cards.key_of(token), data)


def card_of(world: World, row: Json) -> cards.Card:
    """Return how the card of a PaymentMethod behaves."""
    return cards.by_key(world.hidden(row["id"])["card"])


def refuse_attaching(world: World, row: Json, customer: str) -> None:
    """Raise what keeps a PaymentMethod from being attached."""
    if row["customer"] not in (None, customer):
        raise refused("The payment method you provided has already been attached to a customer.")
    if world.hidden(row["id"]).get("spent"):
        raise refused(SPENT)
    card = card_of(world, row)
    if card.decline and not card.attaches:
        raise StripeError(
            402,
            card.decline.message,
            kind="card_error",
            code=card.decline.code,
            decline_code=card.decline.decline_code,
            advice_code=card.decline.advice_code,
            executed=True,
        )


def attach(world: World, row: Json, customer: str) -> None:
    """Attach a PaymentMethod to a customer and say so."""
    if row["customer"] is None:
        row["customer"] = customer
        row["card"]["checks"]["cvc_check"] = "pass"
        world.payment_methods.save(row)
        world.emit("payment_method.attached", row)


def detach(world: World, row: Json) -> None:
    """Take a PaymentMethod from its customer; it cannot be used again."""
    before = row["customer"]
    row["customer"] = None
    world.hidden(row["id"])["spent"] = True
    owner = world.customers.rows.get(before, {})
    if owner.get("invoice_settings", {}).get("default_payment_method") == row["id"]:
        owner["invoice_settings"]["default_payment_method"] = None
    world.payment_methods.save(row)
    world.emit("payment_method.detached", row, {"customer": before})


def create(world: World, call: Call) -> Json:
    """POST /v1/payment_methods, with a test token only."""
    return from_data(world, call.params)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/payment_methods/{payment_method}."""
    identifier = call.ids["payment_method"]
    if cards.by_name(identifier):
        return make(world, cards.key_of(identifier))
    return world.payment_methods.get(identifier, "payment_method")


def update(world: World, call: Call) -> Json:
    """POST /v1/payment_methods/{payment_method}."""
    row = retrieve(world, call)
    if row["customer"] is None:
        raise refused("You must save this PaymentMethod to a customer before you can update it.")
    before = snapshot(row)
    if "metadata" in call:
        row["metadata"] = merged(row["metadata"], call.params["metadata"])
    if billing := call.get("billing_details"):
        if "address" in billing:
            billing["address"] = dict.fromkeys(ADDRESS.fields) | (billing["address"] or {})
        row["billing_details"] = row["billing_details"] | billing
    row["card"] = row["card"] | (call.get("card") or {})
    if previous := changed(row, before):
        world.emit("payment_method.updated", row, previous)
    return row


def attach_call(world: World, call: Call) -> Json:
    """POST /v1/payment_methods/{payment_method}/attach."""
    customer = world.customers.get(call.params["customer"], "customer", status=400)
    if customer.get("deleted"):
        raise missing("customer", customer["id"], "customer", status=400)
    row = retrieve(world, call)
    refuse_attaching(world, row, customer["id"])
    attach(world, row, customer["id"])
    return row


def detach_call(world: World, call: Call) -> Json:
    """POST /v1/payment_methods/{payment_method}/detach."""
    row = world.payment_methods.get(call.ids["payment_method"], "payment_method")
    if row["customer"] is None:
        raise refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    detach(world, row)
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/payment_methods: those attached to a customer."""
    wanted = {name: call.params[name] for name in ("customer", "type") if name in call}
    return world.payment_methods.page_where(
        call.params,
        "/v1/payment_methods",
        lambda row: row["customer"] is not None and all(row[name] == value for name, value in wanted.items()),
        wanted,
    )


_ONE = "/v1/payment_methods/{payment_method}"
_CREATE = Params(DATA.fields, required=("type",), elsewhere=DATA.elsewhere | {"custom", "customer", "payment_method"})
_UPDATE = Params(
    {
        "billing_details": _BILLING,
        "card": Hash(
            {"exp_month": Integer(1, 12), "exp_year": Integer(2000, 2100)}, elsewhere=frozenset(("networks",))
        ),
        "metadata": Metadata(),
    },
    elsewhere=frozenset(("allow_redisplay", "us_bank_account", "payto")),
)
_LIST = Params(
    {**PAGING, "customer": Text(), "type": TYPE}, elsewhere=frozenset(("allow_redisplay", "customer_account"))
)
ENDPOINTS = [
    Endpoint("POST", "/v1/payment_methods", create, "payment_method", _CREATE),
    Endpoint("GET", "/v1/payment_methods", index, "payment_method", _LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, "payment_method"),
    Endpoint("POST", _ONE, update, "payment_method", _UPDATE),
    Endpoint(
        "POST",
        f"{_ONE}/attach",
        attach_call,
        "payment_method",
        Params({"customer": Text()}, required=("customer",), elsewhere=frozenset(("customer_account",))),
    ),
    Endpoint("POST", f"{_ONE}/detach", detach_call, "payment_method"),
]
