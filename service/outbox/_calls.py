"""How many API calls this installation made of an org's daily allowance, by the hour, over all processes."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction, metadata

table = Table(
    "api_calls",
    metadata,
    Column("org", Text, primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
_WINDOW = timedelta(hours=24)  # Salesforce counts over a rolling day


async def note_calls(tx: Transaction, *, org: str, calls: int, now: datetime) -> None:
    """Add calls that were made; hours nobody counts any more are dropped."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    statement = insert(table).values(org=org, hour=hour, calls=calls)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["org", "hour"], set_={"calls": table.c.calls + statement.excluded.calls}
        )
    )
    await tx.execute(delete(table).where(table.c.org == org, table.c.hour < hour - 2 * _WINDOW))


async def calls_made(tx: Transaction, *, org: str, now: datetime) -> int:
    """Return how many calls were made within the last 24 hours, whole hours counted."""
    query = select(func.coalesce(func.sum(table.c.calls), 0)).where(table.c.org == org, table.c.hour > now - _WINDOW)
    return int((await tx.execute(query)).scalar_one())
