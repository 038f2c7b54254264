"""The feed of payment changes: every payment once, at the place of its last change.

A place is taken from one counter row, whose lock is held until the commit. So places are given in the order in which
they become visible: who has read up to a place has missed nothing before it, whatever commits later, here or in another
process. A sequence would not do: a lower number may be committed after a higher one was read.
The feed holds a row a payment, however often it changes, and so it never has to be cut: any earlier place can be
read on from. What lies between two reads is folded into the newest state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, select, text

from service.db import Transaction, metadata

table = Table(
    "payment_changes",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("payment_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("record_id", Text),
    Column("customer_id", Text),
    Column("digest", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
Index("payment_changes_position", table.c.position, unique=True)
feed = Table(
    "payment_feed",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as it stands; `digest` is of all its facts."""

    entity: str
    payment_id: str
    record_id: str | None
    customer_id: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class PaymentChange:
    """A payment's last change, and its place in the feed."""

    entity: str
    payment_id: str
    position: int
    record_id: str | None
    customer_id: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class FeedHead:
    """Which feed it is, and the place of its newest change; 0 while nothing has changed."""

    id: int
    position: int


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Whose changes; None is no restriction."""

    entity: str | None = None
    record_id: str | None = None
    customer_id: str | None = None


_FIELDS = ("entity", "payment_id", "record_id", "customer_id", "digest")
_NAMES = ", ".join(_FIELDS)
_ARRAYS = ", ".join(f"CAST(:{name} AS text[])" for name in _FIELDS)
_APPEND = text(
    f"""
    WITH fresh AS (
        SELECT seen.*, row_number() OVER (ORDER BY entity, payment_id) AS place
        FROM unnest({_ARRAYS}) AS seen ({_NAMES})
        WHERE NOT EXISTS (SELECT FROM payment_changes known WHERE known.entity = seen.entity
                          AND known.payment_id = seen.payment_id AND known.digest = seen.digest)
    ), counted AS (
        UPDATE payment_feed SET position = position + (SELECT count(*) FROM fresh)
        WHERE EXISTS (SELECT FROM fresh)
        RETURNING position - (SELECT count(*) FROM fresh) AS start
    )
    INSERT INTO payment_changes ({_NAMES}, position, changed_at)
    SELECT {_NAMES}, start + place, :now FROM fresh, counted ORDER BY place
    ON CONFLICT (entity, payment_id) DO UPDATE SET
        position = excluded.position, record_id = excluded.record_id, customer_id = excluded.customer_id,
        digest = excluded.digest, changed_at = excluded.changed_at
    """  # noqa: S608  (names are ours)
)
_COLUMNS = (
    table.c.entity,
    table.c.payment_id,
    table.c.position,
    table.c.record_id,
    table.c.customer_id,
    table.c.changed_at,
)


async def append(tx: Transaction, seen: Sequence[Seen], *, now: datetime) -> int:
    """Give those payments whose facts are others now a new place; return how many.

    The caller holds their lanes, and commits soon: whoever appends next waits for that.
    """
    if not seen:
        return 0
    arrays: dict[str, object] = {name: [getattr(one, name) for one in seen] for name in _FIELDS}
    return (await tx.execute(_APPEND, arrays | {"now": now})).rowcount


async def head(tx: Transaction) -> FeedHead:
    """Return where the feed ends."""
    row = (await tx.execute(select(feed.c.id, feed.c.position))).one()
    return FeedHead(row.id, row.position)


async def changes(
    tx: Transaction, wanted: FeedFilter, *, after: int, until: int | None = None, limit: int
) -> list[PaymentChange]:
    """Return up to `limit` changes behind the place `after`, as far as `until`, in the feed's order."""
    query = select(*_COLUMNS).where(table.c.position > after).order_by(table.c.position).limit(limit)
    if until is not None:
        query = query.where(table.c.position <= until)
    for column, value in (
        (table.c.entity, wanted.entity),
        (table.c.record_id, wanted.record_id),
        (table.c.customer_id, wanted.customer_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return [PaymentChange(*row) for row in await tx.execute(query)]
