"""Where each object stood last: the one place that knows whether a status is a change.

The row itself decides, in one statement, so that of several who look at once exactly one is told of a change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, DateTime, Integer, Table, Text, select, text

from service.db import Transaction, among, metadata

table = Table(
    "statuses",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("previous", Text),
    Column("stripe_status", Text),
    Column("number", Integer, nullable=False, server_default=text("1")),
    Column("cause", Text),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Noted:
    """Where an object stands by our present knowledge, and the event or call that told it."""

    entity: str
    object_id: str
    status: str
    stripe_status: str | None
    cause: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A status that is another one now; `number` counts an object's changes from 1; the first has no `previous`."""

    number: int
    previous: str | None


_FIELDS = {
    "entity": "text",
    "object_id": "text",
    "status": "text",
    "stripe_status": "text",
    "cause": "text",
    "changed_at": "timestamptz",
}
_NAMES = ", ".join(_FIELDS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _FIELDS.items())
_NOTE = text(
    f"""
    INSERT INTO statuses AS known ({_NAMES})
    SELECT {_NAMES} FROM unnest({_ARRAYS}) AS seen ({_NAMES})
    ORDER BY entity, object_id
    ON CONFLICT (entity, object_id) DO UPDATE SET
        previous = known.status,
        status = excluded.status,
        stripe_status = excluded.stripe_status,
        number = known.number + 1,
        cause = excluded.cause,
        changed_at = excluded.changed_at
    WHERE known.status <> excluded.status
    RETURNING entity, object_id, number, previous
    """  # noqa: S608  (names are ours)
)


async def news(tx: Transaction, standings: Sequence[Noted]) -> list[Noted]:
    """Return those whose status seems to be another one now; `note` has the last word."""
    keys = [(one.entity, one.object_id) for one in standings]
    if not keys:
        return []
    query = select(table.c.entity, table.c.object_id, table.c.status).where(
        among((table.c.entity, table.c.object_id), keys)
    )
    known = {(row.entity, row.object_id): row.status for row in await tx.execute(query)}
    return [one for one in standings if known.get((one.entity, one.object_id)) != one.status]


async def note(tx: Transaction, standings: Sequence[Noted]) -> dict[tuple[str, str], Change]:
    """Keep where objects stand, each given once; return those whose status is another one now, by entity and id."""
    if not standings:
        return {}
    arrays = {name: [getattr(one, name) for one in standings] for name in _FIELDS}
    rows = await tx.execute(_NOTE, arrays)
    return {(row.entity, row.object_id): Change(row.number, row.previous) for row in rows}
