"""What became of objects that had to be asked for: the open ones are exceptions, until the missing record appears."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction, among
from service.links._questions import Question
from service.links._tables import routes

_OPEN = ("Unmatched", "Ambiguous")


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """An object that no Salesforce record was found for: `asked` says in which fields it was looked for."""

    entity: str
    object_id: str
    state: str
    asked: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an object stands, and what was asked on the way; `state` is empty while an answer is awaited."""

    entity: str
    object_id: str
    state: str
    asked: frozenset[Question]


async def keep(tx: Transaction, kept: Sequence[Kept], *, now: datetime) -> None:
    """Keep where objects stand, each given once; `since` moves only when its state does."""
    if not kept:
        return
    rows = [
        {
            "entity": one.entity,
            "object_id": one.object_id,
            "state": one.state,
            "asked": [question.text for question in sorted(one.asked)],
            "since": now,
        }
        for one in sorted(kept, key=lambda one: (one.entity, one.object_id))
    ]
    row = insert(routes).values(rows)
    changed = {"state": row.excluded.state, "asked": row.excluded.asked, "since": row.excluded.since}
    await tx.execute(
        row.on_conflict_do_update(
            index_elements=["entity", "object_id"],
            set_=changed,
            where=(routes.c.state != row.excluded.state) | (routes.c.asked != row.excluded.asked),
        )
    )


async def forget(tx: Transaction, keys: Collection[tuple[str, str]]) -> None:
    """Drop what is kept of objects, by entity and id, that ask nothing any more."""
    if keys:
        await tx.execute(delete(routes).where(among((routes.c.entity, routes.c.object_id), keys)))


async def askers(tx: Transaction, entity: str, questions: Collection[Question]) -> list[str]:
    """Return the ids of the objects that asked any of these questions."""
    texts = [one.text for one in questions]
    if not texts:
        return []
    query = select(routes.c.object_id).where(routes.c.entity == entity, routes.c.asked.overlap(texts))
    return [row.object_id for row in await tx.execute(query)]


async def list_open(tx: Transaction, *, entities: Sequence[str], limit: int) -> list[OpenRoute]:
    """Return objects no record was found for, the oldest first."""
    query = (
        select(routes)
        .where(routes.c.entity.in_(entities), routes.c.state.in_(_OPEN))
        .order_by(routes.c.since, routes.c.object_id)
        .limit(limit)
    )
    return [
        OpenRoute(row.entity, row.object_id, row.state, tuple(row.asked), row.since) for row in await tx.execute(query)
    ]


async def count_open(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many are open, by entity and state."""
    query = (
        select(routes.c.entity, routes.c.state, func.count())
        .where(routes.c.state.in_(_OPEN))
        .group_by(routes.c.entity, routes.c.state)
    )
    return {(row[0], row[1]): row[2] for row in await tx.execute(query)}
