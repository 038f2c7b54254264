"""Objects that must be asked of Stripe: unknown ones, undecidable ones, and ones with a fact still to come.

A row is due when `fetch_at` has come. Taking it moves `fetch_at` on by a lease, so a fetcher that dies is replaced.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select, update

from service.db import Transaction
from service.mirror._table import table

_LIMIT_ERROR_CHARS = 200


@dataclass(frozen=True, slots=True)
class FetchDue:
    """One object to fetch, ours `until` then; `as_of` is the row's when it was taken, `attempts` counts this try.

    `error` is the reason word of the try before this one, None if it did not fail.
    """

    entity: str
    object_type: str
    object_id: str
    until: datetime
    as_of: datetime
    attempts: int
    traceparent: str | None
    error: str | None = None


async def take_fetches(tx: Transaction, *, now: datetime, lease: timedelta, limit: int) -> list[FetchDue]:
    """Claim up to `limit` objects that are due, for `lease`."""
    due = (
        select(table.c.entity, table.c.object_id)
        .where(table.c.fetch_at <= now)
        .order_by(table.c.fetch_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    statement = (
        update(table)
        .where(table.c.entity == due.c.entity, table.c.object_id == due.c.object_id)
        .values(fetch_at=now + lease, fetch_attempts=table.c.fetch_attempts + 1)
        .returning(
            table.c.entity,
            table.c.object_type,
            table.c.object_id,
            table.c.fetch_at,
            table.c.as_of,
            table.c.fetch_attempts,
            table.c.traceparent,
            table.c.fetch_error,
        )
    )
    return [FetchDue(*row) for row in await tx.execute(statement)]


def _this(due: FetchDue) -> ColumnElement[bool]:
    return and_(table.c.entity == due.entity, table.c.object_id == due.object_id)


async def settle_fetch(tx: Transaction, due: FetchDue, *, again_at: datetime | None) -> bool:
    """End a fetch, and return whether its answer may be observed; `again_at` when a fact is still to come.

    False when the object was seen otherwise since it was taken, which moved `fetch_at`. Either that sight is newer than
    what was known, or it is in doubt and due again: the answer may be older than both, even within the same second.
    """
    result = await tx.execute(
        update(table)
        .where(_this(due), table.c.fetch_at == due.until)
        .values(fetch_at=again_at, fetch_attempts=0, fetch_error=None)
        .returning(table.c.object_id)
    )
    return result.one_or_none() is not None


async def postpone_fetch(tx: Transaction, due: FetchDue, *, until: datetime | None, error: str) -> None:
    """End a fetch that failed: try again at `until`, or never when it is None; `error` is a reason word.

    A wish that came up since it was taken stands.
    """
    undisturbed = and_(_this(due), table.c.fetch_at == due.until)
    values = {"fetch_at": until, "fetch_error": error[:_LIMIT_ERROR_CHARS], "discarded_at": None}
    await tx.execute(update(table).where(undisturbed).values(values))
