"""Webhook endpoints. Their secret is shown once, when they are created (docs.stripe.com/api/webhook_endpoints)."""

import math
import time
from importlib.resources import files
from urllib.parse import urlsplit

from counterfoil_sandbox.stripe import versions
from counterfoil_sandbox.stripe.errors import Json, invalid, not_imitated, refused
from counterfoil_sandbox.stripe.params import PAGING, Array, Boolean, Metadata, Params, Text, merged
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World

MAX_ENDPOINTS = 16
_LISTED = files("counterfoil_sandbox.stripe").joinpath("event_types.txt").read_text(encoding="utf-8")
_TYPES = frozenset(line for line in _LISTED.splitlines() if not line.startswith("#"))


def create(world: World, call: Call) -> Json:
    """POST /v1/webhook_endpoints. Unlike live mode, a test endpoint may be plain HTTP and local."""
    if world.platform is not None:
        raise not_imitated("webhook endpoints of connected accounts")
    if len(world.webhook_endpoints.rows) >= MAX_ENDPOINTS:
        raise refused(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    version = versions.check(call.params["api_version"]) if "api_version" in call else None
    row: Json = {
        "id": world.ids.new("we", "1"),
        "object": "webhook_endpoint",
        "api_version": version,
        "application": None,
        "created": world.now(),
        "description": call.get("description"),
        "enabled_events": _enabled(call.params["enabled_events"]),
        "livemode": False,
        "metadata": merged({}, call.get("metadata", {})),
        "status": "enabled",
        "url": _url(call.params["url"]),
    }
    secret = f"whsec_{world.ids.token(32)}"
    world.hidden(row["id"])["secrets"] = [(secret, math.inf)]
    world.hidden(row["id"])["connect"] = bool(call.get("connect"))
    world.webhook_endpoints.save(row)
    return row | {"secret": secret}


def roll(world: World, identifier: str, overlap_ms: int) -> str:
    """Give an endpoint a new secret and return it; the old one signs as well for `overlap_ms`."""
    world.webhook_endpoints.get(identifier)
    secret = f"whsec_{world.ids.token(32)}"
    until = time.monotonic() + overlap_ms / 1000
    hidden = world.hidden(identifier)
    hidden["secrets"] = [(secret, math.inf), *((old, min(expiry, until)) for old, expiry in hidden["secrets"])]
    return secret


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid")
    return url


def _enabled(kinds: list[str]) -> list[str]:
    if not kinds:
        raise invalid("You must enable at least one event.", "enabled_events")
    for index, kind in enumerate(kinds):
        if kind != "*" and kind not in _TYPES:
            raise invalid(f"Invalid enabled_events[{index}]: unknown event type {kind}", f"enabled_events[{index}]")
    return kinds


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/webhook_endpoints/{webhook_endpoint}."""
    return world.webhook_endpoints.get(call.ids["webhook_endpoint"], "webhook_endpoint")


def update(world: World, call: Call) -> Json:
    """POST /v1/webhook_endpoints/{webhook_endpoint}. The API version is fixed at creation."""
    row = retrieve(world, call)
    if "url" in call:
        row["url"] = _url(call.params["url"])
    if "enabled_events" in call:
        row["enabled_events"] = _enabled(call.params["enabled_events"])
    if "disabled" in call:
        row["status"] = "disabled" if call.params["disabled"] else "enabled"
    if "description" in call:
        row["description"] = call.params["description"]
    if "metadata" in call:
        row["metadata"] = merged(row["metadata"], call.params["metadata"])
    return row


def delete(world: World, call: Call) -> Json:
    """DELETE /v1/webhook_endpoints/{webhook_endpoint}."""
    row = retrieve(world, call)
    world.webhook_endpoints.remove(row["id"])
    return {"id": row["id"], "object": "webhook_endpoint", "deleted": True}


def index(world: World, call: Call) -> Json:
    """GET /v1/webhook_endpoints."""
    return world.webhook_endpoints.page(call.params, "/v1/webhook_endpoints")


_COMMON = {
    "description": Text(unset=True),
    "enabled_events": Array(Text(), length=500),
    "metadata": Metadata(),
    "url": Text(),
}
_CREATE = Params({**_COMMON, "api_version": Text(), "connect": Boolean()}, required=("enabled_events", "url"))
_ONE = "/v1/webhook_endpoints/{webhook_endpoint}"
ENDPOINTS = [
    Endpoint("POST", "/v1/webhook_endpoints", create, "webhook_endpoint", _CREATE),
    Endpoint("GET", "/v1/webhook_endpoints", index, "webhook_endpoint", Params(PAGING), listing=True),
    Endpoint("GET", _ONE, retrieve, "webhook_endpoint"),
    Endpoint("POST", _ONE, update, "webhook_endpoint", Params({**_COMMON, "disabled": Boolean()})),
    Endpoint("DELETE", _ONE, delete, "webhook_endpoint"),
]
