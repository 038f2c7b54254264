"""Checkout Sessions in payment mode, with a hosted page (docs.stripe.com/api/checkout/sessions).

The PaymentIntent does not exist before the payer tries to pay. A declined try leaves the session open.
"""

from counterfoil_sandbox.stripe import currencies
from counterfoil_sandbox.stripe.errors import Json, StripeError, invalid, refused
from counterfoil_sandbox.stripe.params import merged
from counterfoil_sandbox.stripe.resources import (
    catalog,
    checkout_params,
    customers,
    lifecycle,
    payment_intents,
    payment_methods,
)
from counterfoil_sandbox.stripe.resources.lifecycle import Confirmation
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.store import listing
from counterfoil_sandbox.stripe.world import World, changed, snapshot

SHORTEST_S = 30 * 60
# Stripe's address ends in some hundred characters that the page needs: no field of 255 holds it.
_FRAGMENT = "fidsandbox" * 30
_CARRIED = (
    "allowed_payment_method_types", "billing_address_collection", "cancel_url", "client_reference_id", "customer",
    "customer_email", "integration_identifier", "locale", "payment_link", "submit_type", "success_url",
)  # fmt: skip


def create(world: World, call: Call) -> Json:
    """POST /v1/checkout/sessions."""
    values = call.params
    _check(world, values)
    return open_session(world, values, sold(world, values))


def sold(world: World, values: Json) -> list[Json]:
    """Return the line items that parameters describe, of one currency; their prices are made if they are inline."""
    if not values.get("line_items"):
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    lines = [_line(world, line, index) for index, line in enumerate(values["line_items"])]
    if any(line["currency"] != lines[0]["currency"] for line in lines):
        raise invalid("All line items must have the same currency.", "line_items")
    currencies.check_amount(sum(line["amount_total"] for line in lines), lines[0]["currency"], "line_items")
    return lines


def open_session(world: World, values: Json, lines: list[Json]) -> Json:
    """Return a new session in which these lines can be paid."""
    row = _session(world, values, lines[0]["currency"], sum(line["amount_total"] for line in lines))
    world.hidden(row["id"])["intent"] = values.get("payment_intent_data") or {}
    world.line_items[row["id"]] = lines
    world.sessions.save(row)
    world.at(row["expires_at"], lambda: _expire(world, row))
    return row


def _check(world: World, values: Json) -> None:
    if "success_url" not in values:
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in values and "://" not in values[name]:
            raise invalid("Not a valid URL", name, "url_invalid")
    if "customer" in values:
        customers.existing(world, values["customer"])
        for name in ("customer_email", "customer_creation"):
            if name in values:
                raise invalid(f"You may only specify one of these parameters: customer, {name}.", name)
    ends = values.get("expires_at")
    if ends is not None and not world.now() + SHORTEST_S <= ends <= world.now() + DAY_S + 60:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session "
            "creation.",
            "expires_at",
        )


