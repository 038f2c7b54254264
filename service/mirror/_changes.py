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
# What depends on objects and is looked at again with them; of more, the rest follows with its own next change.
_LIMITS = {"links": 1000}
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lane:
    """What is looked at together: all roots made for one Salesforce record, or one root without a record."""

    entity: str
    key: str
    is_record: bool


# The payments of an invoice are looked at with it, since they belong where it belongs.
_TAKE = text(
    """
    WITH marked AS (
        SELECT entity, object_id, object_type, linked_id, announce FROM mirror
        WHERE dirty ORDER BY observed_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ), noted AS (
        SELECT notes.id, mirror.entity, mirror.object_id
        FROM notes JOIN mirror ON mirror.entity = notes.entity AND mirror.object_id = notes.object_id
        ORDER BY notes.id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ), answered AS (
        DELETE FROM notes USING noted WHERE notes.id = noted.id
    ), naming AS (
        SELECT naming.entity, naming.object_id
        FROM marked JOIN mirror naming ON naming.entity = marked.entity AND naming.linked_id = marked.object_id
        WHERE marked.announce LIMIT :links
    ), paying AS (
        SELECT paying.entity, paying.linked_id AS object_id
        FROM (SELECT entity, object_id FROM marked WHERE announce UNION SELECT entity, object_id FROM noted) AS invoice
        JOIN mirror paying ON paying.entity = invoice.entity AND paying.parent_id = invoice.object_id
        WHERE paying.object_type = 'invoice_payment' AND paying.linked_id IS NOT NULL LIMIT :links
    )
    SELECT entity, object_id, bool_or(changed) AS changed FROM (
        SELECT entity, object_id, true AS changed FROM marked
        UNION ALL SELECT entity, object_id, true FROM noted
        UNION ALL SELECT entity, object_id, false FROM naming
        UNION ALL SELECT entity, object_id, false FROM paying
        UNION ALL SELECT entity, linked_id, false FROM marked
                  WHERE announce AND object_type = 'invoice_payment' AND linked_id IS NOT NULL
    ) AS taken GROUP BY entity, object_id
    """
)
# All that is above an object, what is only named there included: whoever looks at any of it waits for the others.
_PLACES = text(
    """
    WITH RECURSIVE up AS (
        SELECT known.entity, known.object_id AS start, known.object_id, known.parent_id, known.record_id,
               known.routed_id, ARRAY[known.object_id, known.parent_id] AS path, 0 AS depth
        FROM unnest(:entities, :objects) AS taken (entity, object_id)
        JOIN mirror known ON known.entity = taken.entity AND known.object_id = taken.object_id
        UNION ALL
        SELECT up.entity, up.start, above.object_id, above.parent_id, coalesce(up.record_id, above.record_id),
               coalesce(up.routed_id, above.routed_id), up.path || above.parent_id, depth + 1
        FROM up JOIN mirror above ON above.entity = up.entity AND above.object_id = up.parent_id
        WHERE depth < :depth
    )
    SELECT DISTINCT ON (entity, start) entity, start, object_id AS root, coalesce(record_id, routed_id) AS record_id,
           array_remove(path, NULL) AS path
    FROM up ORDER BY entity, start, depth DESC
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("entities", "objects")))
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(number) FROM (
        SELECT DISTINCT hashtextextended(key, 0) AS number FROM unnest(CAST(:keys AS text[])) AS key ORDER BY number
    ) ordered
    """
)


@dataclass(frozen=True, slots=True)
class _Place:
    """The lane an object is in, and by what it is."""

    lane: Lane
    path: tuple[str, ...]


async def changed_lanes(tx: Transaction, *, limit: int) -> dict[Lane, list[Key]]:
    """Take changed rows nobody else holds, up to `limit` of each kind; return their lanes, with the rows to clear.

    What depends on a row that has become known, or is another record's now, is looked at as well, with nothing to
    clear: what names it, and the payments of an invoice.

    The lanes are locked until the transaction ends, with all that leads to them, so that each object is looked at by
    one transaction at a time, which then sees everything committed before. What has come into another lane before the
    lock was had is left for the next look: in its former one only a part of its new company would be seen.
    """
    taken = {(row.entity, row.object_id): row.changed for row in await tx.execute(_TAKE, _LIMITS | {"limit": limit})}
    if not taken:
        return {}
    before = await _places(tx, taken)
    keys = {key for place in before.values() for key in (*place.path, place.lane.key)}
    await tx.execute(_LOCK, {"keys": sorted(keys)})
    lanes: dict[Lane, list[Key]] = defaultdict(list)
    moved: list[Key] = []
    for key, place in (await _places(tx, taken)).items():
        if before.get(key) != place:
            moved.append(key)
        else:
            lanes[place.lane] += [key] if taken[key] else []
    await _note(tx, moved)
    return {lane: lanes[lane] for lane in sorted(lanes, key=lambda lane: (lane.key, lane.entity))}


async def _places(tx: Transaction, keys: Collection[Key]) -> dict[Key, _Place]:
    """Return where objects are now, by entity and id, as far as they are known."""
    arrays = {"entities": [entity for entity, _ in keys], "objects": [object_id for _, object_id in keys]}
    return {
        (row.entity, row.start): _Place(
            Lane(row.entity, row.record_id or row.root, is_record=row.record_id is not None), tuple(row.path)
        )
        for row in await tx.execute(_PLACES, arrays | {"depth": _DEPTH_LIMIT})
    }


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
    arrays = {"entities": [entity for entity, _ in moves], "objects": [object_id for _, object_id in moves]}
    await tx.execute(_MOVE, arrays | {"records": list(moves.values())})
    await _note(tx, list(moves))


async def touch(tx: Transaction, entity: str, object_ids: Collection[str]) -> None:
    """Have objects looked at again, because something they depend on is another now."""
    await _note(tx, [(entity, object_id) for object_id in object_ids])


async def _note(tx: Transaction, keys: Collection[Key]) -> None:
    if keys:
        arrays = {"entities": [entity for entity, _ in keys], "objects": [object_id for _, object_id in keys]}
        await tx.execute(_NOTE, arrays)
