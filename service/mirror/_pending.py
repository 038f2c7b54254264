"""What still has to be asked of Stripe, or was given up: the raw material of pending facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, or_, select, tuple_

from service.db import Transaction
from service.mirror._graphs import COLUMNS, MirrorRow, to_row
from service.mirror._table import table


@dataclass(frozen=True, slots=True)
class Pending:
    """A row that is to be fetched at `next_at`; never again if that is None. `error` is the last try's reason word."""

    row: MirrorRow
    next_at: datetime | None
    attempts: int
    error: str | None
    observed_at: datetime


_FETCH = ("fetch_at", "fetch_attempts", "fetch_error", "observed_at")


async def list_pending(
    tx: Transaction, *, entities: Sequence[str], after: tuple[str, str] | None, limit: int
) -> list[Pending]:
    """Return rows to be fetched or given up, by entity and id, after a position."""
    query = (
        select(*(table.c[name] for name in (*COLUMNS, *_FETCH)))
        .where(
            or_(table.c.fetch_at.is_not(None), table.c.fetch_error.is_not(None)),
            table.c.entity.in_(entities),
            table.c.deleted.is_(False),
        )
        .order_by(table.c.entity, table.c.object_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(table.c.entity, table.c.object_id) > tuple_(*map(literal, after)))
    return [
        Pending(to_row(row), row.fetch_at, row.fetch_attempts, row.fetch_error, row.observed_at)
        for row in await tx.execute(query)
    ]
