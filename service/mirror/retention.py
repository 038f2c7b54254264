"""Objects that are gone at Stripe lose what they say of people; that they were there, and their ids, stay.

The row is needed: news of them may come late, and a record's next customer is counted by those that were deleted.
"""

import hashlib
from datetime import datetime

import orjson
from sqlalchemy import literal, select, tuple_, type_coerce, update

from service.db import Transaction
from service.domain import canonical
from service.errors import Unreadable
from service.mirror._table import BODY, table
from service.redaction import without_people

Key = tuple[str, str]


async def forget_deleted(tx: Transaction, *, before: datetime, after: Key, limit: int) -> tuple[int, Key | None]:
    """Go through up to `limit` deleted objects behind `after` that were last seen before `before`.

    Returns how many lost a text, and the key to go on behind; None when there are no more. One that is still to be
    looked at, fetched or mended is left for later.
    """
    key = tuple_(table.c.entity, table.c.object_id)
    query = (
        select(table.c.entity, table.c.object_id, type_coerce(table.c.body, BODY.each).label("body"))
        .where(
            key > tuple_(*map(literal, after)),
            table.c.deleted,
            table.c.observed_at < before,
            table.c.body.is_not(None),
            table.c.dirty.is_(False),
            table.c.fetch_at.is_(None),
            table.c.fault.is_(None),
        )
        .order_by(table.c.entity, table.c.object_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = (await tx.execute(query)).all()
    changed = 0
    for row in rows:
        if isinstance(row.body, Unreadable):
            continue  # its key is missing: at another pass
        body = canonical(without_people(orjson.loads(row.body), None))
        if body != row.body:
            digest = hashlib.sha256(body.encode()).hexdigest()[:32]
            own = (table.c.entity == row.entity, table.c.object_id == row.object_id)
            await tx.execute(update(table).where(*own).values(body=body, digest=digest))
            changed += 1
    return changed, (rows[-1].entity, rows[-1].object_id) if len(rows) == limit else None
