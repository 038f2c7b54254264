"""Products and one-time prices, as Checkout line items need them (docs.stripe.com/api/products, .../prices)."""

from decimal import Decimal

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, refused
from counterfoil_sandbox.stripe.params import (
    PAGING,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Kind,
    Metadata,
    Params,
    Range,
    Text,
    merged,
)
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World, changed, snapshot


def make_product(world: World, values: Json, *, active: bool = True) -> Json:
    """Return a new product; one made inline for a single sale is not active."""
    identifier = values.get("id") or world.ids.new("prod")
    if identifier in world.products.rows:
        raise StripeError(400, "Product already exists.", code="resource_already_exists", param="id")
    now = world.now()
    row: Json = {
        "id": identifier,
        "object": "product",
        "active": values.get("active", active),
        "created": now,
        "default_price": None,
        "description": values.get("description"),
        "images": values.get("images") or [],
        "livemode": False,
        "marketing_features": [],
        "metadata": merged({}, values.get("metadata", {})),
        "name": values["name"],
        "package_dimensions": None,
        "shippable": values.get("shippable"),
        "statement_descriptor": values.get("statement_descriptor"),
        "tax_code": None,
        "unit_label": values.get("unit_label"),
        "updated": now,
        "url": values.get("url"),
    }
    world.products.save(row)
    world.emit("product.created", row)
    return row


def make_price(world: World, values: Json, product: str, *, active: bool = True) -> Json:
    """Return a new one-time price."""
    if ("unit_amount" in values) == ("unit_amount_decimal" in values):
        raise invalid("You must specify exactly one of `unit_amount` or `unit_amount_decimal`.", "unit_amount")
    exact = Decimal(values["unit_amount"] if "unit_amount" in values else values["unit_amount_decimal"])
    row: Json = {
        "id": world.ids.new("price", "1"),
        "object": "price",
        "active": values.get("active", active),
        "billing_scheme": "per_unit",
        "created": world.now(),
        "currency": currencies.check_currency(values["currency"]),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": values.get("lookup_key"),
        "metadata": merged({}, values.get("metadata", {})),
        "nickname": values.get("nickname"),
        "product": product,
        "recurring": None,
        "tax_behavior": values.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": int(exact) if exact == exact.to_integral_value() else None,
        "unit_amount_decimal": format(exact, "f"),
    }
    world.prices.save(row)
    world.emit("price.created", row)
    return row


def product_for(world: World, values: Json, param: str, *, active: bool = True) -> str:
    """Return the id of the product that a price belongs to: an existing one, or one made for it."""
    if ("product" in values) == ("product_data" in values):
        raise invalid(f"You must specify either `product` or `product_data` when creating a price ({param}).", param)
    if "product" in values:
        return str(world.products.get(values["product"], f"{param}[product]" if param else "product", status=400)["id"])
    return str(make_product(world, values["product_data"], active=active)["id"])


def create_product(world: World, call: Call) -> Json:
    """POST /v1/products."""
    return make_product(world, call.params)


def retrieve_product(world: World, call: Call) -> Json:
    """GET /v1/products/{id}."""
    return world.products.get(call.ids["id"])


def update_product(world: World, call: Call) -> Json:
    """POST /v1/products/{id}."""
    row = retrieve_product(world, call)
    before = snapshot(row)
    for name, value in call.params.items():
        row[name] = merged(row["metadata"], value) if name == "metadata" else value
    if previous := changed(row, before):
        row["updated"] = world.now()
        world.emit("product.updated", row, previous)
    return row


def delete_product(world: World, call: Call) -> Json:
    """DELETE /v1/products/{id}, refused while a price refers to it."""
    row = retrieve_product(world, call)
    if any(world.prices.having("product", row["id"])):
        raise refused("This product cannot be deleted because it has one or more user-created prices.")
    world.products.remove(row["id"])
    world.emit("product.deleted", row)
    return {"id": row["id"], "object": "product", "deleted": True}


def index_products(world: World, call: Call) -> Json:
    """GET /v1/products."""
    wanted = {name: call.params[name] for name in ("active", "shippable", "url") if name in call}
    ids = call.get("ids")
    return world.products.page_where(
        call.params,
        "/v1/products",
        lambda row: (ids is None or row["id"] in ids) and all(row[name] == value for name, value in wanted.items()),
    )


def create_price(world: World, call: Call) -> Json:
    """POST /v1/prices."""
    return make_price(world, call.params, product_for(world, call.params, ""))


def retrieve_price(world: World, call: Call) -> Json:
    """GET /v1/prices/{price}."""
    return world.prices.get(call.ids["price"], "price")


