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
    """Return up to `limit` payouts, newest first, of a reconciliation and a status; looks at 10,000 at most."""
    found: list[PayoutFacts] = []
    before: tuple[datetime, str] | None = None
    for _ in range(_SCAN_LIMIT // _PAGE):
        roots = await list_payouts(tx, entities=list(entities), before=before, limit=_PAGE)
        rows = await mirror.load_family(tx, entities=list(entities), roots=[row.object_id for row in roots])
        known = {facts.payout_id: facts for facts in map(payout_facts, families(rows))}
        for row in roots:
            facts = known.get(row.object_id)
            if facts and reconciliation in {None, facts.reconciliation} and status in {None, facts.status}:
                found.append(facts)
        if len(roots) < _PAGE or len(found) >= limit:
            break
        before = (roots[-1].created_at or _EPOCH, roots[-1].object_id)
    return found[:limit]
