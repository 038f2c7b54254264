"""Which reactions wait, and which Salesforce would not take: figures for those who watch."""

from datetime import datetime

from sqlalchemy import func, select

from service.db import Transaction
from service.domain.backlog import Backlog
from service.history._reactions import State, table


async def waiting(tx: Transaction, *, now: datetime) -> list[Backlog]:
    """Return the reactions that could be sent before `now`, by org."""
    query = (
        select(table.c.org, func.count(), func.min(table.c.put_at))
        .where(table.c.state == State.WAITING, table.c.not_before < now)
        .group_by(table.c.org)
    )
    return [Backlog("react", *row) for row in await tx.execute(query)]


async def failed(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many reactions are dead, by shelf and org."""
    query = (
        select(table.c.org, func.count())
        .where(table.c.error_reason.is_not(None), table.c.state == State.DEAD)
        .group_by(table.c.org)
    )
    return {("reaction", org): count for org, count in await tx.execute(query)}
