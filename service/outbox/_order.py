"""One order of locks for all who write several records: by org, object and key, as `put` writes them.

Whoever settles records in an order of its own would wait for a writer that waits for it.
"""

from sqlalchemy import ColumnElement, select

from service.db import Transaction
from service.outbox._put import table

KEY = (table.c.org, table.c.sobject, table.c.key)


async def hold(tx: Transaction, which: ColumnElement[bool]) -> None:
    """Lock records until the transaction ends, in the order of all."""
    await tx.execute(select(table.c.key).where(which).order_by(*KEY).with_for_update())
