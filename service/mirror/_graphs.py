"""What belongs together: an object, its ancestors and descendants, and everything made for one Salesforce record.

A request is the parent of its checkout session and payment intent, an intent of its charges, a charge of its balance
transaction. The lane is the root's Salesforce record, or the root itself: what must be looked at as one.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import and_, case, exists, func, literal, or_, select, text, tuple_, update

from service.db import Transaction
from service.mirror._table import payout_entries, table

PAYMENT_ROOTS = ("counterfoil.request", "payment_intent")
_DEPTH_LIMIT = 8
_FAMILY_LIMIT = 5000
# What names one object and is looked at again with it; of more, the rest follows with its own next change.
_LINK_LIMIT = 1000

COLUMNS = (
    "entity",
    "object_id",
    "object_type",
    "body",
    "parent_id",
    "record_id",
    "created_at",
    "deleted",
    "traceparent",
    "version",
    "linked_id",
    "routed_id",
    "cause",
    "caused_at",
)


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """One object as we know it; `body` is None while it still has to be fetched.

    `record_id` is what our metadata names, `routed_id` the Opportunity or Order that was found for it otherwise.
    `cause` is the event or API request that showed its last change, `caused_at` that sight by the clock of Stripe.
    `payout_id` is told of balance transactions in families: the payout that took (the last of) it.
    """

    entity: str
    object_id: str
    object_type: str
    body: dict[str, Any] | None
    parent_id: str | None
    record_id: str | None
    created_at: datetime | None
    deleted: bool
    traceparent: str | None
    version: int
    payout_id: str | None = None
    linked_id: str | None = None
    routed_id: str | None = None
    cause: str | None = None
    caused_at: datetime | None = None

    @property
    def belongs_to(self) -> str | None:
        """The Salesforce record of it, however it was found."""
        return self.record_id or self.routed_id


@dataclass(frozen=True, slots=True)
class Lane:
    """What is looked at together: all roots made for one Salesforce record, or one root without a record."""

    entity: str
    key: str
    is_record: bool


_NAMES = frozenset((*COLUMNS, "payout_id"))
_PAYOUT = case(
    (
        table.c.object_type == "balance_transaction",
        select(payout_entries.c.payout_id)
        .where(payout_entries.c.entity == table.c.entity, payout_entries.c.transaction_id == table.c.object_id)
        .order_by(payout_entries.c.linked_at.desc(), payout_entries.c.payout_id.desc())
        .limit(1)
        .correlate(table)
        .scalar_subquery(),
    )
).label("payout_id")


def to_row(row: Any) -> MirrorRow:
    """Return a row of the table from one of a query, which may have more columns than ours."""
    values = {name: value for name, value in row._mapping.items() if name in _NAMES}  # noqa: SLF001  (its documented accessor)
    body = values.pop("body")
    return MirrorRow(**values, body=None if body is None else orjson.loads(body))


_TAKE = text(
    """
    WITH RECURSIVE taken AS (
        SELECT entity, object_id, parent_id, record_id, routed_id, announce FROM mirror
        WHERE dirty ORDER BY observed_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), linked AS (
        SELECT naming.entity, naming.object_id, naming.parent_id, naming.record_id, naming.routed_id
        FROM taken JOIN mirror naming ON naming.entity = taken.entity AND naming.linked_id = taken.object_id
        WHERE taken.announce LIMIT :links
    ), origin AS (
        SELECT entity, object_id, parent_id, record_id, routed_id, true AS changed FROM taken
        UNION ALL SELECT entity, object_id, parent_id, record_id, routed_id, false FROM linked
    ), up AS (
        SELECT entity, object_id AS start, object_id, parent_id, record_id, routed_id, 0 AS depth FROM origin
        UNION ALL
        SELECT up.entity, up.start, above.object_id, above.parent_id, coalesce(up.record_id, above.record_id),
               coalesce(up.routed_id, above.routed_id), depth + 1
        FROM up JOIN mirror above ON above.entity = up.entity AND above.object_id = up.parent_id
        WHERE depth < :depth
    )
    SELECT DISTINCT ON (origin.entity, origin.object_id)
           origin.entity, origin.object_id, up.object_id AS root, coalesce(up.record_id, up.routed_id) AS record_id,
           origin.changed
    FROM origin JOIN up ON up.entity = origin.entity AND up.start = origin.object_id
    ORDER BY origin.entity, origin.object_id, origin.changed DESC, up.depth DESC
    """
)


Key = tuple[str, str]


async def changed_lanes(tx: Transaction, *, limit: int) -> dict[Lane, list[Key]]:
    """Lock up to `limit` changed rows nobody else holds; return their lanes, sorted, each with the rows to clear.

    What names a row that has become known, or is another record's now, is looked at as well, with nothing to clear.

    The lanes are locked until the transaction ends, so that each is looked at by one transaction at a time, which then
    sees everything committed before.
    """
    lanes: dict[Lane, list[Key]] = defaultdict(list)
    for row in await tx.execute(_TAKE, {"limit": limit, "links": _LINK_LIMIT, "depth": _DEPTH_LIMIT}):
        lane = Lane(row.entity, row.record_id or row.root, is_record=row.record_id is not None)
        lanes[lane] += [(row.entity, row.object_id)] if row.changed else []
    ordered = sorted(lanes, key=lambda lane: (lane.key, lane.entity))
    for key in dict.fromkeys(lane.key for lane in ordered):
        await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal(key), 0))))
    return {lane: lanes[lane] for lane in ordered}


async def clear_changes(tx: Transaction, keys: Sequence[Key], *, fault: str | None = None) -> None:
    """Mark rows as looked at; with a `fault` word, as set aside until their next change."""
    if not keys:
        return
    await tx.execute(
        update(table)
        .where(tuple_(table.c.entity, table.c.object_id).in_(keys))
        .values(dirty=False, announce=False, fault=fault, discarded_at=None)
    )


async def move(tx: Transaction, moves: Mapping[Key, str | None]) -> None:
    """Set the record that was found for each object, for want of metadata; it is looked at again, in its new lane."""
    for (entity, object_id), record_id in sorted(moves.items()):
        this = and_(table.c.entity == entity, table.c.object_id == object_id)
        await tx.execute(update(table).where(this).values(routed_id=record_id, dirty=True))


async def touch(tx: Transaction, entity: str, object_ids: Collection[str]) -> None:
    """Have objects looked at again, because something they depend on is another now."""
    await tx.execute(
        update(table).where(table.c.entity == entity, table.c.object_id.in_(sorted(object_ids))).values(dirty=True)
    )


async def load_naming(tx: Transaction, entity: str, object_ids: Collection[str]) -> list[MirrorRow]:
    """Return what stands above the objects that name any of these: the invoices that a payment pays."""
    naming = table.alias("naming")
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .join(naming, and_(naming.c.entity == table.c.entity, naming.c.parent_id == table.c.object_id))
        .where(naming.c.entity == entity, naming.c.linked_id.in_(object_ids), table.c.body.is_not(None))
        .order_by(table.c.created_at, table.c.object_id)
        .limit(_LINK_LIMIT)
    )
    return [to_row(row) for row in await tx.execute(query)]


async def load_family(
    tx: Transaction, *, entities: Sequence[str], roots: Sequence[str] = (), records: Sequence[str] = ()
) -> list[MirrorRow]:
    """Return the rows with an id in `roots`, those made for `records`, and all their descendants.

    Raises:
        ValueError: more than 5,000 objects hang together; nothing Stripe makes for one record comes near.
    """
    start = and_(
        table.c.entity.in_(entities),
        or_(table.c.object_id.in_(roots), table.c.record_id.in_(records), table.c.routed_id.in_(records)),
    )
    down = select(table.c.entity, table.c.object_id).where(start).cte("down", recursive=True)
    down = down.union(
        select(table.c.entity, table.c.object_id).where(
            table.c.entity == down.c.entity, table.c.parent_id == down.c.object_id
        )
    )
    query = (
        select(*(table.c[name] for name in COLUMNS), _PAYOUT)
        .join(down, and_(down.c.entity == table.c.entity, down.c.object_id == table.c.object_id))
        .limit(_FAMILY_LIMIT + 1)
    )
    rows = [to_row(row) for row in await tx.execute(query)]
    if len(rows) > _FAMILY_LIMIT:
        raise ValueError(f"more than {_FAMILY_LIMIT} objects belong to one record")
    return rows


async def load_linked(tx: Transaction, rows: Sequence[MirrorRow]) -> list[MirrorRow]:
    """Return what `rows` name in other families, as far as it is known whole."""
    names = sorted({(row.entity, row.linked_id) for row in rows if row.linked_id is not None})
    if not names:
        return []
    query = select(*(table.c[name] for name in COLUMNS)).where(
        tuple_(table.c.entity, table.c.object_id).in_(names), table.c.body.is_not(None)
    )
    return [to_row(row) for row in await tx.execute(query)]


async def find(tx: Transaction, *, entity: str, object_type: str, record_id: str) -> MirrorRow | None:
    """Return the oldest living object of a type made for a Salesforce record, if there is one."""
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .where(
            table.c.entity == entity,
            table.c.object_type == object_type,
            table.c.record_id == record_id,
            table.c.deleted.is_(False),
        )
        .order_by(table.c.created_at, table.c.object_id)
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else to_row(row)


async def list_roots(
    tx: Transaction,
    *,
    entity: str,
    record_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[MirrorRow]:
    """Return payments, newest first: requests, and payment intents no request of ours asked for."""
    above = table.alias("above")
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .where(
            table.c.entity == entity,
            table.c.object_type.in_(PAYMENT_ROOTS),
            table.c.body.is_not(None),
            ~exists().where(above.c.entity == table.c.entity, above.c.object_id == table.c.parent_id),
        )
        .order_by(table.c.created_at.desc(), table.c.object_id.desc())
        .limit(limit)
    )
    if record_id is not None:
        query = query.where(func.coalesce(table.c.record_id, table.c.routed_id) == record_id)
    if after is not None:
        query = query.where(tuple_(table.c.created_at, table.c.object_id) < tuple_(*map(literal, after)))
    return [to_row(row) for row in await tx.execute(query)]
