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
from sqlalchemy import ARRAY, Boolean, Integer, Text, and_, bindparam, exists, func, literal, select, text, tuple_

from service.db import Transaction, among
from service.mirror._changes import Key, Lane
from service.mirror._table import BODY, table

PAYMENT_ROOTS = ("counterfoil.request", "payment_intent")
_FAMILY_LIMIT = 5000
_NAMING_LIMIT = 10_000

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


_NAMES = frozenset((*COLUMNS, "payout_id"))


def to_row(row: Any) -> MirrorRow:
    """Return a row of the table from one of a query, which may have more columns than ours."""
    values = {name: value for name, value in row._mapping.items() if name in _NAMES}  # noqa: SLF001  (its documented accessor)
    body = values.pop("body")
    return MirrorRow(**values, body=None if body is None else orjson.loads(body))


_FAMILIES = text(
    f"""
    WITH RECURSIVE wanted AS (
        SELECT * FROM unnest(:numbers, :entities, :keys, :records) AS wanted (number, entity, key, is_record)
    ), down AS (
        (SELECT wanted.number, root.entity, root.object_id FROM wanted
         JOIN mirror root ON root.entity = wanted.entity AND root.object_id = wanted.key WHERE NOT wanted.is_record
         UNION
         SELECT wanted.number, above.entity, above.object_id FROM wanted
         JOIN mirror root ON root.entity = wanted.entity AND root.object_id = wanted.key
         JOIN mirror above ON above.entity = root.entity AND above.object_id = root.parent_id
         WHERE :whole AND NOT wanted.is_record
         UNION
         SELECT wanted.number, named.entity, named.object_id FROM wanted
         JOIN mirror named ON named.entity = wanted.entity AND named.record_id = wanted.key WHERE wanted.is_record
         UNION
         SELECT wanted.number, routed.entity, routed.object_id FROM wanted
         JOIN mirror routed ON routed.entity = wanted.entity AND routed.routed_id = wanted.key WHERE wanted.is_record)
        UNION
        SELECT down.number, child.entity, child.object_id FROM down
        JOIN mirror child ON child.entity = down.entity AND child.parent_id = down.object_id
    )
    SELECT down.number, {", ".join(f"mirror.{name}" for name in COLUMNS)},
           CASE WHEN mirror.object_type = 'balance_transaction' THEN (
               SELECT entry.payout_id FROM payout_entries entry
               WHERE entry.entity = mirror.entity AND entry.transaction_id = mirror.object_id
               ORDER BY entry.linked_at DESC, entry.payout_id DESC LIMIT 1) END AS payout_id
    FROM down JOIN mirror ON mirror.entity = down.entity AND mirror.object_id = down.object_id
    LIMIT :limit
    """  # noqa: S608  (names are ours)
).bindparams(
    bindparam("numbers", type_=ARRAY(Integer)),
    bindparam("entities", type_=ARRAY(Text)),
    bindparam("keys", type_=ARRAY(Text)),
    bindparam("records", type_=ARRAY(Boolean)),
    bindparam("whole", type_=Boolean),
)
_ROWS = _FAMILIES.columns(body=BODY)
_Wanted = tuple[int, str, str, bool]


async def _load(tx: Transaction, wanted: Sequence[_Wanted], *, whole: bool = False) -> list[tuple[int, MirrorRow]]:
    numbers, entities, keys, records = zip(*wanted, strict=True)
    parameters = {"numbers": list(numbers), "entities": list(entities), "keys": list(keys), "records": list(records)}
    rows = await tx.execute(_ROWS, parameters | {"limit": _FAMILY_LIMIT + 1, "whole": whole})
    return [(row.number, to_row(row)) for row in rows]


async def load_families(
    tx: Transaction, lanes: Mapping[Lane, Sequence[str]], *, whole: bool = False
) -> dict[Lane, list[MirrorRow] | None]:
    """Return for each lane, given the entities that share it, its roots and all their descendants.

    With `whole` the family of one root begins with its parent, where it has one. None stands for more than 5,000
    objects; nothing Stripe makes for one record comes near.
    """
    order = list(lanes)
    wanted = [(number, entity, lane.key, lane.is_record) for number, lane in enumerate(order) for entity in lanes[lane]]
    rows = await _load(tx, wanted, whole=whole) if wanted else []
    if len(rows) <= _FAMILY_LIMIT:
        by_number: dict[int, list[MirrorRow]] = defaultdict(list)
        for number, row in rows:
            by_number[number].append(row)
        return {lane: by_number[number] for number, lane in enumerate(order)}
    if len(order) == 1:
        return {order[0]: None}
    alone = [await load_families(tx, {lane: lanes[lane]}, whole=whole) for lane in order]
    return {lane: rows for one in alone for lane, rows in one.items()}


async def load_family(
    tx: Transaction, *, entities: Sequence[str], roots: Sequence[str] = (), records: Sequence[str] = ()
) -> list[MirrorRow]:
    """Return the rows with an id in `roots`, those made for `records`, and all their descendants.

    Raises:
        ValueError: more than 5,000 objects hang together.
    """
    wanted = [(0, entity, key, key in records) for entity in entities for key in (*roots, *records)]
    rows = await _load(tx, wanted) if wanted else []
    if len(rows) > _FAMILY_LIMIT:
        raise ValueError(f"more than {_FAMILY_LIMIT} objects belong to one record")
    return [row for _, row in rows]


async def load_naming(tx: Transaction, keys: Collection[Key]) -> list[tuple[Key, MirrorRow]]:
    """Return what stands above the objects that name any of these (the invoices that a payment pays), each with it."""
    naming = table.alias("naming")
    query = (
        select(naming.c.linked_id.label("named_id"), *(table.c[name] for name in COLUMNS))
        .join(naming, and_(naming.c.entity == table.c.entity, naming.c.parent_id == table.c.object_id))
        .where(among((naming.c.entity, naming.c.linked_id), keys), table.c.body.is_not(None))
        .order_by(table.c.created_at, table.c.object_id)
        .limit(_NAMING_LIMIT)
    )
    return [((row.entity, row.named_id), to_row(row)) for row in (await tx.execute(query) if keys else ())]


async def load(tx: Transaction, keys: Collection[Key]) -> dict[Key, MirrorRow]:
    """Return single objects by entity and id, as far as they are known whole."""
    query = select(*(table.c[name] for name in COLUMNS)).where(
        among((table.c.entity, table.c.object_id), keys), table.c.body.is_not(None)
    )
    rows = [to_row(row) for row in (await tx.execute(query) if keys else ())]
    return {(row.entity, row.object_id): row for row in rows}


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
    types: Collection[str] = PAYMENT_ROOTS,
) -> list[MirrorRow]:
    """Return roots, newest first; by default payments: requests, and payment intents no request of ours asked for."""
    above = table.alias("above")
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .where(
            table.c.entity == entity,
            table.c.object_type.in_(types),
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
