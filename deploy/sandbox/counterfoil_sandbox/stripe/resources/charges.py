"""Charges: made by PaymentIntents only. They are read, described, and settled here (docs.stripe.com/api/charges)."""

from counterfoil_sandbox.stripe import cards, currencies
from counterfoil_sandbox.stripe.errors import Json
from counterfoil_sandbox.stripe.ids import stem_of
from counterfoil_sandbox.stripe.params import PAGING, SHIPPING, Choice, Hash, Metadata, Params, Range, Text, merged
from counterfoil_sandbox.stripe.resources import balance, customers, payment_methods
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.settings import DAY_S
from counterfoil_sandbox.stripe.world import World, changed, snapshot

AUTHORISED_S = 7 * DAY_S
_COPIED = (
    "amount", "currency", "customer", "description", "livemode", "on_behalf_of", "receipt_email", "shipping",
    "statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group", "application",
    "application_fee_amount",
)  # fmt: skip


def make(world: World, intent: Json, method: Json, decline: cards.Decline | None, *, authenticated: bool) -> Json:
    """Return the charge of one attempt to pay an intent: metadata is copied from it now and not kept in step."""
    captured = decline is None and intent["capture_method"] != "manual"
    identifier = world.ids.on_stem("ch", stem_of(intent["id"]))
    row: Json = {
        "id": identifier,
        "object": "charge",
        **{name: intent[name] for name in _COPIED},
        "amount_captured": intent["amount"] if captured else 0,
        "amount_refunded": 0,
        "application_fee": None,
        "balance_transaction": None,
        "billing_details": snapshot(method["billing_details"]),
        "calculated_statement_descriptor": "COUNTERFOIL SANDBOX",
        "captured": captured,
        "created": world.now(),
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline and decline.code,
        "failure_message": decline and decline.message,
        "fraud_details": {},
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(world, intent, method, authenticated=authenticated),
        "radar_options": {},
        "receipt_number": None,
        "receipt_url": None if decline else f"https://pay.stripe.com/receipts/payment/{world.ids.token(60)}",
        "refunded": False,
        "review": None,
        "source_transfer": None,
        "status": "failed" if decline else "succeeded",
    }
    return world.charges.save(row)


def _outcome(decline: cards.Decline | None) -> Json:
    if decline is None:
        status, reason, message, kind = "approved_by_network", None, "Payment complete.", "authorized"
    else:
        message = "The bank did not return any further details with this decline."
        status, reason, kind = "declined_by_network", decline.decline_code or decline.code, "issuer_declined"
    return {
        "advice_code": decline and decline.advice_code,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": status,
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": message,
        "type": kind,
    }


def _details(world: World, intent: Json, method: Json, *, authenticated: bool) -> Json:
    card = method["card"]
    unavailable = {"status": "unavailable"}
    details: Json = {
        "amount_authorized": intent["amount"],
        "authorization_code": world.ids.token(6).upper(),
        "brand": card["brand"],
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": unavailable,
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": unavailable,
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": world.ids.token(15),
        "overcapture": {"maximum_amount_capturable": intent["amount"], **unavailable},
        "regulated_status": "unregulated",
        "three_d_secure": _three_d_secure(world) if authenticated else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if intent["capture_method"] == "manual":
        details["capture_before"] = world.now() + AUTHORISED_S
    return {"card": details, "type": "card"}


def _three_d_secure(world: World) -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": world.ids.token(36),
        "version": "2.2.0",
    }


def settle(world: World, charge: Json) -> None:
    """Enter a captured charge in the balance, once."""
    if charge["balance_transaction"] is None:
        method = world.payment_methods.rows[charge["payment_method"]]
        at_once = payment_methods.card_of(world, method).available_at_once
        entry = balance.enter(
            world, charge, "charge", charge["amount_captured"], fee=currencies.stripe_fee, at_once=at_once
        )
        charge["balance_transaction"] = entry["id"]


def settle_late(world: World, charge: Json) -> None:
    """End an asynchronous capture: fill balance_transaction and send charge.updated."""
    if charge["balance_transaction"] is None:
        settle(world, charge)
        world.emit("charge.updated", charge, {"balance_transaction": None})


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/charges/{charge}."""
    return world.charges.get(call.ids["charge"])


def update(world: World, call: Call) -> Json:
    """POST /v1/charges/{charge}."""
    row = world.charges.get(call.ids["charge"])
    before = snapshot(row)
    for name, value in call.params.items():
        if name == "metadata":
            row["metadata"] = merged(row["metadata"], value)
        elif name == "shipping":
            row["shipping"] = customers.shipping(value)
        elif name == "fraud_details":
            row["fraud_details"] = row["fraud_details"] | value
        elif name != "expand":
            row[name] = value
    if previous := changed(row, before):
        world.emit("charge.updated", row, previous)
    return row


def index(world: World, call: Call) -> Json:
    """GET /v1/charges."""
    wanted = {name: call.params[name] for name in ("payment_intent", "customer", "transfer_group") if name in call}
    return world.charges.page(call.params, "/v1/charges", **wanted)


def refunds(world: World, call: Call) -> Json:
    """GET /v1/charges/{charge}/refunds."""
    charge = world.charges.get(call.ids["charge"])
    return world.refunds.page(call.params, call.path, charge=charge["id"])


_UPDATE = Params(
    {
        "description": Text(unset=True),
        "fraud_details": Hash({"user_report": Choice(("fraudulent", "safe"), unset=True)}),
        "metadata": Metadata(),
        "receipt_email": Text(unset=True),
        "shipping": SHIPPING,
        "transfer_group": Text(),
    },
    elsewhere=frozenset(("customer",)),
)
_LIST = Params({**PAGING, "created": Range(), "customer": Text(), "payment_intent": Text(), "transfer_group": Text()})
ENDPOINTS = [
    Endpoint("GET", "/v1/charges", index, "charge", _LIST, listing=True),
    Endpoint("GET", "/v1/charges/{charge}", retrieve, "charge"),
    Endpoint("POST", "/v1/charges/{charge}", update, "charge", _UPDATE),
    Endpoint("GET", "/v1/charges/{charge}/refunds", refunds, "refund", Params(PAGING), listing=True),
]
