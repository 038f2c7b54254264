"""Payouts for readers: the same facts that Salesforce gets, and every transaction behind them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from service import mirror
from service.db import Transaction
from service.mirror.payouts import PayoutEntry, list_entries, list_payouts
from service.projection._families import families
from service.projection._payouts import PayoutFacts, payout_facts

_PAGE = 200
_SCAN_LIMIT = 10_000
_EPOCH = datetime.fromtimestamp(0, UTC)
Position = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class PayoutDetails:
    """A payout and what it holds, its own movement out of the balance included."""

    facts: PayoutFacts
    entries: list[PayoutEntry]


async def read_payout(tx: Transaction, *, entities: Collection[str], payout_id: str) -> PayoutDetails | None:
    """Return a payout of one of these entities, None if it is unknown."""
    rows = await mirror.load_family(tx, entities=list(entities), roots=[payout_id])
    found = [family for family in families(rows) if family.root.object_type == "payout"]
    if not found:
        return None
    facts = payout_facts(found[0])
    return PayoutDetails(facts, await list_entries(tx, entity=facts.entity, payout_id=payout_id))


async def list_payout_facts(
    tx: Transaction,
    *,
    entities: Collection[str],
    reconciliation: str | None = None,
    status: str | None = None,
    limit: int,
) -> list[PayoutFacts]:
    """Return up to `limit` payouts, newest first, of a reconciliation and a status."""
    found: list[PayoutFacts] = []
    before: Position | None = None
    while len(found) < limit:
        page, before = await page_payouts(
            tx, entities=entities, reconciliation=reconciliation, status=status, before=before, limit=limit - len(found)
        )
        found += page
        if before is None:
            break
    return found


async def page_payouts(
    tx: Transaction,
    *,
    entities: Collection[str],
    reconciliation: str | None = None,
    status: str | None = None,
    before: Position | None,
    limit: int,
) -> tuple[list[PayoutFacts], Position | None]:
    """Return up to `limit` payouts made before a position, newest first, and the one to go on from, if there is more.

    How a payout adds up is a derived fact, compared while reading on, over at most 10,000 payouts.
    """
    found: list[PayoutFacts] = []
    for _ in range(_SCAN_LIMIT // _PAGE):
        roots = await list_payouts(tx, entities=list(entities), before=before, limit=_PAGE)
        rows = await mirror.load_family(tx, entities=list(entities), roots=[row.object_id for row in roots])
        known = {facts.payout_id: facts for facts in map(payout_facts, families(rows))}
        for place, row in enumerate(roots, 1):
            before = (row.created_at or _EPOCH, row.object_id)
            facts = known.get(row.object_id)
            if facts and reconciliation in {None, facts.reconciliation} and status in {None, facts.status}:
                found.append(facts)
            if len(found) == limit:
                return found, before if place < len(roots) or len(roots) == _PAGE else None
        if len(roots) < _PAGE:
            return found, None
    return found, before
