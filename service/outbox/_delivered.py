"""Which records Salesforce holds: a lookup to one may be written from then on."""

from collections.abc import Collection

from sqlalchemy import select

from service.db import Transaction
from service.outbox._put import table


async def delivered(tx: Transaction, *, org: str, sobject: str, keys: Collection[str]) -> set[str]:
    """Return those of `keys` that were delivered at least once."""
    query = select(table.c.key).where(
        table.c.org == org, table.c.sobject == sobject, table.c.key.in_(keys), table.c.delivered_at.is_not(None)
    )
    return {row.key for row in await tx.execute(query)}
