"""Payments for readers: the same facts that Salesforce gets."""

from datetime import UTC, datetime

from service import mirror
from service.db import Transaction
from service.projection._facts import PaymentFacts, payment_facts
from service.projection._families import families
from service.projection._status import PaymentStatus

_PAGE = 200
_SCAN_LIMIT = 5000
_EPOCH = datetime.fromtimestamp(0, UTC)


async def read_payment(tx: Transaction, entity: str, payment_id: str) -> PaymentFacts | None:
    """Return a payment by its request's id ("cmd_...") or its payment intent's ("pi_..."); None if unknown."""
    rows = await mirror.load_family(tx, entities=[entity], roots=[payment_id])
    above = next((row.parent_id for row in rows if row.object_id == payment_id), None)
    if above is not None:
        rows = await mirror.load_family(tx, entities=[entity], roots=[above, payment_id])
    found = families(rows)
    return payment_facts(found[0]) if found else None


async def list_payments(
    tx: Transaction,
    entity: str,
    *,
    record_id: str | None,
    status: PaymentStatus | None,
    customer_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[PaymentFacts]:
    """Return up to `limit` payments after a position, newest first by (created_at, payment_id).

    Status and customer are derived facts: they are compared while reading on, over at most 5,000 payments a call, so a
    rare value may give fewer than `limit` although older ones exist.
    """
    found: list[PaymentFacts] = []
    seen = 0
    while len(found) < limit and seen < _SCAN_LIMIT:
        roots = await mirror.list_roots(tx, entity=entity, record_id=record_id, after=after, limit=_PAGE)
        if not roots:
            break
        seen += len(roots)
        rows = await mirror.load_family(tx, entities=[entity], roots=[row.object_id for row in roots])
        facts = {fact.payment_id: fact for fact in map(payment_facts, families(rows))}
        for row in roots:
            fact = facts.get(row.object_id)
            if (
                fact is not None
                and (status is None or fact.status is status)
                and (customer_id is None or fact.customer_id == customer_id)
            ):
                found.append(fact)
        last = roots[-1]
        after = (last.created_at or _EPOCH, last.object_id)
        if len(roots) < _PAGE:
            break
    return found[:limit]
