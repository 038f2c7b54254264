"""Customers for readers, and how many a record has had: what was deleted in Stripe is not taken up again."""

from datetime import datetime

from sqlalchemy import func, literal, select, tuple_

from service.db import Transaction
from service.mirror._graphs import COLUMNS, MirrorRow, to_row
from service.mirror._table import table

_KIND = "customer"
_SHOWN = (table.c.object_type == _KIND, table.c.body.is_not(None))


async def read(tx: Transaction, entity: str, customer_id: str) -> MirrorRow | None:
    """Return one customer, a deleted one as well; None if it is not known whole."""
    query = select(*(table.c[name] for name in COLUMNS)).where(
        table.c.entity == entity, table.c.object_id == customer_id, *_SHOWN
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else to_row(row)


async def page(
    tx: Transaction, entity: str, *, record_id: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[MirrorRow]:
    """Return up to `limit` customers after a position, newest first; `record_id` narrows to those of a record."""
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .where(table.c.entity == entity, table.c.created_at.is_not(None), *_SHOWN)
        .order_by(table.c.created_at.desc(), table.c.object_id.desc())
        .limit(limit)
    )
    if record_id is not None:
        query = query.where(table.c.record_id == record_id)
    if after is not None:
        query = query.where(tuple_(table.c.created_at, table.c.object_id) < tuple_(*map(literal, after)))
    return [to_row(row) for row in await tx.execute(query)]


async def count_deleted(tx: Transaction, entity: str, record_id: str) -> int:
    """Return how many customers made for a record were deleted."""
    query = select(func.count()).where(
        table.c.entity == entity, table.c.object_type == _KIND, table.c.record_id == record_id, table.c.deleted
    )
    return int((await tx.execute(query)).scalar_one())
