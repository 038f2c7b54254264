"""The account that the key belongs to (docs.stripe.com/api/accounts)."""

from counterfoil_sandbox.stripe.errors import Json, StripeError
from counterfoil_sandbox.stripe.params import Params, Text
from counterfoil_sandbox.stripe.resources.balance import SETTLEMENT
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World

MERCHANT = "Counterfoil Sandbox"


def own(world: World, _call: Call) -> Json:
    """GET /v1/account."""
    return {
        "id": world.ids.account,
        "object": "account",
        "business_profile": None,
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": world.started,
        "default_currency": SETTLEMENT,
        "details_submitted": True,
        "email": "owner@sandbox.example",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{world.ids.account}/external_accounts",
        },
        "metadata": {},
        "payouts_enabled": True,
        "settings": None,
        "type": "standard",
    }


def named(world: World, call: Call) -> Json:
    """GET /v1/accounts/{account}: the own one, or a connected one."""
    connected = world.connected.get(call.ids["account"])
    if connected is not None:
        return own(connected, call)
    if call.ids["account"] != world.ids.account:
        raise StripeError(
            403,
            f"The provided key does not have access to account '{call.ids['account']}' (or that account does not "
            "exist). Application access may have been revoked.",
            code="account_invalid",
        )
    return own(world, call)


def create(world: World, call: Call) -> Json:
    """POST /v1/accounts: a connected account, ready to charge at once."""
    if world.platform is not None:
        raise StripeError(400, "Only platforms can create accounts.")
    return own(world.connect(), call)


ENDPOINTS = [
    Endpoint("POST", "/v1/accounts", create, "account", Params({"type": Text()})),
    Endpoint("GET", "/v1/account", own, "account"),
    Endpoint("GET", "/v1/accounts/{account}", named, "account"),
]
