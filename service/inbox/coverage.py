"""What is proven of each stretch of a Salesforce stream: nothing in it was missed, or what was missed was read again.

The present stretch of a stream is its own row: whole from `whole_since` to the last time it moved. A stretch that
ended, and a gap, is a row here. Rows are kept for a person; they are few.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, delete, insert, select, text, update

from service.db import Transaction, metadata
from service.inbox._streams import StreamLease
from service.inbox._streams import table as streams

table = Table(
    "coverage",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("org", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("sobject", Text),
    Column("since", DateTime(timezone=True)),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("records", BigInteger, nullable=False, server_default=text("0")),
    Column("settled_at", DateTime(timezone=True)),
)
Index("coverage_pending", table.c.org, table.c.id, postgresql_where=table.c.proof == "pending")


class Proof(StrEnum):
    """How it is known that a stretch is whole."""

    STREAM = "stream"  # every event was read, one behind the other; stays
    PENDING = "pending"  # a gap whose records are still to be read again; leaves by `settle_stretch`
    CATCH_UP = "catch_up"  # a gap whose records were read again; stays
    UNPROVEN = "unproven"  # a gap of what cannot be read again; a person may look; stays


class GapCause(StrEnum):
    """Why a stretch ended."""

    REPLAY_LOST = "replay_lost"  # Salesforce no longer knew the position
    OVERFLOW = "overflow"  # Salesforce told that there were too many changes to tell


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time of a topic; `since` None is the beginning. `sobject`: of one object's records only."""

    id: int
    org: str
    topic: str
    sobject: str | None
    since: datetime | None
    until: datetime
    cause: str
    proof: Proof
    records: int
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class StreamStand:
    """Where a stream stands: whole since then, moved last then, read by whom."""

    org: str
    topic: str
    feed: str
    holder: str | None
    whole_since: datetime | None
    moved_at: datetime


async def note_gap(tx: Transaction, lease: StreamLease, *, recoverable: bool, now: datetime) -> bool:
    """End the present stretch of a stream whose position is lost, and note the gap; False when another holds it.

    The stream is read from the oldest event that Salesforce keeps; the gap is from its last movement until now.
    """
    held = (streams.c.org == lease.org, streams.c.topic == lease.topic, streams.c.feed == lease.feed)
    query = select(streams.c.whole_since, streams.c.updated_at).where(*held, streams.c.holder == lease.holder)
    row = (await tx.execute(query.with_for_update())).one_or_none()
    if row is None:
        return False
    await tx.execute(update(streams).where(*held).values(position=None, whole_since=now, updated_at=now))
    stretch = {"org": lease.org, "topic": lease.topic, "cause": GapCause.REPLAY_LOST}
    whole = {**stretch, "since": row.whole_since, "until": row.updated_at, "proof": Proof.STREAM, "settled_at": now}
    proof = Proof.PENDING if recoverable else Proof.UNPROVEN
    settled_at = None if recoverable else now
    gap = {**stretch, "since": row.updated_at, "until": now, "proof": proof, "settled_at": settled_at}
    await tx.execute(insert(table), [whole, gap])
    return True


async def note_overflow(
    tx: Transaction, org: str, topic: str, sobject: str, *, since: datetime, until: datetime
) -> None:
    """Note that the changes of one object in a stretch were not told one by one."""
    values = {"org": org, "topic": topic, "sobject": sobject, "since": since, "until": until}
    await tx.execute(insert(table).values(**values, cause=GapCause.OVERFLOW, proof=Proof.PENDING))


def _stretch(row: object) -> Stretch:
    values = {name: getattr(row, name) for name in Stretch.__slots__}
    return Stretch(**{**values, "proof": Proof(values["proof"])})


async def next_pending(tx: Transaction, org: str) -> Stretch | None:
    """Return the oldest gap of an org that is still to be caught up."""
    query = select(table).where(table.c.org == org, table.c.proof == Proof.PENDING).order_by(table.c.id).limit(1)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _stretch(row)


async def settle_stretch(tx: Transaction, stretch: Stretch, proof: Proof, *, records: int, now: datetime) -> None:
    """Say what came of a gap; `records` is how many were read again."""
    await tx.execute(
        update(table)
        .where(table.c.id == stretch.id, table.c.proof == Proof.PENDING)
        .values(proof=proof, records=records, settled_at=now)
    )


async def list_stretches(tx: Transaction, *, orgs: list[str], limit: int) -> list[Stretch]:
    """Return stretches that ended, the newest first."""
    query = select(table).where(table.c.org.in_(orgs)).order_by(table.c.id.desc()).limit(limit)
    return [_stretch(row) for row in await tx.execute(query)]


async def list_streams(tx: Transaction, *, orgs: list[str]) -> list[StreamStand]:
    """Return where every stream stands."""
    columns = (streams.c.org, streams.c.topic, streams.c.feed, streams.c.holder, streams.c.whole_since)
    query = select(*columns, streams.c.updated_at).where(streams.c.org.in_(orgs))
    return [StreamStand(*row) for row in await tx.execute(query.order_by(*columns[:3]))]


async def prune_stretches(tx: Transaction, *, before: datetime) -> int:
    """Delete stretches that were settled before `before`; return how many."""
    result = await tx.execute(delete(table).where(table.c.settled_at < before, table.c.proof != Proof.PENDING))
    return result.rowcount
