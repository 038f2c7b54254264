"""Reading the ledger page by page."""

from datetime import datetime

from sqlalchemy import literal, select, tuple_

from service.commands._ledger import Command, CommandState, commands, get, to_command
from service.db import Transaction

__all__ = ["Position", "get", "list_commands"]

Position = tuple[datetime, str]


async def list_commands(
    tx: Transaction,
    entity: str,
    *,
    state: CommandState | None,
    record_id: str | None,
    operation: str | None,
    after: Position | None,
    limit: int,
) -> tuple[list[Command], Position | None]:
    """Return up to `limit` requests after a position, newest first, and where to go on, if there is more."""
    query = (
        select(commands)
        .where(commands.c.entity == entity)
        .order_by(commands.c.created_at.desc(), commands.c.id.desc())
        .limit(limit + 1)
    )
    filters = ((commands.c.state, state), (commands.c.record_id, record_id), (commands.c.operation, operation))
    for column, value in filters:
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(tuple_(commands.c.created_at, commands.c.id) < tuple_(*map(literal, after)))
    found = [to_command(row) for row in await tx.execute(query)]
    shown = found[:limit]
    return shown, (shown[-1].created_at, shown[-1].id) if len(found) > limit else None
