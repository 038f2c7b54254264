"""What falls due: until when an open dispute may be answered, and which rules have told of it already."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, Index, Table, Text, bindparam, delete, text
from sqlalchemy.dialects.postgresql import ARRAY

from service.db import Sealed, Transaction, among, metadata
from service.errors import Unreadable

CONTENT = Sealed("due_dates.content")
table = Table(
    "due_dates",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("content", CONTENT, nullable=False),
    Column("told", ARRAY(Text), nullable=False, server_default=text("'{}'")),
)

Index("due_dates_next", table.c.due_at)


@dataclass(frozen=True, slots=True)
class DueDate:
    """Something with a last moment; `content` is what its reactions are made from, as JSON."""

    entity: str
    object_id: str
    due_at: datetime
    content: str


_KEEP = text(
    """
    INSERT INTO due_dates AS known (entity, object_id, due_at, content)
    SELECT entity, object_id, due_at, content
    FROM unnest(CAST(:entity AS text[]), CAST(:object_id AS text[]), CAST(:due_at AS timestamptz[]),
                CAST(:content AS text[])) AS seen (entity, object_id, due_at, content)
    ORDER BY entity, object_id
    ON CONFLICT (entity, object_id) DO UPDATE SET
        told = CASE WHEN known.due_at = excluded.due_at THEN known.told ELSE '{}' END,
        due_at = excluded.due_at,
        content = excluded.content
    WHERE known.due_at <> excluded.due_at OR known.content <> excluded.content
    """
).bindparams(bindparam("content", type_=ARRAY(CONTENT)))
_TAKE = text(
    """
    UPDATE due_dates SET told = told || CAST(:rule AS text)
    FROM (SELECT entity, object_id FROM due_dates
          WHERE due_at > :now AND due_at <= :until AND entity = ANY(CAST(:entities AS text[]))
            AND NOT (CAST(:rule AS text) = ANY(told))
          ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS soon
    WHERE due_dates.entity = soon.entity AND due_dates.object_id = soon.object_id
    RETURNING due_dates.entity, due_dates.object_id, due_dates.due_at, due_dates.content
    """
).bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "until")))
_TAKEN = _TAKE.columns(content=CONTENT.each)
_UNTELL = text(
    """
    UPDATE due_dates SET told = array_remove(told, CAST(:rule AS text))
    WHERE entity = :entity AND object_id = :object_id
    """
)


async def keep_due_dates(tx: Transaction, due: Sequence[DueDate], over: Collection[tuple[str, str]]) -> None:
    """Keep what falls due, each given once, and forget what no longer does; another time is told of anew."""
    if due:
        names = ("entity", "object_id", "due_at", "content")
        await tx.execute(_KEEP, {name: [getattr(one, name) for one in due] for name in names})
    if over:
        await tx.execute(delete(table).where(among((table.c.entity, table.c.object_id), over)))


async def take_due(
    tx: Transaction, *, rule: str, entities: Sequence[str], now: datetime, within: timedelta, limit: int
) -> list[DueDate]:
    """Return up to `limit` that fall due `within` that time and that `rule` has not told of; now it has.

    What cannot be opened is not told of, until it can.
    """
    parameters = {"rule": rule, "entities": list(entities), "now": now, "until": now + within, "limit": limit}
    rows = (await tx.execute(_TAKEN, parameters)).all()
    for row in rows:
        if isinstance(row.content, Unreadable):
            await tx.execute(_UNTELL, {"rule": rule, "entity": row.entity, "object_id": row.object_id})
    return [DueDate(*row) for row in rows if not isinstance(row.content, Unreadable)]
