"""What each payout holds: a relation Stripe answers for automatic payouts and leaves to us for all others.

A balance transaction does not name its payout, so the relation has a table of its own. An entry is what one payout took
of one transaction: all of it, or a part where we allocate and the payout ended inside it.
Sources: docs.stripe.com/payouts/reconciliation, docs.stripe.com/api/balance_transactions/object.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import DateTime, bindparam, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction
from service.mirror._graphs import COLUMNS, MirrorRow, to_row
from service.mirror._table import payout_entries, table


@dataclass(frozen=True, slots=True)
class PayoutEntry:
    """What a payout took of a balance transaction, in minor units of `currency` (upper case).

    Attributes:
        category: Stripe's reporting category.
        fee_minor: the fee that goes with this part.
        net_minor: what the part moved on the balance, signed.
        own: the payout's own movement out of the balance, with `net_minor` minus its amount and its own fee.
    """

    entity: str
    payout_id: str
    transaction_id: str
    category: str
    currency: str
    fee_minor: int
    net_minor: int
    own: bool


_FIELDS = tuple(field.name for field in fields(PayoutEntry))


async def link(tx: Transaction, entries: Sequence[PayoutEntry], *, now: datetime) -> None:
    """Store entries; of one known already the last word counts."""
    if entries:
        ordered = sorted(entries, key=lambda entry: (entry.entity, entry.payout_id, entry.transaction_id))
        values = [{name: getattr(entry, name) for name in _FIELDS} | {"linked_at": now} for entry in ordered]
        statement = insert(payout_entries)
        told = {name: statement.excluded[name] for name in (*_FIELDS[3:], "linked_at")}
        known = [payout_entries.c[name] for name in _FIELDS[:3]]
        await tx.execute(statement.on_conflict_do_update(index_elements=known, set_=told), values)


_UNLINK = text(
    """
    WITH gone AS (
        DELETE FROM payout_entries
        WHERE entity = :entity AND payout_id = :payout_id
          AND (CAST(:before AS timestamptz) IS NULL OR linked_at < :before)
        RETURNING entity, transaction_id
    )
    INSERT INTO notes (entity, object_id) SELECT entity, transaction_id FROM gone
    """
).bindparams(bindparam("before", type_=DateTime(timezone=True)))


async def unlink(tx: Transaction, *, entity: str, payout_id: str, before: datetime | None) -> None:
    """Forget what was last linked with a payout before a moment, all of it for None; those are looked at again."""
    await tx.execute(_UNLINK, {"entity": entity, "payout_id": payout_id, "before": before})


async def list_entries(tx: Transaction, *, entity: str, payout_id: str) -> list[PayoutEntry]:
    """Return all that a payout holds as far as it is known, by transaction id."""
    query = (
        select(*(payout_entries.c[name] for name in _FIELDS))
        .where(payout_entries.c.entity == entity, payout_entries.c.payout_id == payout_id)
        .order_by(payout_entries.c.transaction_id)
    )
    return [PayoutEntry(*row) for row in await tx.execute(query)]


_TOUCH = text(
    """
    INSERT INTO notes (entity, object_id)
    SELECT entity, transaction_id FROM payout_entries WHERE entity = :entity AND payout_id = :payout_id
    """
)


async def touch_entries(tx: Transaction, *, entity: str, payout_id: str) -> None:
    """Have the transactions of a payout looked at again: their link may be written now."""
    await tx.execute(_TOUCH, {"entity": entity, "payout_id": payout_id})


async def list_payouts(
    tx: Transaction, *, entities: Sequence[str], before: tuple[datetime, str] | None, limit: int
) -> list[MirrorRow]:
    """Return known payouts made before a moment (and id), newest first."""
    query = (
        select(*(table.c[name] for name in COLUMNS))
        .where(table.c.entity.in_(entities), table.c.object_type == "payout", table.c.body.is_not(None))
        .order_by(table.c.created_at.desc(), table.c.object_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(table.c.created_at, table.c.object_id) < tuple_(*map(literal, before)))
    return [to_row(row) for row in await tx.execute(query)]


async def list_movements(
    tx: Transaction, *, entity: str, since: datetime, until: datetime, limit: int
) -> list[tuple[MirrorRow, int, bool]]:
    """Return the balance transactions made in a time, newest first, with what payouts took of each.

    The second value is the sum of the parts taken, in minor units; the third tells whether any was taken at all.
    """
    taken = (
        select(func.sum(payout_entries.c.net_minor))
        .where(payout_entries.c.entity == table.c.entity, payout_entries.c.transaction_id == table.c.object_id)
        .correlate(table)
        .scalar_subquery()
    )
    query = (
        select(*(table.c[name] for name in COLUMNS), taken.label("taken"))
        .where(
            table.c.entity == entity,
            table.c.object_type == "balance_transaction",
            table.c.body.is_not(None),
            table.c.created_at.between(since, until),
        )
        .order_by(table.c.created_at.desc(), table.c.object_id.desc())
        .limit(limit)
    )
    found = await tx.execute(query)
    return [(to_row(row), int(row.taken or 0), row.taken is not None) for row in found]
