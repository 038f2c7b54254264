"""Which commands are not settled, and which were given up: figures for those who watch."""

from sqlalchemy import func, select

from service.commands._ledger import UNFINISHED, CommandState, commands
from service.db import Transaction
from service.domain.backlog import Backlog


async def read(tx: Transaction) -> tuple[list[Backlog], dict[tuple[str, str], int]]:
    """Return the commands nobody has settled, and how many were given up with their outcome in doubt, by entity."""
    query = (
        select(commands.c.entity, commands.c.state, func.count(), func.min(commands.c.created_at))
        .where(UNFINISHED)
        .group_by(commands.c.entity, commands.c.state)
    )
    waiting: list[Backlog] = []
    failed: dict[tuple[str, str], int] = {}
    for entity, state, count, oldest in await tx.execute(query):
        if state == CommandState.FAILED:
            failed["command", entity] = count
        elif CommandState(state).under_way:  # one that waits for a person is not behind
            waiting.append(Backlog("command", entity, count, oldest))
    return waiting, failed
