"""Reactions that were asked for, and how far they got. A key is asked for once, whatever is repeated.

A claim is a lease. Whoever dies between the call and its settlement leaves the reaction to be done again, under the
same key: a task is found by it and made once; of an event or a notification that is the one case of a second one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Interval,
    SmallInteger,
    Table,
    Text,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from service import telemetry
from service.db import Sealed, Transaction, metadata
from service.errors import Unreadable

CONTENT = Sealed("reactions.content")
table = Table(
    "reactions",
    metadata,
    Column("org", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("content", CONTENT, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("not_before", DateTime(timezone=True), nullable=False),
    Column("leased_by", Text),
    Column("leased_until", DateTime(timezone=True)),
    Column("error_reason", Text),
    Column("error_detail", Text),
    Column("traceparent", Text),
    Column("put_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("error_code", Text),
    Column("failed_at", DateTime(timezone=True)),
    Column("releases", SmallInteger, nullable=False, server_default=text("0")),
    Column("release_at", DateTime(timezone=True)),
    Column("discarded_by", Text),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discard_reason", Text),
)
Index("reactions_waiting", table.c.org, table.c.not_before, postgresql_where=table.c.state == "waiting")
Index(
    "reactions_failed",
    table.c.org,
    table.c.kind,
    table.c.error_code,
    postgresql_where=table.c.error_reason.is_not(None),
)
_DETAIL_LIMIT = 500


class State(StrEnum):
    """Where a reaction stands."""

    WAITING = "waiting"  # asked for, or an attempt failed and may be repeated; leaves by a settled attempt
    DONE = "done"  # Salesforce took it; final, and kept so that it is not asked for again
    DEAD = "dead"  # refused; leaves by a release or by a person, who may also discard it
    DISCARDED = "discarded"  # given up by a person; leaves by a redrive


@dataclass(frozen=True, slots=True)
class Asked:
    """One reaction; `kind` is "task", "notification" or "event", `content` is JSON that needs no further look."""

    key: str
    kind: str
    content: dict[str, Any]
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """One reaction on its way; `attempts` counts this one, `error_code` is Salesforce's of the attempt before."""

    org: str
    key: str
    kind: str
    content: dict[str, Any]
    attempts: int
    traceparent: str | None
    error_code: str | None = None
    releases: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt failed: our word, Salesforce's code, and what a person should read; at `at`."""

    reason: str
    code: str | None
    detail: str
    at: datetime

    @property
    def columns(self) -> dict[str, Any]:
        """As columns of the table."""
        return {
            "error_reason": self.reason,
            "error_code": self.code,
            "error_detail": self.detail[:_DETAIL_LIMIT],
            "failed_at": self.at,
        }


async def ask(tx: Transaction, org: str, asked: Sequence[Asked], *, now: datetime) -> int:
    """Ask for reactions; return how many had not been asked for before."""
    if not asked:
        return 0
    rows = [
        {
            "org": org,
            "key": one.key,
            "kind": one.kind,
            "content": orjson.dumps(one.content).decode(),
            "state": State.WAITING,
            "not_before": now,
            "put_at": now,
            "traceparent": one.traceparent,
        }
        for one in asked
    ]
    statement = insert(table).values(rows).on_conflict_do_nothing().returning(table.c.key)
    return len((await tx.execute(statement)).all())


_CLAIM = text(
    """
    UPDATE reactions SET leased_by = :holder, leased_until = :now + :lease, attempts = reactions.attempts + 1
    FROM (SELECT org, key FROM reactions
          WHERE org = :org AND state = 'waiting' AND not_before <= :now
            AND (leased_until IS NULL OR leased_until < :now)
          ORDER BY not_before, key LIMIT :limit FOR UPDATE SKIP LOCKED) AS ready
    WHERE reactions.org = ready.org AND reactions.key = ready.key
    RETURNING reactions.org, reactions.key, reactions.kind, reactions.content, reactions.attempts,
              reactions.traceparent, reactions.error_code, reactions.releases
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)), bindparam("lease", type_=Interval))
_CLAIMED = _CLAIM.columns(content=CONTENT.each)
# The key of what cannot be opened may be put back at any time, by a person.
_UNREADABLE_PAUSE = timedelta(minutes=15)


async def claim(
    tx: Transaction, *, org: str, holder: str, now: datetime, lease: timedelta, limit: int
) -> list[Claimed]:
    """Take up to `limit` reactions of an org that are due, for `lease`; one that cannot be opened goes on waiting."""
    parameters = {"org": org, "holder": holder, "now": now, "lease": lease, "limit": limit}
    rows = (await tx.execute(_CLAIMED, parameters)).all()
    for row in rows:
        if isinstance(row.content, Unreadable):
            telemetry.log().error("reaction.unreadable", key=row.key, key_id=row.content.key_id, alarm=True)
            refusal = Refusal(row.content.reason, None, row.content.message, now)
            values = refusal.columns | _FREE | {"not_before": now + _UNREADABLE_PAUSE}
            await tx.execute(update(table).where(table.c.org == row.org, table.c.key == row.key).values(values))
    return [
        Claimed(
            row.org,
            row.key,
            row.kind,
            orjson.loads(row.content),
            row.attempts,
            row.traceparent,
            row.error_code,
            row.releases,
        )
        for row in rows
        if not isinstance(row.content, Unreadable)
    ]


_FREE = {"leased_by": None, "leased_until": None}


async def settle_done(tx: Transaction, one: Claimed, *, now: datetime) -> None:
    """Record that Salesforce took it, whoever holds it by now."""
    told = {"error_reason": None, "error_code": None, "error_detail": None, "failed_at": None}
    await _settle(tx, one, {"state": State.DONE, "done_at": now, **told})


async def settle_again(tx: Transaction, one: Claimed, *, holder: str, not_before: datetime, refusal: Refusal) -> None:
    """Record an attempt that failed and may be repeated from `not_before` on."""
    await _settle(tx, one, {"not_before": not_before, **refusal.columns}, holder=holder)


async def settle_dead(tx: Transaction, one: Claimed, *, holder: str, release_at: datetime, refusal: Refusal) -> None:
    """Record a refusal that is not tried again before `release_at`."""
    await _settle(tx, one, {"state": State.DEAD, "release_at": release_at, **refusal.columns}, holder=holder)


async def _settle(tx: Transaction, one: Claimed, values: dict[str, Any], *, holder: str | None = None) -> None:
    statement = update(table).where(table.c.org == one.org, table.c.key == one.key, table.c.state == State.WAITING)
    if holder is not None:
        statement = statement.where(table.c.leased_by == holder)
    await tx.execute(statement.values(**values, **_FREE))


async def prune(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` reactions that Salesforce took before `before`; return how many."""
    old = (
        select(table.c.org, table.c.key)
        .where(table.c.state == State.DONE, table.c.done_at < before)
        .limit(limit)
        .subquery()
    )
    result = await tx.execute(delete(table).where(table.c.org == old.c.org, table.c.key == old.c.key))
    return result.rowcount
