"""Requests that ended long ago lose what they say of people; what was asked, for how much, and its keys stay for ever.

Refuses requests that are not settled, and those that were given up: asked again, they go on with what was sent first.
"""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, Label, select, type_coerce, update

from service.commands._ledger import CommandState, calls, commands
from service.db import Sealed, Transaction
from service.errors import Unreadable
from service.redaction import without_people

_ENDED = [state for state in CommandState if state.settled and state is not CommandState.FAILED]
# The line items of an invoice are compared when the same is asked again; their texts name products.
_TERMS = ("account_name", "title", "said")


def _each(column: Column[Any]) -> Label[Any]:
    kind = column.type
    return type_coerce(column, kind.each if isinstance(kind, Sealed) else kind).label(column.name)


async def forget_people(tx: Transaction, *, before: datetime, after: str, limit: int) -> tuple[int, str | None]:
    """Go through up to `limit` commands behind `after` that ended before `before`.

    Returns how many lost a text, and the id to go on behind; None when there are no more.
    """
    query = (
        select(commands.c.id, _each(commands.c.terms))
        .where(commands.c.id > after, commands.c.state.in_(_ENDED), commands.c.settled_at < before)
        .order_by(commands.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ended = (await tx.execute(query)).all()
    changed = set()
    for row in ended:
        if isinstance(row.terms, Unreadable):
            continue  # its key is missing: at another pass
        terms = orjson.loads(row.terms) if row.terms else {}
        if any(terms.get(name) for name in _TERMS):
            left = terms | {name: None if name == "said" else "" for name in _TERMS if name in terms}
            statement = update(commands).where(commands.c.id == row.id)
            await tx.execute(statement.values(terms=orjson.dumps(left).decode()))
            changed.add(row.id)
    made = select(calls.c.idempotency_key, calls.c.command_id, _each(calls.c.parameters)).where(
        calls.c.command_id.in_([row.id for row in ended]), calls.c.finished_at.is_not(None)
    )
    for call in await tx.execute(made):
        if isinstance(call.parameters, Unreadable):
            continue
        kept = orjson.dumps(without_people(orjson.loads(call.parameters), None)).decode()
        if kept != call.parameters:
            statement = update(calls).where(calls.c.idempotency_key == call.idempotency_key)
            await tx.execute(statement.values(parameters=kept))
            changed.add(call.command_id)
    return len(changed), ended[-1].id if len(ended) == limit else None
