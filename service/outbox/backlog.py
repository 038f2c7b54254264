"""What waits to be written to Salesforce, and what it would not take: figures for those who watch."""

from sqlalchemy import func, select

from service.db import Transaction
from service.domain.backlog import Backlog
from service.outbox._put import State, table


async def waiting(tx: Transaction) -> list[Backlog]:
    """Return the records that wait, by org; since when their content is wanted, however often they were tried."""
    query = (
        select(table.c.org, func.count(), func.min(table.c.put_at))
        .where(table.c.state == State.WAITING)
        .group_by(table.c.org)
    )
    return [Backlog("deliver", *row) for row in await tx.execute(query)]


async def failed(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many records are dead, by shelf and org."""
    query = (
        select(table.c.org, func.count())
        # Each has an error: said here too, so that the index of failures is used.
        .where(table.c.error_reason.is_not(None), table.c.state == State.DEAD)
        .group_by(table.c.org)
    )
    return {("delivery", org): count for org, count in await tx.execute(query)}
