"""What belongs nowhere yet, with what to do about each: payments and invoices without a record, events of nobody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service import inbox, links
from service.db import Transaction

__all__ = ["OpenItem", "list_open_items"]

_REMEDY = {
    "Unmatched": "No record holds its id or its customer's: write the id into one of the fields it was looked for in",
    "Ambiguous": "Several records hold the same value: leave it in one of them",
    "ACCOUNT_MISMATCH": "The event is of an account that no entity names: add an entity with this account and platform",
    "LIVEMODE_MISMATCH": "The event is of the other mode: correct livemode, or the endpoint it was sent to",
}


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One of them. `looked_for` is where a record was looked for, or the type of an event."""

    entity: str
    object_id: str
    state: str
    since: datetime
    looked_for: tuple[str, ...]
    remedy: str


async def list_open_items(tx: Transaction, *, entities: Sequence[str], limit: int) -> list[OpenItem]:
    """Return up to `limit` objects without a record, and as many events of nobody's, each the oldest first."""
    found = [
        OpenItem(one.entity, one.object_id, one.state, one.since, tuple(one.asked), _REMEDY[one.state])
        for one in await links.list_open(tx, entities=entities, limit=limit)
    ]
    kept = await inbox.list_quarantined(tx, source="stripe", accounts=entities, limit=limit)
    return found + [
        OpenItem(
            row.account,
            row.event_id,
            row.reason or "",
            row.received_at,
            (row.kind,),
            _REMEDY.get(row.reason or "", "See 'counterfoil failures show'"),
        )
        for row in kept
    ]
