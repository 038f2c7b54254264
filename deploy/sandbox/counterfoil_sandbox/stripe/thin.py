"""Thin events: what happened to which object, without the object (docs.stripe.com/event-destinations).

Every snapshot event of a v1 resource has a thin twin under an id of its own, whose type begins with "v1.".
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterfoil_sandbox.stripe.errors import Json

if TYPE_CHECKING:
    from counterfoil_sandbox.stripe.world import World

_PLURAL = {"checkout.session": "checkout/sessions", "balance_transaction": "balance_transactions"}


def stamp(moment: int) -> str:
    """Return a time as the v2 API writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def tell(teller: "World", event: Json) -> None:
    """Send the thin twin of a snapshot event to the destinations of its platform or own account that asked for it."""
    account = event.get("account")
    scope = "@accounts" if account else "@self"
    wanting = [
        row
        for row in teller.destinations.rows.values()
        if row["status"] == "enabled"
        and scope in row["events_from"]
        and ("*" in row["enabled_events"] or f"v1.{event['type']}" in row["enabled_events"])
    ]
    if not wanting:
        return
    twin = _twin(teller, event, account)
    teller.thin_events.save(twin)
    for row in wanting:
        teller.courier.send(twin, row["id"])


def _twin(teller: "World", event: Json, account: str | None) -> Json:
    subject: Any = event["data"]["object"]
    request = event["request"]
    twin: Json = {
        "id": teller.ids.new("evt", "1"),
        "object": "v2.core.event",
        "context": account,
        "created": stamp(event["created"]),
        "livemode": False,
        "reason": {"type": "request", "request": request} if request.get("id") else None,
        "related_object": None,
        "snapshot_event": event["id"],
        "type": f"v1.{event['type']}",
    }
    if "id" in subject:
        kind = subject["object"]
        url = f"/v1/{_PLURAL.get(kind, kind + 's')}/{subject['id']}"
        twin["related_object"] = {"id": subject["id"], "type": kind, "url": url}
    return twin
