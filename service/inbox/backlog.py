"""What the inbox still holds to be acted on, and what it holds that was not: figures for those who watch."""

from datetime import datetime

from sqlalchemy import func, select

from service.db import Transaction
from service.domain.backlog import Backlog
from service.inbox._rows import State, table
from service.inbox._streams import table as streams


async def waiting(tx: Transaction) -> list[Backlog]:
    """Return the requests nobody has looked at yet, by org."""
    query = (
        select(table.c.account, func.count(), func.min(table.c.received_at))
        .where(table.c.state == State.RECORDED)
        .group_by(table.c.account)
    )
    return [Backlog("accept", *row) for row in await tx.execute(query)]


async def failed(tx: Transaction) -> dict[tuple[str, str], int]:
    """Return how many events had no effect and were not discarded, by shelf and entity or org."""
    query = (
        select(table.c.account, func.count())
        .where(table.c.state.in_([State.QUARANTINED, State.REFUSED]), table.c.discarded_at.is_(None))
        .group_by(table.c.account)
    )
    return {("event", where): count for where, count in await tx.execute(query)}


async def positions(tx: Transaction) -> dict[tuple[str, str, str], datetime]:
    """Return when the position of each stream was stored last, by org, topic and feed (UTC)."""
    query = select(streams.c.org, streams.c.topic, streams.c.feed, streams.c.updated_at)
    return {(org, topic, feed): at for org, topic, feed, at in await tx.execute(query)}
