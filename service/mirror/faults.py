"""What a person sees and does about objects that could not be fetched, or not be projected.

Trying again asks Stripe for the object once more, or looks at it once more; nothing here changes anything in Stripe.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update

from service.db import Transaction, among
from service.mirror._table import table

Key = tuple[str, str]
PROJECTION, FETCH = "projection", "fetch"


@dataclass(frozen=True, slots=True)
class Fault:
    """One object set aside. `next_at` is when it is fetched again; None when that was given up, or is not the point."""

    entity: str
    object_id: str
    object_type: str
    fault: str | None
    fetch_error: str | None
    fetch_attempts: int
    next_at: datetime | None
    observed_at: datetime
    discarded_by: str | None
    discarded_at: datetime | None
    discard_reason: str | None

    @property
    def kind(self) -> str:
        """Whether it was the look at it that failed, or the fetch."""
        return FETCH if self.fault is None else PROJECTION


# An error of a fetch is history as soon as something newer was seen, which starts the attempts anew.
_FAILED = or_(table.c.fault.is_not(None), and_(table.c.fetch_error.is_not(None), table.c.fetch_attempts > 0))
_KEY = (table.c.entity, table.c.object_id)


async def find(
    tx: Transaction,
    *,
    entities: Sequence[str] | None = None,
    object_type: str | None = None,
    reason: str | None = None,
    before: datetime | None = None,
    object_id: str | None = None,
    discarded: bool = False,
    limit: int = 100,
) -> list[Fault]:
    """Return what failed, the oldest first; `reason` is the beginning of the fault or of the fetch's error."""
    clauses: list[ColumnElement[bool]] = []
    clauses.append(table.c.discarded_at.is_not(None) if discarded else table.c.discarded_at.is_(None))
    if entities is not None:
        clauses.append(table.c.entity.in_(entities))
    if object_type is not None:
        clauses.append(table.c.object_type == object_type)
    if object_id is not None:
        clauses.append(table.c.object_id == object_id)
    if reason is not None:
        clauses.append(or_(table.c.fault.startswith(reason), table.c.fetch_error.startswith(reason)))
    if before is not None:
        clauses.append(table.c.observed_at <= before)
    names = [name for name in Fault.__slots__ if name != "next_at"]
    query = select(*(table.c[name] for name in names), table.c.fetch_at.label("next_at")).where(_FAILED, *clauses)
    rows = await tx.execute(query.order_by(table.c.observed_at, table.c.entity, table.c.object_id).limit(limit))
    return [Fault(**row._mapping) for row in rows]  # noqa: SLF001  (a row's documented accessor)


async def of_objects(tx: Transaction, *, entity: str, object_ids: Collection[str]) -> list[Fault]:
    """Return those of some objects that failed, whether or not they were given up."""
    names = [name for name in Fault.__slots__ if name != "next_at"]
    query = select(*(table.c[name] for name in names), table.c.fetch_at.label("next_at")).where(
        _FAILED, table.c.entity == entity, table.c.object_id.in_(object_ids)
    )
    return [Fault(**row._mapping) for row in await tx.execute(query)]  # noqa: SLF001  (a row's documented accessor)


async def unsettled(tx: Transaction, *, entity: str, object_ids: Collection[str]) -> list[str]:
    """Return those of some objects that wait for a look, are fetched, or failed."""
    waits = or_(table.c.dirty, and_(table.c.fetch_at.is_not(None), table.c.body.is_(None)), _FAILED)
    query = select(table.c.object_id).where(waits, table.c.entity == entity, table.c.object_id.in_(object_ids))
    return list(await tx.scalars(query.order_by(table.c.object_id)))


async def look_again(tx: Transaction, keys: Sequence[Key]) -> int:
    """Project again what was set aside; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(among(_KEY, keys), table.c.fault.is_not(None))
        .values(dirty=True, fault=None, discarded_at=None, discarded_by=None, discard_reason=None)
    )
    return result.rowcount


async def fetch_again(tx: Transaction, keys: Sequence[Key], *, now: datetime) -> int:
    """Fetch again what was given up, or waits for its next try; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(among(_KEY, keys), table.c.fetch_error.is_not(None))
        .values(fetch_at=now, discarded_at=None, discarded_by=None, discard_reason=None)
    )
    return result.rowcount


async def discard(tx: Transaction, keys: Sequence[Key], *, now: datetime, who: str, why: str) -> int:
    """Give up what failed, until the object changes; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(among(_KEY, keys), _FAILED, table.c.discarded_at.is_(None))
        .values(fetch_at=None, discarded_by=who, discarded_at=now, discard_reason=why)
    )
    return result.rowcount


async def heal_projections(tx: Transaction, *, entities: Sequence[str], limit: int) -> int:
    """Look again at some of what was set aside, of entities that are configured; return how many."""
    some = (
        select(table.c.entity, table.c.object_id)
        .where(table.c.fault.is_not(None), table.c.discarded_at.is_(None), table.c.entity.in_(entities))
        .order_by(func.random())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await look_again(tx, [(row.entity, row.object_id) for row in await tx.execute(some)])


# Given up, and by nobody in person.
_GIVEN_UP = and_(table.c.fetch_error.is_not(None), table.c.fetch_at.is_(None), table.c.discarded_at.is_(None))


async def probe_fetches(tx: Transaction, *, entities: Sequence[str], now: datetime, each: int, limit: int) -> int:
    """Fetch again a few of each cause that was given up, of entities that are configured; return how many."""
    cause = (table.c.entity, table.c.object_type, table.c.fetch_error)
    number = func.row_number().over(partition_by=cause, order_by=func.random())
    numbered = (
        select(table.c.entity, table.c.object_id, number.label("number"))
        .where(_GIVEN_UP, table.c.entity.in_(entities))
        .subquery()
    )
    few = select(numbered.c.entity, numbered.c.object_id).where(numbered.c.number <= each).limit(limit)
    some = select(table.c.entity, table.c.object_id).where(tuple_(*_KEY).in_(few)).with_for_update(skip_locked=True)
    return await fetch_again(tx, [(row.entity, row.object_id) for row in await tx.execute(some)], now=now)


async def release_fetches(tx: Transaction, *, entity: str, error: str, now: datetime, limit: int = 1000) -> int:
    """Fetch again what was given up for a cause that is gone: one of the same just succeeded; return how many."""
    some = (
        select(table.c.entity, table.c.object_id)
        .where(_GIVEN_UP, table.c.entity == entity, table.c.fetch_error == error)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await fetch_again(tx, [(row.entity, row.object_id) for row in await tx.execute(some)], now=now)
