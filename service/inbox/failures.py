"""What a person sees and does about events that were not acted on: quarantined ones and refused requests.

A refused request is never carried out from here: it would be a new wish for money. It is asked for anew where it came
from. A quarantined event of Stripe's may be let go when the configuration it did not fit was put right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_, type_coerce, update

from service.db import Transaction, shown
from service.errors import Unreadable
from service.inbox._rows import PAYLOAD, State, table

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Unhandled:
    """One event that had no effect."""

    source: str
    account: str
    event_id: str
    kind: str
    object_id: str | None
    state: str
    reason: str | None
    payload: str
    received_at: datetime
    discarded_by: str | None
    discarded_at: datetime | None
    discard_reason: str | None


_FAILED = table.c.state.in_([State.QUARANTINED, State.REFUSED])
_KEY = tuple_(table.c.source, table.c.account, table.c.event_id)


async def find(
    tx: Transaction,
    *,
    accounts: Sequence[str] | None = None,
    kind: str | None = None,
    reason: str | None = None,
    before: datetime | None = None,
    event_id: str | None = None,
    discarded: bool = False,
    limit: int = 100,
) -> list[Unhandled]:
    """Return events, the oldest first; `accounts` are entities (Stripe's events) and orgs (Salesforce's)."""
    wanted = {table.c.kind: kind, table.c.reason: reason, table.c.event_id: event_id}
    clauses = [column == value for column, value in wanted.items() if value is not None]
    clauses.append(table.c.discarded_at.is_not(None) if discarded else table.c.discarded_at.is_(None))
    if accounts is not None:
        clauses.append(table.c.account.in_(accounts))
    if before is not None:
        clauses.append(table.c.received_at <= before)
    each = type_coerce(table.c.payload, PAYLOAD.each).label("payload")
    query = select(*(each if name == "payload" else table.c[name] for name in Unhandled.__slots__))
    query = query.where(_FAILED, *clauses).order_by(table.c.received_at, table.c.event_id).limit(limit)
    rows = [dict(row._mapping) for row in await tx.execute(query)]  # noqa: SLF001  (a row's documented accessor)
    return [Unhandled(**(row | {"payload": shown(row["payload"])})) for row in rows]


async def payload_of(tx: Transaction, key: Key) -> str | None:
    """Return the text of an event, None if there is no such event.

    Raises:
        Unreadable: it cannot be opened.
    """
    payload: str | None = await tx.scalar(select(table.c.payload).where(_KEY.in_([key])))
    return payload


async def take_again(tx: Transaction, key: Key) -> int:
    """Let an event go that was set aside because it could not be opened; return how many did."""
    result = await tx.execute(
        update(table)
        .where(
            _KEY.in_([key]),
            table.c.state == State.QUARANTINED,
            table.c.reason == Unreadable.reason,
            table.c.discarded_at.is_(None),
        )
        .values(state=State.RECORDED, reason=None)
    )
    return result.rowcount


async def settle_released(tx: Transaction, key: Key) -> int:
    """Record that a quarantined event had its effect after all, in this transaction."""
    result = await tx.execute(
        update(table)
        .where(_KEY.in_([key]), table.c.state == State.QUARANTINED)
        .values(state=State.HANDLED, reason=None)
    )
    return result.rowcount


async def discard(tx: Transaction, keys: Sequence[Key], *, now: datetime, who: str, why: str) -> int:
    """Give events up: they need nobody any more, and leave with the other old ones; return how many."""
    result = await tx.execute(
        update(table)
        .where(_KEY.in_(keys), _FAILED, table.c.discarded_at.is_(None))
        .values(state=State.REFUSED, discarded_by=who, discarded_at=now, discard_reason=why)
    )
    return result.rowcount
