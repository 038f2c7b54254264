"""Payment Links in payment mode (docs.stripe.com/api/payment-link): each visit opens a Checkout Session of its own.

A link has no time of creation and does not expire. That it is deactivated once its completed sessions reach a limit,
and that its open sessions end then, is not said in the API's reference: the page of an inactive link is.
"""

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.params import (
    PAGING,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Metadata,
    Params,
    Text,
    merged,
)
from counterfoil_sandbox.stripe.resources import checkout
from counterfoil_sandbox.stripe.resources.catalog import PRICE_DATA
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.store import slice_of
from counterfoil_sandbox.stripe.world import World, changed, snapshot

_INTENT_DATA = (
    "capture_method", "description", "metadata", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip


def create(world: World, call: Call) -> Json:
    """POST /v1/payment_links."""
    values = call.params
    after = values.get("after_completion", {"type": "hosted_confirmation"})
    _check_after(after)
    limit = values.get("restrictions", {}).get("completed_sessions", {}).get("limit")
    lines = checkout.sold(world, values)
    row = _link(world, values, lines[0]["currency"])
    row["after_completion"] = _after(after)
    row["restrictions"] = None if limit is None else {"completed_sessions": {"count": 0, "limit": limit}}
    world.line_items[row["id"]] = lines
    world.payment_links.save(row)
    world.emit("payment_link.created", row)
    return row


def _check_after(after: Json) -> None:
    if after["type"] == "redirect" and "://" not in after.get("redirect", {}).get("url", ""):
        raise invalid("Not a valid URL", "after_completion[redirect][url]", "url_invalid")


def _after(values: Json) -> Json:
    if values["type"] == "redirect":
        return {"type": "redirect", "redirect": {"url": values["redirect"]["url"]}}
    message = values.get("hosted_confirmation", {}).get("custom_message")
    return {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": message}}


def _intent_data(values: Json | None) -> Json | None:
    return None if values is None else dict.fromkeys(_INTENT_DATA) | {"metadata": {}} | values


def _link(world: World, values: Json, currency: str) -> Json:
    invoice_data = dict.fromkeys(
        ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    )
    texts = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {
        "id": world.ids.new("plink", "1"),
        "object": "payment_link",
        "active": True,
        "allow_promotion_codes": False,
        "application": None,
        "application_fee_amount": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": values.get("billing_address_collection", "auto"),
        "consent_collection": None,
        "currency": currency,
        "custom_fields": [],
        "custom_text": dict.fromkeys(texts),
        "customer_creation": values.get("customer_creation", "if_required"),
        "inactive_message": values.get("inactive_message"),
        "invoice_creation": {"enabled": False, "invoice_data": invoice_data | {"metadata": {}}},
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, values.get("metadata", {})),
        "on_behalf_of": None,
        "optional_items": None,
        "payment_intent_data": _intent_data(values.get("payment_intent_data")),
        "payment_method_collection": "always",
        "payment_method_options": None,
        "payment_method_types": None,
        "phone_number_collection": {"enabled": False},
        "shipping_address_collection": None,
        "shipping_options": [],
        "submit_type": values.get("submit_type", "auto"),
        "subscription_data": None,
        "tax_id_collection": {"enabled": False, "required": "never"},
        "transfer_data": None,
        "url": f"{world.base_url}/b/test_{world.ids.token(18)}",
    }


def by_address(world: World, token: str) -> Json | None:
    """Return the link whose address ends in a token."""
    return next((row for row in world.payment_links.rows.values() if row["url"].endswith(f"/b/{token}")), None)


def visit(world: World, link: Json) -> Json:
    """Return the session that a customer's visit opens."""
    data = {name: value for name, value in (link["payment_intent_data"] or {}).items() if value is not None}
    values = {
        "customer_creation": link["customer_creation"],
        "metadata": link["metadata"],
        "payment_intent_data": data,
        "payment_link": link["id"],
        "success_url": link["after_completion"].get("redirect", {}).get("url"),
    }
    lines = [{**line, "id": world.ids.new("li", "1")} for line in world.line_items[link["id"]]]
    return checkout.open_session(world, values, lines)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/payment_links/{payment_link}."""
    return world.payment_links.get(call.ids["payment_link"], "payment_link")


def update(world: World, call: Call) -> Json:
    """POST /v1/payment_links/{payment_link}: an inactive link can be paid no more; sessions that are open stay so."""
    row = retrieve(world, call)
    before = snapshot(row)
    for name, value in call.params.items():
        if name == "after_completion":
            _check_after(value)
            row[name] = _after(value)
        elif name == "payment_intent_data":
            row[name] = _intent_data((row[name] or {}) | value)
        else:
            row[name] = merged(row[name], value) if name == "metadata" else value
    if previous := changed(row, before):
        world.emit("payment_link.updated", row, previous)
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/payment_links."""
    wanted = {"active": call.params["active"]} if "active" in call else {}
    return world.payment_links.page(call.params, "/v1/payment_links", **wanted)


def lines(world: World, call: Call) -> Json:
    """GET /v1/payment_links/{payment_link}/line_items, in the order they were given."""
    row = retrieve(world, call)
    return slice_of(world.line_items[row["id"]], call.params, call.path, "line item")


_LINE = Hash(
    {"price": Text(), "price_data": PRICE_DATA, "quantity": Integer(1, 999_999)},
    required=("quantity",),
    elsewhere=frozenset(("adjustable_quantity",)),
)
_AFTER = Hash(
    {
        "type": Choice(("hosted_confirmation", "redirect")),
        "hosted_confirmation": Hash({"custom_message": Text(500)}),
        "redirect": Hash({"url": Text()}, required=("url",)),
    },
    required=("type",),
)
_DATA = {
    "capture_method": Choice(("automatic", "automatic_async", "manual")),
    "description": Text(1000),
    "metadata": Metadata(),
    "setup_future_usage": Choice(("off_session", "on_session")),
    "statement_descriptor": Text(22),
    "statement_descriptor_suffix": Text(22),
    "transfer_group": Text(),
}
_COMMON = {
    "after_completion": _AFTER,
    "billing_address_collection": Choice(("auto", "required")),
    "customer_creation": Choice(("always", "if_required")),
    "inactive_message": Text(500),
    "metadata": Metadata(),
    "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
}
_ELSEWHERE = frozenset(
    (
        "allow_promotion_codes", "application_fee_amount", "application_fee_percent", "automatic_tax",
        "consent_collection", "custom_fields", "custom_text", "invoice_creation", "name_collection", "on_behalf_of",
        "optional_items", "payment_method_collection", "payment_method_options", "payment_method_types",
        "phone_number_collection", "shipping_address_collection", "shipping_options", "subscription_data",
        "tax_id_collection", "transfer_data",
    )
)  # fmt: skip
_LIMITED = Hash({"limit": Integer(1)}, required=("limit",))
_CREATE = Params(
    {
        **_COMMON,
        "line_items": Array(_LINE, length=20),
        "payment_intent_data": Hash(_DATA),
        "restrictions": Hash({"completed_sessions": _LIMITED}, required=("completed_sessions",)),
    },
    required=("line_items",),
    elsewhere=_ELSEWHERE | {"currency", "managed_payments"},
)
_CHANGED = ("description", "metadata", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
_UPDATE = Params(
    {
        **_COMMON,
        "active": Boolean(),
        "payment_intent_data": Hash(
            {name: _DATA[name] for name in _CHANGED}, elsewhere=frozenset(("setup_future_usage",))
        ),
    },
    elsewhere=_ELSEWHERE | {"line_items", "restrictions"},
)
_ONE = "/v1/payment_links/{payment_link}"
ENDPOINTS = [
    Endpoint("POST", "/v1/payment_links", create, "payment_link", _CREATE),
    Endpoint("GET", "/v1/payment_links", index, "payment_link", Params({**PAGING, "active": Boolean()}), listing=True),
    Endpoint("GET", _ONE, retrieve, "payment_link"),
    Endpoint("POST", _ONE, update, "payment_link", _UPDATE),
    Endpoint("GET", f"{_ONE}/line_items", lines, "item", Params(PAGING), listing=True),
]
