"""Events as the API lists them: the last 30 days, in the account's default version (docs.stripe.com/api/events)."""

from counterfoil_sandbox.stripe.errors import Json, invalid
from counterfoil_sandbox.stripe.params import PAGING, Array, Boolean, Params, Range, Text
from counterfoil_sandbox.stripe.routing import Call, Endpoint
from counterfoil_sandbox.stripe.world import World


def retrieve(world: World, call: Call) -> Json:
    """GET /v1/events/{id}."""
    return world.events.get(call.ids["id"])


def index(world: World, call: Call) -> Json:
    """GET /v1/events, filtered by type(s), time, and whether every endpoint has been told."""
    if "type" in call and "types" in call:
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    types = call.get("types", [call.params["type"]] if "type" in call else None)
    delivered = call.get("delivery_success")

    def keep(row: Json) -> bool:
        return (types is None or any(_matches(row["type"], wanted) for wanted in types)) and (
            delivered is None or (row["pending_webhooks"] == 0) == delivered
        )

    return world.events.page_where(call.params, "/v1/events", keep)


def _matches(kind: str, wanted: str) -> bool:
    return kind == wanted or (wanted.endswith("*") and kind.startswith(wanted[:-1]))


_LIST = Params(
    {
        **PAGING,
        "created": Range(),
        "delivery_success": Boolean(),
        "type": Text(),
        "types": Array(Text(), length=20),
    },
    elsewhere=frozenset(("related_object",)),
)
ENDPOINTS = [
    Endpoint("GET", "/v1/events", index, "event", _LIST, listing=True),
    Endpoint("GET", "/v1/events/{id}", retrieve, "event"),
]
