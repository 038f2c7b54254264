"""Looking again at what has not changed, because the rules for it have."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, insert, or_, select

from service.db import Transaction
from service.mirror._changes import notes
from service.mirror._table import table


async def look_again(tx: Transaction, *, entities: Sequence[str], lanes: Collection[str]) -> int:
    """Have the roots of lanes looked at; a lane is a Salesforce record or a root by itself. Return how many."""
    roots = select(table.c.entity, table.c.object_id).where(
        and_(
            table.c.entity.in_(entities),
            table.c.body.is_not(None),
            or_(table.c.object_id.in_(lanes), table.c.record_id.in_(lanes), table.c.routed_id.in_(lanes)),
        )
    )
    statement = insert(notes).from_select(["entity", "object_id"], roots).returning(notes.c.id)
    return len((await tx.execute(statement)).all())
