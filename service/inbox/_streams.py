"""How far each Salesforce stream was read by each feed, and which process reads it now.

A position means something to the feed that wrote it and to no other, so each feed of a stream has its own. One process
holds it at a time, by a lease that it renews; a position is stored only by the holder, so a process that lost its lease
cannot move it back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, DateTime, LargeBinary, Table, Text, and_, or_, update
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction, metadata

table = Table(
    "streams",
    metadata,
    Column("org", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("feed", Text, primary_key=True, server_default="pubsub"),
    Column("position", LargeBinary),
    Column("holder", Text),
    Column("leased_until", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("whole_since", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class StreamLease:
    """The right to read one stream by one feed; `position` is where the last holder stopped, bytes only it reads."""

    org: str
    topic: str
    feed: str
    holder: str
    position: bytes | None
    until: datetime


async def claim(
    tx: Transaction, org: str, topic: str, feed: str, holder: str, *, now: datetime, lease: timedelta
) -> StreamLease | None:
    """Take the stream if nobody holds it, or the holder's lease has run out; None otherwise."""
    until = now + lease
    statement = insert(table).values(
        org=org,
        topic=topic,
        feed=feed,
        holder=holder,
        leased_until=until,
        updated_at=now,
        position=None,
        whole_since=now,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["org", "topic", "feed"],
        set_={"holder": holder, "leased_until": until},
        where=or_(table.c.holder.is_(None), table.c.holder == holder, table.c.leased_until < now),
    )
    row = (await tx.execute(statement.returning(table.c.position))).one_or_none()
    return None if row is None else StreamLease(org, topic, feed, holder, row.position, until)


def _held(lease: StreamLease) -> ColumnElement[bool]:
    return and_(
        table.c.org == lease.org,
        table.c.topic == lease.topic,
        table.c.feed == lease.feed,
        table.c.holder == lease.holder,
    )


async def renew(tx: Transaction, lease: StreamLease, *, until: datetime) -> bool:
    """Hold the stream for longer; False when somebody else has it."""
    result = await tx.execute(update(table).where(_held(lease)).values(leased_until=until))
    return bool(result.rowcount)


async def advance(tx: Transaction, lease: StreamLease, position: bytes, *, now: datetime) -> bool:
    """Store how far the stream was read; False when somebody else has it: then roll back."""
    result = await tx.execute(update(table).where(_held(lease)).values(position=position, updated_at=now))
    return bool(result.rowcount)


async def release(tx: Transaction, lease: StreamLease) -> None:
    """Give the stream up, so that another process takes it at once."""
    await tx.execute(update(table).where(_held(lease)).values(holder=None, leased_until=None))
