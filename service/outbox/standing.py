"""Where records stand, for whoever asks about what they show."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, text

from service.db import Transaction
from service.outbox._put import State


@dataclass(frozen=True, slots=True)
class Standing:
    """One record, without its content."""

    sobject: str
    key: str
    state: State
    attempts: int
    error_reason: str | None
    error_code: str | None
    put_at: datetime
    delivered_at: datetime | None
    failed_at: datetime | None
    salesforce_id: str | None


# The objects first, each found by one descent of the key's index; then the records of each by its keys.
_STANDINGS = text(
    """
    WITH RECURSIVE objects AS (
        (SELECT sobject FROM outbox WHERE org = :org ORDER BY sobject LIMIT 1)
        UNION ALL
        SELECT (SELECT further.sobject FROM outbox further
                WHERE further.org = :org AND further.sobject > objects.sobject ORDER BY further.sobject LIMIT 1)
        FROM objects WHERE objects.sobject IS NOT NULL
    )
    SELECT outbox.sobject, key, state, attempts, error_reason, error_code, put_at, delivered_at, failed_at,
           salesforce_id
    FROM objects JOIN outbox ON outbox.org = :org AND outbox.sobject = objects.sobject AND outbox.key = ANY(:keys)
    ORDER BY rank, outbox.sobject, key LIMIT :limit
    """
).bindparams(bindparam("keys", type_=ARRAY(Text)))


async def standings(tx: Transaction, *, org: str, keys: Collection[str], limit: int) -> list[Standing]:
    """Return the records of an org with any of some keys, whatever their object; parents first."""
    rows: Any = await tx.execute(_STANDINGS, {"org": org, "keys": sorted(keys), "limit": limit})
    return [Standing(row[0], row[1], State(row[2]), *row[3:]) for row in rows]
