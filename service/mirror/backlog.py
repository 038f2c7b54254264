"""What the mirror still has to look at or to ask for, and what it set aside: figures for those who watch."""

from datetime import datetime

from sqlalchemy import and_, case, func, or_, select

from service.db import Transaction
from service.domain.backlog import Backlog
from service.mirror._table import table
from service.mirror.faults import FETCH, PROJECTION


async def waiting(tx: Transaction, *, now: datetime) -> list[Backlog]:
    """Return what changed and was not projected, and what was due to be fetched before `now`, by entity."""
    dirty = select(table.c.entity, func.count(), func.min(table.c.observed_at)).where(table.c.dirty)
    due = select(table.c.entity, func.count(), func.min(table.c.fetch_at)).where(table.c.fetch_at < now)
    projected = await tx.execute(dirty.group_by(table.c.entity))
    fetched = await tx.execute(due.group_by(table.c.entity))
    return [Backlog("project", *row) for row in projected] + [Backlog("fetch", *row) for row in fetched]


async def failed(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many objects could not be fetched or projected and were not discarded, by shelf and entity."""
    shelf = case((table.c.fault.is_not(None), PROJECTION), else_=FETCH).label("shelf")
    query = (
        select(shelf, table.c.entity, func.count())
        .where(
            # Both columns named as the index of failures names them.
            or_(table.c.fault.is_not(None), table.c.fetch_error.is_not(None)),
            or_(table.c.fault.is_not(None), and_(table.c.fetch_error.is_not(None), table.c.fetch_attempts > 0)),
            table.c.discarded_at.is_(None),
        )
        .group_by(shelf, table.c.entity)
    )
    return {(kind, entity): count for kind, entity, count in await tx.execute(query)}