def update_price(world: World, call: Call) -> Json:
    """POST /v1/prices/{price}; what is charged cannot be changed."""
    row = retrieve_price(world, call)
    before = snapshot(row)
    for name, value in call.params.items():
        row[name] = merged(row["metadata"], value) if name == "metadata" else value
    if previous := changed(row, before):
        world.emit("price.updated", row, previous)
    return row


def index_prices(world: World, call: Call) -> Json:
    """GET /v1/prices."""
    wanted = {name: call.params[name] for name in ("active", "currency", "product", "type") if name in call}
    keys = call.get("lookup_keys")
    return world.prices.page_where(
        call.params,
        "/v1/prices",
        lambda row: (
            (keys is None or row["lookup_key"] in keys) and all(row[name] == value for name, value in wanted.items())
        ),
        wanted,
    )


_PRODUCT: dict[str, Kind] = {
    "active": Boolean(),
    "description": Text(40_000, unset=True),
    "images": Array(Text(), length=8, unset=True),
    "metadata": Metadata(),
    "name": Text(),
    "shippable": Boolean(),
    "statement_descriptor": Text(22),
    "unit_label": Text(12, unset=True),
    "url": Text(unset=True),
}
PRODUCT_DATA = Hash(
    {name: _PRODUCT[name] for name in ("name", "description", "images", "metadata", "unit_label")},
    required=("name",),
    elsewhere=frozenset(("tax_code",)),
)
_PRICE_PRODUCT = Hash(
    {name: _PRODUCT[name] for name in ("active", "metadata", "name", "statement_descriptor", "unit_label")}
    | {"id": Text()},
    required=("name",),
    elsewhere=frozenset(("tax_code",)),
)
_TAX = Choice(("unspecified", "exclusive", "inclusive"))
PRICE_DATA = Hash(
    {
        "currency": Text(),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "unit_amount": Integer(0),
        "tax_behavior": _TAX,
    },
    required=("currency", "unit_amount"),
    elsewhere=frozenset(("recurring", "unit_amount_decimal")),
)
_PRODUCT_ELSEWHERE = frozenset(("marketing_features", "package_dimensions", "tax_code"))
_PRICE: dict[str, Kind] = {
    "active": Boolean(),
    "lookup_key": Text(200),
    "metadata": Metadata(),
    "nickname": Text(unset=True),
    "tax_behavior": _TAX,
}
_PRICE_ELSEWHERE = frozenset(
    (
        "billing_scheme", "currency_options", "custom_unit_amount", "recurring", "tiers", "tiers_mode",
        "transfer_lookup_key", "transform_quantity", "unit_amount_decimal",
    )
)  # fmt: skip
_CREATE_PRICE = Params(
    _PRICE | {"currency": Text(), "product": Text(), "product_data": _PRICE_PRODUCT, "unit_amount": Integer(0)},
    required=("currency", "unit_amount"),
    elsewhere=_PRICE_ELSEWHERE,
)
_LIST_PRODUCTS = Params(
    {**PAGING, "active": Boolean(), "created": Range(), "ids": Array(Text()), "shippable": Boolean(), "url": Text()}
)
_LIST_PRICES = Params(
    {
        **PAGING,
        "active": Boolean(),
        "created": Range(),
        "currency": Text(),
        "lookup_keys": Array(Text(), length=10),
        "product": Text(),
        "type": Choice(("one_time",), ("recurring",)),
    },
    elsewhere=frozenset(("recurring",)),
)
ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/products",
        create_product,
        "product",
        Params({**_PRODUCT, "id": Text()}, required=("name",), elsewhere=_PRODUCT_ELSEWHERE | {"default_price_data"}),
    ),
    Endpoint("GET", "/v1/products", index_products, "product", _LIST_PRODUCTS, listing=True),
    Endpoint("GET", "/v1/products/{id}", retrieve_product, "product"),
    Endpoint(
        "POST",
        "/v1/products/{id}",
        update_product,
        "product",
        Params(_PRODUCT, elsewhere=_PRODUCT_ELSEWHERE | {"default_price"}),
    ),
    Endpoint("DELETE", "/v1/products/{id}", delete_product, "product"),
    Endpoint("POST", "/v1/prices", create_price, "price", _CREATE_PRICE),
    Endpoint("GET", "/v1/prices", index_prices, "price", _LIST_PRICES, listing=True),
    Endpoint("GET", "/v1/prices/{price}", retrieve_price, "price"),
    Endpoint(
        "POST",
        "/v1/prices/{price}",
        update_price,
        "price",
        Params(_PRICE, elsewhere=frozenset(("currency_options", "transfer_lookup_key"))),
    ),
]
