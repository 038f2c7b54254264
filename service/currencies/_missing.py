"""Payments that could not be shown in the reporting currency, because nobody has told a rate."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, DateTime, Table, Text, delete, select
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction, among, metadata

table = Table(
    "missing_rates",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("base", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A payment without a rate from `base` to `target`, which `source` should have told."""

    entity: str
    object_id: str
    base: str
    target: str
    source: str


async def note_missing(
    tx: Transaction, missing: Sequence[Missing], found: Collection[tuple[str, str]], *, now: datetime
) -> None:
    """Keep what lacks a rate, each given once, and forget the payments that have one."""
    if found:
        await tx.execute(delete(table).where(among((table.c.entity, table.c.object_id), found)))
    if missing:
        rows = [
            {name: getattr(one, name) for name in Missing.__slots__} | {"since": now}
            for one in sorted(missing, key=lambda one: (one.entity, one.object_id))
        ]
        statement = insert(table).values(rows)
        told = {name: statement.excluded[name] for name in ("base", "target", "source")}
        known = [table.c.entity, table.c.object_id]
        await tx.execute(statement.on_conflict_do_update(index_elements=known, set_=told))


async def list_missing(tx: Transaction, *, entities: Collection[str], limit: int) -> list[tuple[Missing, datetime]]:
    """Return what lacks a rate and since when, by entity and id."""
    query = (
        select(*(table.c[name] for name in (*Missing.__slots__, "since")))
        .where(table.c.entity.in_(list(entities)))
        .order_by(table.c.entity, table.c.object_id)
        .limit(limit)
    )
    return [(Missing(*row[:-1]), row.since) for row in await tx.execute(query)]
