"""Late facts: what Stripe has yet to tell, by when it should have, and what is overdue.

Every fact is asked for by itself, on and on; a deadline only says from when on a person should know. The deadlines:

    balance_transaction  of a captured charge or a refund   1 hour after it was made
    reconciliation       of an automatic payout             3 days after it was made
    trace_id             of a payout                        10 days; then Stripe has none, and nobody waits
    statement            what a payout holds                1 hour after it can be said
    difference           a statement that adds up           1 hour after it did not; made again for a day and a half
    salesforce           a payout's links                   1 hour after its statement
    object               something that was only named      1 hour after it was
    reporting_rate       of a payment, to the currency its   1 hour after it was first looked for
                         entity reports in
    newer_state          something two sights differ on     1 hour after the last

Sources: docs.stripe.com/payments/payment-intents/asynchronous-capture (a balance transaction within an hour),
docs.stripe.com/payouts/trace-id (ten days). The other deadlines are ours.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from service import currencies, mirror, telemetry
from service.clock import Clock
from service.currencies import Missing
from service.db import Database, Transaction
from service.domain import Statement, moment
from service.intake import LATE_FACT, owes_movement, payouts
from service.maintenance._reconcile import COMPLETE
from service.mirror import Pending

_RECONCILED_WITHIN = timedelta(days=3)
_SOON = timedelta(hours=1)
_NAMES = (
    *("balance_transaction", "reconciliation", "trace_id", "statement", "difference", "salesforce", "object"),
    *("reporting_rate", "newer_state"),
)
_PAGE = 1000
_SCAN_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact that is still to come. `next_at` is the next look at Stripe, None when it was given up for `error`."""

    entity: str
    object_type: str
    object_id: str
    name: str
    deadline: datetime
    next_at: datetime | None
    attempts: int
    error: str | None

    def overdue(self, now: datetime) -> bool:
        """Tell whether the deadline is over."""
        return now >= self.deadline


def facts_of(pending: Pending) -> Iterator[Fact]:
    """Yield the facts a row still owes. Pure."""
    row = pending.row
    for name, deadline in _owed(pending):
        yield Fact(
            entity=row.entity,
            object_type=row.object_type,
            object_id=row.object_id,
            name=name,
            deadline=deadline,
            next_at=pending.next_at,
            attempts=pending.attempts,
            error=pending.error,
        )


def _owed(pending: Pending) -> Iterator[tuple[str, datetime]]:
    row, seen = pending.row, pending.observed_at
    made, body = row.created_at or seen, row.body
    if row.object_type == Statement.KIND:
        if body is None or body.get("state") != COMPLETE:
            yield "statement", seen + _SOON
        elif body.get("again"):
            yield "difference", (moment(body.get("since")) or seen) + _SOON
        else:
            yield "salesforce", (moment(body.get("completed")) or seen) + _SOON
    elif body is None:
        yield "object", seen + _SOON
    elif owes_movement(row.object_type, body):
        yield "balance_transaction", made + LATE_FACT
    elif row.object_type == "payout" and payouts.ask_again(body, seen) is not None:
        if payouts.owes_reconciliation(body):
            yield "reconciliation", made + _RECONCILED_WITHIN
        if payouts.owes_trace(body):
            yield "trace_id", made + payouts.TRACE_LIMIT
    elif pending.next_at is not None:
        yield "newer_state", seen + _SOON


async def pending_facts(tx: Transaction, *, entities: Collection[str]) -> AsyncIterator[Fact]:
    """Yield the pending facts of these entities, by object; of at most 100,000 objects."""
    for missing, since in await currencies.list_missing(tx, entities=entities, limit=_SCAN_LIMIT):
        yield _rate_of(missing, since)
    after: tuple[str, str] | None = None
    for _ in range(_SCAN_LIMIT // _PAGE):
        rows = await mirror.list_pending(tx, entities=list(entities), after=after, limit=_PAGE)
        for pending in rows:
            for fact in facts_of(pending):
                yield fact
        if len(rows) < _PAGE:
            return
        after = (rows[-1].row.entity, rows[-1].row.object_id)


def _rate_of(missing: Missing, since: datetime) -> Fact:
    return Fact(
        entity=missing.entity,
        object_type="payment_intent",
        object_id=missing.object_id,
        name="reporting_rate",
        deadline=since + _SOON,
        next_at=None,
        attempts=0,
        error=f"no rate from {missing.base} to {missing.target} ({missing.source})",
    )


class FactWatch:
    """Counts what is pending and overdue, and says aloud when there is more overdue than before."""

    def __init__(self, database: Database, clock: Clock, *, entities: Collection[str]) -> None:
        self._database = database
        self._clock = clock
        self._entities = entities
        self._overdue: Counter[tuple[str, str]] = Counter()
        self._pending: Counter[tuple[str, str]] = Counter()

    async def step(self) -> int:
        """Count; return 0, as there is nothing left to do until the next look."""
        now = self._clock.now()
        pending: Counter[tuple[str, str]] = Counter()
        overdue: Counter[tuple[str, str]] = Counter()
        async with self._database.read() as tx:
            async for fact in pending_facts(tx, entities=self._entities):
                pending[fact.entity, fact.name] += 1
                overdue[fact.entity, fact.name] += fact.overdue(now)
        for gauge, counted, before in (
            (telemetry.facts_pending, pending, self._pending),
            (telemetry.facts_overdue, overdue, self._overdue),
        ):
            # None of a fact is told as nought, which is not the same as silence.
            known = {(entity, name) for entity in self._entities for name in _NAMES}
            for entity, name in known | counted.keys() | before.keys():
                gauge.set(counted[entity, name], {"entity": entity, "fact": name})
        for (entity, name), count in sorted(overdue.items()):
            if count > self._overdue[entity, name]:
                telemetry.log().error("facts.overdue", entity=entity, fact=name, count=count)
        self._pending, self._overdue = pending, overdue
        return 0
