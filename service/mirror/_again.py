"""Looking again at what has not changed, because the rules for it have."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, or_, update

from service.db import Transaction
from service.mirror._table import table


async def look_again(tx: Transaction, *, entities: Sequence[str], lanes: Collection[str]) -> int:
    """Mark the roots of lanes as changed; a lane is a Salesforce record or a root by itself. Return how many."""
    result = await tx.execute(
        update(table)
        .where(
            and_(
                table.c.entity.in_(entities),
                table.c.body.is_not(None),
                or_(table.c.object_id.in_(lanes), table.c.record_id.in_(lanes), table.c.routed_id.in_(lanes)),
            )
        )
        .values(dirty=True)
        .returning(table.c.object_id)
    )
    return len(result.all())
