"""What a person sees and does about records that were not delivered: list, try again, let go at once, discard.

A discard says who, when and why, and stays until other content is wanted or somebody tries again. Nothing here asks
for anything of Stripe: a record is sent to Salesforce again, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, and_, case, null, or_, select, type_coerce, update

from service.db import Transaction, among, shown
from service.errors import Unreadable
from service.outbox._order import KEY
from service.outbox._put import CONTENT, State, table

Key = tuple[str, str, str]
OPEN = (State.WAITING, State.DEAD)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A record that failed: dead, discarded, or waiting with an error. `next_at` is None when nobody will try."""

    org: str
    sobject: str
    key: str
    state: str
    attempts: int
    error_reason: str | None
    error_code: str | None
    error_detail: str | None
    failed_at: datetime | None
    next_at: datetime | None
    lane: str
    content: str
    put_at: datetime
    releases: int
    discarded_by: str | None
    discarded_at: datetime | None
    discard_reason: str | None


_FAILED = or_(
    table.c.state.in_([State.DEAD, State.DISCARDED]),
    and_(table.c.state == State.WAITING, table.c.error_reason.is_not(None)),
)
_NEXT = case(
    (table.c.state == State.WAITING, table.c.not_before),
    (table.c.state == State.DEAD, table.c.release_at),
    else_=null(),
)
_SHOWN = {"next_at": _NEXT.label("next_at"), "content": type_coerce(table.c.content, CONTENT.each).label("content")}
_FREE = table.c.leased_until.is_(None)


async def find(
    tx: Transaction,
    *,
    org: str | None = None,
    sobject: str | None = None,
    reason: str | None = None,
    entity: str | None = None,
    before: datetime | None = None,
    key: str | None = None,
    states: Sequence[str] = OPEN,
    configured: Sequence[str] | None = None,
    limit: int = 100,
) -> list[Undelivered]:
    """Return what failed, the oldest first; `reason` is our word or Salesforce's code, `before` the last failure.

    What waits for an org that is not among the `configured` ones counts as failed too: nobody delivers it.
    """
    failed = _FAILED
    if configured is not None:
        failed = or_(_FAILED, and_(table.c.state == State.WAITING, table.c.org.not_in(configured)))
    wanted = {table.c.org: org, table.c.sobject: sobject, table.c.key: key}
    clauses = [column == value for column, value in wanted.items() if value is not None]
    if reason is not None:
        clauses.append(or_(table.c.error_reason == reason, table.c.error_code == reason))
    if before is not None:
        clauses.append(table.c.failed_at <= before)
    columns = [_SHOWN[name] if name in _SHOWN else table.c[name] for name in Undelivered.__slots__]
    query = select(*columns).where(failed, table.c.state.in_(states), *clauses)
    query = query.order_by(table.c.failed_at, table.c.org, table.c.sobject, table.c.key)
    found: list[Undelivered] = []
    start = 0
    # The entity stands in the content, which SQL may not be able to read.
    while len(found) < limit:
        rows = (await tx.execute(query.limit(limit).offset(start))).all()
        found += [_undelivered(row) for row in rows if entity in {None, _entity(row.content)}]
        start += limit
        if len(rows) < limit:
            break
    return found[:limit]


def _undelivered(row: Row[Any]) -> Undelivered:
    values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
    return Undelivered(**(values | {"content": shown(values["content"])}))


def _entity(content: str | Unreadable) -> Any:
    return None if isinstance(content, Unreadable) else orjson.loads(content).get("Entity__c")


async def redrive(tx: Transaction, keys: Sequence[Key], *, now: datetime) -> int:
    """Try again from the start, also what was discarded; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(among(KEY, keys), _FAILED, _FREE)
        .values(state=State.WAITING, attempts=0, releases=0, release_at=None, not_before=now)
    )
    return result.rowcount


async def release(tx: Transaction, keys: Sequence[Key], *, now: datetime) -> int:
    """Let what waits for its next try go at once; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(
            among(KEY, keys),
            table.c.state == State.WAITING,
            table.c.error_reason.is_not(None),
            _FREE,
        )
        .values(not_before=now)
    )
    return result.rowcount


async def discard(tx: Transaction, keys: Sequence[Key], *, now: datetime, who: str, why: str) -> int:
    """Give up what failed; return how many of them. What is on its way right now is left alone."""
    result = await tx.execute(
        update(table)
        .where(among(KEY, keys), _FAILED, _FREE, table.c.state.in_(OPEN))
        .values(state=State.DISCARDED, discarded_by=who, discarded_at=now, discard_reason=why, release_at=None)
    )
    return result.rowcount
