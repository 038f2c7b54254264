"""Payments for readers: the same facts that Salesforce gets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service import mirror
from service.db import Transaction
from service.mirror import Lane, MirrorRow
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import payment_families
from service.projection._routes import Key
from service.projection._status import PaymentStatus

_PAGE = 200
_SCAN_LIMIT = 5000
_EPOCH = datetime.fromtimestamp(0, UTC)
Position = tuple[datetime, str]
Rows = list[MirrorRow] | None


async def load_payments(tx: Transaction, keys: Collection[Key]) -> dict[Key, Rows]:
    """Return what belongs to payments, by entity and the id of a request ("cmd_...") or a payment intent ("pi_...")."""
    lanes = {Lane(entity, object_id, is_record=False): [entity] for entity, object_id in keys}
    found = await mirror.load_families(tx, lanes, whole=True)
    return {(lane.entity, lane.key): rows for lane, rows in found.items()}


def payment_in(rows: Rows, shown: Sequence[Mapping[str, Any]] = ()) -> PaymentFacts | None:
    """Return the payment that rows tell of, None if they tell of none.

    `shown` are objects as Stripe has just told them: each stands in place of what was known of it, and brings nothing
    that was not.

    Raises:
        ValueError: they were too many to be loaded.
    """
    if rows is None:
        raise ValueError("more than 5,000 objects belong to one payment")
    found = payment_families(_as_shown(rows, shown) if shown else rows)
    return payment_facts(found[0]) if found else None


def _as_shown(rows: Sequence[MirrorRow], objects: Sequence[Mapping[str, Any]]) -> Sequence[MirrorRow]:
    shown = {str(body.get("id")): dict(body) for body in objects}
    return [replace(row, body=shown.get(row.object_id, row.body)) for row in rows]


async def list_payments(
    tx: Transaction,
    entity: str,
    *,
    record_id: str | None,
    status: PaymentStatus | None,
    customer_id: str | None,
    after: Position | None,
    limit: int,
) -> tuple[list[PaymentFacts], Position | None]:
    """Return up to `limit` payments after a position, newest first, and the position to go on from, if there is more.

    Status and customer are derived facts, compared while reading on, over at most 5,000 payments a call: a rare value
    may give a short page, or an empty one, with a position to go on from.
    """
    found: list[PaymentFacts] = []
    # Without such a value every payment counts, and one more tells whether there is a next page.
    size = limit + 1 if status is None and customer_id is None else _PAGE
    for _ in range(_SCAN_LIMIT // _PAGE):
        roots = await mirror.list_roots(tx, entity=entity, record_id=record_id, after=after, limit=size)
        rows = await mirror.load_family(tx, entities=[entity], roots=[row.object_id for row in roots])
        facts = {fact.payment_id: fact for fact in map(payment_facts, payment_families(rows))}
        for place, row in enumerate(roots, 1):
            after = (row.created_at or _EPOCH, row.object_id)
            fact = facts.get(row.object_id)
            if fact is not None and status in {None, fact.status} and customer_id in {None, fact.customer_id}:
                found.append(fact)
            if len(found) == limit:
                more = place < len(roots) or len(roots) == size
                return found, after if more else None
        if len(roots) < size:
            return found, None
    return found, after
