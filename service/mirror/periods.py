"""Looking again at the payments of a time, when something that concerns them all is another now: some at a time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, bindparam, text

from service.db import Transaction

_NOTE = text(
    """
    WITH chosen AS (
        SELECT entity, object_id FROM mirror
        WHERE object_type = 'payment_intent' AND entity = ANY(CAST(:entities AS text[])) AND body IS NOT NULL
          AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
          AND (CAST(:until AS timestamptz) IS NULL OR created_at < :until)
          AND object_id > :after
        ORDER BY object_id LIMIT :limit
    ), noted AS (
        INSERT INTO notes (entity, object_id) SELECT entity, object_id FROM chosen
    )
    SELECT count(*) AS found, max(object_id) AS last FROM chosen
    """
).bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until")))


async def look_at_payments(
    tx: Transaction,
    *,
    entities: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    after: str | None,
    limit: int,
) -> str | None:
    """Have up to `limit` payments made in a time looked at again, by id after a place; return the next place.

    None when there are no more.
    """
    values = {"entities": list(entities), "since": since, "until": until, "after": after or "", "limit": limit}
    row = (await tx.execute(_NOTE, values)).one()
    return str(row.last) if row.found == limit else None
