"""Event destinations and thin events of the v2 API (docs.stripe.com/api/v2/core/event_destinations)."""

import math

from counterfoil_sandbox.stripe import thin
from counterfoil_sandbox.stripe.errors import Json, invalid, not_imitated
from counterfoil_sandbox.stripe.params import Array, Hash, Metadata, Params, Text
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World

_SCOPES = ("@self", "@accounts")


def create(world: World, call: Call) -> Json:
    """POST /v2/core/event_destinations: webhooks for thin events. The secret is shown here only, when asked for."""
    if call.params["type"] != "webhook_endpoint" or call.params["event_payload"] != "thin" or world.platform:
        raise not_imitated("event destinations other than webhooks for thin events of the own account or platform")
    url = str((call.get("webhook_endpoint") or {}).get("url"))
    if not url.startswith(("http://", "https://")):
        raise invalid("webhook_endpoint.url is required", "webhook_endpoint.url")
    scopes = call.get("events_from", ["@self"])
    if not set(scopes) <= set(_SCOPES):
        raise invalid(f"events_from must be some of {', '.join(_SCOPES)}", "events_from")
    now = thin.stamp(world.now())
    row: Json = {
        "id": world.ids.new("ed", "test_6"),
        "object": "v2.core.event_destination",
        "created": now,
        "description": call.get("description", ""),
        "enabled_events": call.params["enabled_events"],
        "event_payload": "thin",
        "events_from": scopes,
        "livemode": False,
        "metadata": call.get("metadata", {}),
        "name": call.params["name"],
        "snapshot_api_version": None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": now,
        "webhook_endpoint": {"signing_secret": None, "url": url},
    }
    secret = f"whsec_{world.ids.token(32)}"
    world.hidden(row["id"])["secrets"] = [(secret, math.inf)]
    world.destinations.save(row)
    return _shown(row, call.get("include", []), secret)


def _shown(row: Json, include: list[str], secret: str | None = None) -> Json:
    """Return a destination with what is left out unless it is asked for."""
    shown = {
        "signing_secret": secret if "webhook_endpoint.signing_secret" in include else None,
        "url": row["webhook_endpoint"]["url"] if "webhook_endpoint.url" in include else None,
    }
    return row | {"webhook_endpoint": shown}


def retrieve(world: World, call: Call) -> Json:
    """GET /v2/core/event_destinations/{id}."""
    return _shown(world.destinations.get(call.ids["id"]), call.get("include", []))


def event(world: World, call: Call) -> Json:
    """GET /v2/core/events/{id}: the whole event, with the id of its snapshot twin."""
    return (world.platform or world).thin_events.get(call.ids["id"])


_CREATE = Params(
    {
        "description": Text(),
        "enabled_events": Array(Text(), length=500),
        "event_payload": Text(),
        "events_from": Array(Text(), length=2),
        "include": Array(Text(), length=2),
        "metadata": Metadata(),
        "name": Text(),
        "type": Text(),
        "webhook_endpoint": Hash({"url": Text()}),
    },
    required=("enabled_events", "event_payload", "name", "type"),
)
ENDPOINTS = [
    Endpoint("POST", "/v2/core/event_destinations", create, "v2.core.event_destination", _CREATE),
    Endpoint(
        "GET",
        "/v2/core/event_destinations/{id}",
        retrieve,
        "v2.core.event_destination",
        Params({"include": Array(Text(), length=2)}),
    ),
    Endpoint("GET", "/v2/core/events/{id}", event, "v2.core.event"),
]