def _line(world: World, values: Json, index: int) -> Json:
    param = f"line_items[{index}]"
    if ("price" in values) == ("price_data" in values):
        raise invalid(f"You must specify exactly one of `price` or `price_data` ({param}).", param)
    if "price" in values:
        price = world.prices.get(values["price"], f"{param}[price]", status=400)
    else:
        data = values["price_data"]
        currencies.check_currency(data["currency"], f"{param}[price_data][currency]")
        product = catalog.product_for(world, data, f"{param}[price_data]", active=False)
        price = catalog.make_price(world, data, product, active=False)
    quantity = values.get("quantity")
    if quantity is None:
        raise invalid(f"Quantity is required. Add `quantity` to `{param}`.", f"{param}[quantity]")
    amount = price["unit_amount"] * quantity
    return {
        "id": world.ids.new("li", "1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.products.rows[price["product"]]["name"],
        "metadata": merged({}, values.get("metadata", {})),
        "price": price,
        "quantity": quantity,
    }


def _session(world: World, values: Json, currency: str, total: int) -> Json:
    identifier = f"cs_test_a1{world.ids.token(56)}"
    always = values.get("customer_creation") == "always"
    return {
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        **{name: values.get(name) for name in _CARRIED},
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": world.now(),
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer_account": None,
        "customer_creation": None if "customer" in values else "always" if always else "if_required",
        "customer_details": _details(values.get("customer_email"), None) if values.get("customer_email") else None,
        "discounts": [],
        "expires_at": values.get("expires_at", world.now() + DAY_S),
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": _invoice_data()},
        "livemode": False,
        "metadata": merged({}, values.get("metadata", {})),
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": {"id": world.ids.configuration, "parent": None},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "link"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{world.base_url}/c/pay/{identifier}#{_FRAGMENT}",
        "wallet_options": None,
    }


def _invoice_data() -> Json:
    names = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    return dict.fromkeys(names) | {"metadata": {}}


def _details(email: str | None, billing: Json | None) -> Json:
    billing = billing or {}
    return {
        "address": billing.get("address"),
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": billing.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def pay(world: World, session: Json, method_id: str, email: str | None, name: str | None) -> Json:
    """Let the payer pay an open session; return its PaymentIntent, which may still require an action.

    Raises:
        StripeError: the card was declined, or the PaymentMethod does not exist; the session stays open.
    """
    method = payment_methods.resolve(world, method_id)
    owner = world.customers.rows.get(session["customer"] or "", {})
    email = email or session["customer_email"] or owner.get("email") or "payer@example.com"
    method["billing_details"] |= {"email": email, "name": name}
    intent = _intent(world, session, email, name)
    lifecycle.check_method(world, intent, method)
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    session["customer_details"] = _details(email, method["billing_details"])
    lifecycle.confirm(world, intent, Confirmation(return_url=session["url"].partition("#")[0]))
    if intent["status"] in ("succeeded", "requires_capture"):
        complete(world, session, intent)
    return intent


def _intent(world: World, session: Json, email: str, name: str | None) -> Json:
    """Return the session's PaymentIntent, made on the first try."""
    if session["payment_intent"]:
        return world.payment_intents.rows[session["payment_intent"]]
    values: Json = dict(world.hidden(session["id"])["intent"])
    if session["customer"] is None and (session["customer_creation"] == "always" or "setup_future_usage" in values):
        session["customer"] = customers.create(world, Call({"email": email, "name": name}, {}))["id"]
    values |= {"amount": session["amount_total"], "currency": session["currency"]}
    if session["customer"]:
        values["customer"] = session["customer"]
    if session["allowed_payment_method_types"]:
        values["allowed_payment_method_types"] = session["allowed_payment_method_types"]
    intent = payment_intents.build(world, values)
    world.payment_intents.save(intent)
    world.hidden(intent["id"])["session"] = session["id"]
    session["payment_intent"] = intent["id"]
    world.sessions.save(session)
    world.emit("payment_intent.created", intent)
    return intent


def complete(world: World, session: Json, intent: Json) -> None:
    """Close a session whose payment went through."""
    paid = intent["status"] == "succeeded"
    session |= {"status": "complete", "payment_status": "paid" if paid else "unpaid", "url": None}
    world.emit("checkout.session.completed", session)
    if session["payment_link"] is not None:
        _count(world, session["payment_link"])


def _count(world: World, link_id: str) -> None:
    """Count a completed session of a payment link; at its limit no other can be completed."""
    link = world.payment_links.rows[link_id]
    restricted = (link["restrictions"] or {}).get("completed_sessions")
    if restricted is None:
        return
    before = snapshot(link)
    restricted["count"] += 1
    if restricted["count"] >= restricted["limit"]:
        link["active"] = False
        for other in list(world.sessions.having("payment_link", link_id)):
            _expire(world, other)
    world.emit("payment_link.updated", link, changed(link, before))


def _expire(world: World, session: Json) -> None:
    if session["status"] == "open":
        session |= {"status": "expired", "url": None}
        intent = world.payment_intents.rows.get(session["payment_intent"] or "")
        if intent and intent["status"] in lifecycle.CANCELABLE:
            lifecycle.cancel(world, intent, "abandoned")
        world.emit("checkout.session.expired", session)


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/checkout/sessions/{session}."""
    return world.sessions.get(call.ids["session"], "session")


def update(world: World, call: Call) -> Json:
    """POST /v1/checkout/sessions/{session}."""
    row = retrieve(world, call)
    if "metadata" in call:
        row["metadata"] = merged(row["metadata"], call.params["metadata"])
    return row


def expire(world: World, call: Call) -> Json:
    """POST /v1/checkout/sessions/{session}/expire."""
    row = retrieve(world, call)
    if row["status"] != "open":
        raise refused(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Session has a status of '
            f"`{row['status']}`."
        )
    _expire(world, row)
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/checkout/sessions."""
    wanted = {
        name: call.params[name] for name in ("customer", "payment_intent", "payment_link", "status") if name in call
    }
    email = call.get("customer_details", {}).get("email")
    return world.sessions.page_where(
        call.params,
        "/v1/checkout/sessions",
        lambda row: (
            all(row[name] == value for name, value in wanted.items())
            and (email is None or (row["customer_details"] or {}).get("email") == email)
        ),
        wanted,
    )


def lines(world: World, call: Call) -> Json:
    """GET /v1/checkout/sessions/{session}/line_items, in the order they were given."""
    row = retrieve(world, call)
    items = world.line_items[row["id"]]
    start, limit = 0, call.get("limit", 10)
    if cursor := call.get("starting_after") or call.get("ending_before"):
        position = next((place for place, item in enumerate(items) if item["id"] == cursor), None)
        if position is None:
            raise StripeError(400, f"No such line item: '{cursor}'", code="resource_missing", param="starting_after")
        start = position + 1 if "starting_after" in call else max(0, position - limit)
        items = items if "starting_after" in call else items[:position]
    more = start > 0 if "ending_before" in call else len(items) > start + limit
    return listing(items[start : start + limit], call.path, has_more=more)


_ONE = "/v1/checkout/sessions/{session}"
ENDPOINTS = [
    Endpoint("POST", "/v1/checkout/sessions", create, "checkout.session", checkout_params.CREATE),
    Endpoint("GET", "/v1/checkout/sessions", index, "checkout.session", checkout_params.LIST, listing=True),
    Endpoint("GET", _ONE, retrieve, "checkout.session"),
    Endpoint("POST", _ONE, update, "checkout.session", checkout_params.UPDATE),
    Endpoint("POST", f"{_ONE}/expire", expire, "checkout.session"),
    Endpoint("GET", f"{_ONE}/line_items", lines, "item", checkout_params.LINES, listing=True),
]
