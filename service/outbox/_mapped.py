"""Records made by another mapping than the present one: they are looked at again, and sent if that changes them."""

from collections.abc import Collection

from sqlalchemy import bindparam, or_, select, text

from service.db import Transaction
from service.outbox._put import table

# Two ranges, not an inequality: an index answers them.
_TAKE = text(
    """
    WITH stale AS (
        SELECT org, sobject, key FROM outbox
        WHERE org = :org AND (mapping < :version OR mapping > :version)
        LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET mapping = :version FROM stale
    WHERE outbox.org = stale.org AND outbox.sobject = stale.sobject AND outbox.key = stale.key
    RETURNING outbox.lane
    """
).bindparams(bindparam("version"))


async def mapped_otherwise(tx: Transaction, *, org: str, version: str, limit: int) -> list[str]:
    """Take up to `limit` records of an org that another version made; return the lane of each, to be looked at again.

    They count as made by `version` from then on: looking again, in the same transaction, makes it true.
    """
    rows = await tx.execute(_TAKE, {"org": org, "version": version, "limit": limit})
    return [row.lane for row in rows]


async def lanes_of(tx: Transaction, *, org: str, ids: Collection[str]) -> list[tuple[str, str, str | None]]:
    """Return lane, key and Salesforce id of the records of an org known by any of these keys or Salesforce ids."""
    query = select(table.c.lane, table.c.key, table.c.salesforce_id).where(
        table.c.org == org, or_(table.c.key.in_(ids), table.c.salesforce_id.in_(ids))
    )
    return [(row.lane, row.key, row.salesforce_id) for row in await tx.execute(query)]
