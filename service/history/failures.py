"""Reactions that failed: what a person sees and does about them, and how the dead are tried again without one.

A cause is org, kind and Salesforce's code: when one of a cause succeeds the others are tried again, and one of each
cause is tried now and then. Trying again never asks for a reaction anew: its key stays, so a task is made once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import DateTime, and_, bindparam, case, func, null, or_, select, text, type_coerce, update

from service.db import Transaction, among, shown
from service.domain import retry_delay
from service.history._reactions import CONTENT, State, table

Key = tuple[str, str]
Cause = tuple[str, str, str]
OPEN = (State.WAITING, State.DEAD)
_FIRST_RELEASE, _LAST_RELEASE = timedelta(minutes=15), timedelta(hours=24)
# After so many releases in vain a success elsewhere proves nothing about this one: only the slow probe goes on.
_LIMIT_RELEASES = 6


@dataclass(frozen=True, slots=True)
class Unreacted:
    """A reaction that failed: dead, discarded, or waiting with an error. `next_at` is None when nobody will try."""

    org: str
    key: str
    kind: str
    state: str
    attempts: int
    error_reason: str | None
    error_code: str | None
    error_detail: str | None
    failed_at: datetime | None
    next_at: datetime | None
    content: str
    put_at: datetime
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
# A lease that ran out is nobody's.
_FREE = or_(table.c.leased_until.is_(None), table.c.leased_until < func.now())
_KEY = (table.c.org, table.c.key)


async def find(
    tx: Transaction,
    *,
    org: str | None = None,
    kind: str | None = None,
    reason: str | None = None,
    before: datetime | None = None,
    key: str | None = None,
    states: Sequence[str] = OPEN,
    limit: int = 100,
) -> list[Unreacted]:
    """Return what failed, the oldest first; `reason` is our word or Salesforce's code, `before` the last failure."""
    wanted = {table.c.org: org, table.c.kind: kind, table.c.key: key}
    clauses = [column == value for column, value in wanted.items() if value is not None]
    if reason is not None:
        clauses.append(or_(table.c.error_reason == reason, table.c.error_code == reason))
    if before is not None:
        clauses.append(table.c.failed_at <= before)
    columns = [_SHOWN[name] if name in _SHOWN else table.c[name] for name in Unreacted.__slots__]
    query = select(*columns).where(_FAILED, table.c.state.in_(states), *clauses).limit(limit)
    rows = await tx.execute(query.order_by(table.c.failed_at, table.c.org, table.c.key))
    found = [dict(row._mapping) for row in rows]  # noqa: SLF001  (a row's documented accessor)
    return [Unreacted(**(values | {"content": shown(values["content"])})) for values in found]


async def redrive(tx: Transaction, keys: Sequence[Key], *, now: datetime) -> int:
    """Try again from the start, also what was discarded; return how many of them."""
    nobody = {"discarded_by": None, "discarded_at": None, "discard_reason": None}
    again = {"state": State.WAITING, "attempts": 0, "releases": 0, "release_at": None, "not_before": now}
    result = await tx.execute(update(table).where(among(_KEY, keys), _FAILED, _FREE).values(**again, **nobody))
    return result.rowcount


async def release(tx: Transaction, keys: Sequence[Key], *, now: datetime) -> int:
    """Let what waits for its next try go at once; return how many of them."""
    result = await tx.execute(
        update(table)
        .where(among(_KEY, keys), table.c.state == State.WAITING, table.c.error_reason.is_not(None), _FREE)
        .values(not_before=now)
    )
    return result.rowcount


async def discard(tx: Transaction, keys: Sequence[Key], *, now: datetime, who: str, why: str) -> int:
    """Give up what failed; return how many of them. What is on its way right now is left alone."""
    result = await tx.execute(
        update(table)
        .where(among(_KEY, keys), _FAILED, _FREE, table.c.state.in_(OPEN))
        .values(state=State.DISCARDED, discarded_by=who, discarded_at=now, discard_reason=why, release_at=None)
    )
    return result.rowcount


def release_delay(releases: int) -> timedelta:
    """Return how long a reaction that just died stays dead before it may be probed: doubling, a day at most."""
    return retry_delay(releases + 1, first=_FIRST_RELEASE, longest=_LAST_RELEASE)


_AGAIN = "state = 'waiting', attempts = 0, not_before = :now, release_at = NULL, releases = reactions.releases + 1"
_RELEASE = text(
    f"""
    WITH freed AS (
        SELECT reactions.org, reactions.key FROM reactions
        JOIN unnest(CAST(:org AS text[]), CAST(:kind AS text[]), CAST(:code AS text[])) AS cause (org, kind, code)
          ON reactions.org = cause.org AND reactions.kind = cause.kind AND reactions.error_code = cause.code
        WHERE reactions.error_reason IS NOT NULL AND reactions.leased_until IS NULL AND reactions.releases < :most
          AND (reactions.state = 'dead' OR reactions.state = 'waiting' AND reactions.not_before > :now)
        LIMIT :limit
        FOR UPDATE OF reactions SKIP LOCKED
    )
    UPDATE reactions SET {_AGAIN} FROM freed WHERE reactions.org = freed.org AND reactions.key = freed.key
    """  # noqa: S608  (our own words)
).bindparams(bindparam("now", type_=DateTime(timezone=True)))
_PROBE = text(
    f"""
    WITH due AS (
        SELECT DISTINCT ON (kind, error_code) org, key FROM reactions
        WHERE org = :org AND error_reason IS NOT NULL AND state = 'dead' AND release_at <= :now
        ORDER BY kind, error_code, release_at
        LIMIT :limit
    )
    UPDATE reactions SET {_AGAIN} FROM due
    WHERE reactions.org = due.org AND reactions.key = due.key
      AND reactions.state = 'dead' AND reactions.leased_until IS NULL
    """  # noqa: S608  (our own words)
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def release_causes(tx: Transaction, causes: Collection[Cause], *, now: datetime, limit: int = 1000) -> int:
    """Try again what failed for causes that are gone: one of the same just succeeded; return how many."""
    if not causes:
        return 0
    ordered = sorted(causes)
    columns = {name: [cause[place] for cause in ordered] for place, name in enumerate(("org", "kind", "code"))}
    result = await tx.execute(_RELEASE, {**columns, "now": now, "most": _LIMIT_RELEASES, "limit": limit})
    return result.rowcount


async def probe(tx: Transaction, *, org: str, now: datetime, limit: int = 10) -> int:
    """Try one dead reaction of each cause again, if it has been dead long enough; return how many."""
    return (await tx.execute(_PROBE, {"org": org, "now": now, "limit": limit})).rowcount
