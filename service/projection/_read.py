"""Payments for readers: the same facts that Salesforce gets."""

from datetime import UTC, datetime

from service import mirror
from service.db import Transaction
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import payment_families
from service.projection._status import PaymentStatus

_PAGE = 200
_SCAN_LIMIT = 5000
_EPOCH = datetime.fromtimestamp(0, UTC)
Position = tuple[datetime, str]


async def read_payment(tx: Transaction, entity: str, payment_id: str) -> PaymentFacts | None:
    """Return a payment by its request's id ("cmd_...") or its payment intent's ("pi_..."); None if unknown."""
    rows = await mirror.load_family(tx, entities=[entity], roots=[payment_id])
    above = next((row.parent_id for row in rows if row.object_id == payment_id), None)
    if above is not None:
        rows = await mirror.load_family(tx, entities=[entity], roots=[above, payment_id])
    found = payment_families(rows)
    return payment_facts(found[0]) if found else None


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
    for _ in range(_SCAN_LIMIT // _PAGE):
        roots = await mirror.list_roots(tx, entity=entity, record_id=record_id, after=after, limit=_PAGE)
        rows = await mirror.load_family(tx, entities=[entity], roots=[row.object_id for row in roots])
        facts = {fact.payment_id: fact for fact in map(payment_facts, payment_families(rows))}
        for place, row in enumerate(roots, 1):
            after = (row.created_at or _EPOCH, row.object_id)
            fact = facts.get(row.object_id)
            if fact is not None and status in {None, fact.status} and customer_id in {None, fact.customer_id}:
                found.append(fact)
            if len(found) == limit:
                more = place < len(roots) or len(roots) == _PAGE
                return found, after if more else None
        if len(roots) < _PAGE:
            return found, None
    return found, after
