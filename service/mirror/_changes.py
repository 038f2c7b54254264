"""What changed and is to be looked at: rows marked by a sight of them, and rows that somebody left a note about.

Whoever learns something about another object leaves a note instead of marking its row: a row may be held by a writer
that waits for ours, and a note waits for nobody. Both are taken and held until the look at them is committed.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Identity, Table, Text, bindparam, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from service.db import Transaction, among, metadata
from service.mirror._table import table

notes = Table(
    "notes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("object_id", Text, nullable=False),
)
_DEPTH_LIMIT = 8
# What names one object and is looked at again with it; of more, the rest follows with its own next change.
_LINK_LIMIT = 1000
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lane:
    """What is looked at together: all roots made for one Salesforce record, or one root without a record."""

    entity: str
    key: str
    is_record: bool


_TAKE = text(
    """
    WITH RECURSIVE marked AS (
        SELECT entity, object_id, parent_id, record_id, routed_id, announce FROM mirror
        WHERE dirty ORDER BY observed_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ), noted AS (
        SELECT notes.id, mirror.entity, mirror.object_id, mirror.parent_id, mirror.record_id, mirror.routed_id
        FROM notes JOIN mirror ON mirror.entity = notes.entity AND mirror.object_id = notes.object_id
        ORDER BY notes.id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ), answered AS (
        DELETE FROM notes USING noted WHERE notes.id = noted.id
    ), linked AS (
        SELECT naming.entity, naming.object_id, naming.parent_id, naming.record_id, naming.routed_id
        FROM marked JOIN mirror naming ON naming.entity = marked.entity AND naming.linked_id = marked.object_id
        WHERE marked.announce LIMIT :links
    ), origin AS (
        SELECT entity, object_id, parent_id, record_id, routed_id, true AS changed FROM marked
        UNION SELECT entity, object_id, parent_id, record_id, routed_id, true FROM noted
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
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(number) FROM (
        SELECT DISTINCT hashtextextended(key, 0) AS number FROM unnest(CAST(:keys AS text[])) AS key ORDER BY number
    ) ordered
    """
)


async def changed_lanes(tx: Transaction, *, limit: int) -> dict[Lane, list[Key]]:
    """Take changed rows nobody else holds, up to `limit` of each kind; return their lanes, with the rows to clear.

    What names a row that has become known, or is another record's now, is looked at as well, with nothing to clear.

    The lanes are locked until the transaction ends, so that each is looked at by one transaction at a time, which then
    sees everything committed before.
    """
    lanes: dict[Lane, list[Key]] = defaultdict(list)
    for row in await tx.execute(_TAKE, {"limit": limit, "links": _LINK_LIMIT, "depth": _DEPTH_LIMIT}):
        lane = Lane(row.entity, row.record_id or row.root, is_record=row.record_id is not None)
        lanes[lane] += [(row.entity, row.object_id)] if row.changed else []
    if lanes:
        await tx.execute(_LOCK, {"keys": [lane.key for lane in lanes]})
    return {lane: lanes[lane] for lane in sorted(lanes, key=lambda lane: (lane.key, lane.entity))}


async def clear_changes(tx: Transaction, keys: Sequence[Key], *, fault: str | None = None) -> None:
    """Mark rows as looked at; with a `fault` word, as set aside until their next change."""
    if not keys:
        return
    await tx.execute(
        update(table)
        .where(among((table.c.entity, table.c.object_id), keys))
        .values(dirty=False, announce=False, fault=fault, discarded_at=None)
    )


_ARRAYS = tuple(bindparam(name, type_=ARRAY(Text)) for name in ("entities", "objects"))
_MOVE = text(
    """
    WITH free AS (
        SELECT mirror.entity, mirror.object_id, move.record_id
        FROM mirror JOIN unnest(:entities, :objects, :records) AS move (entity, object_id, record_id)
          ON mirror.entity = move.entity AND mirror.object_id = move.object_id
        ORDER BY mirror.entity, mirror.object_id FOR NO KEY UPDATE OF mirror SKIP LOCKED
    )
    UPDATE mirror SET routed_id = free.record_id FROM free
    WHERE mirror.entity = free.entity AND mirror.object_id = free.object_id
    """
).bindparams(*_ARRAYS, bindparam("records", type_=ARRAY(Text)))
_NOTE = text("INSERT INTO notes (entity, object_id) SELECT * FROM unnest(:entities, :objects)").bindparams(*_ARRAYS)


async def move(tx: Transaction, moves: Mapping[Key, str | None]) -> None:
    """Set the record that was found for each object, for want of metadata; it is looked at again, in its new lane.

    One that somebody else holds is looked at again where it stands, and moved then.
    """
    if not moves:
        return
    keys = {"entities": [entity for entity, _ in moves], "objects": [object_id for _, object_id in moves]}
    await tx.execute(_MOVE, keys | {"records": list(moves.values())})
    await tx.execute(_NOTE, keys)


async def touch(tx: Transaction, entity: str, object_ids: Collection[str]) -> None:
    """Have objects looked at again, because something they depend on is another now."""
    if object_ids:
        await tx.execute(_NOTE, {"entities": [entity] * len(object_ids), "objects": list(object_ids)})
