"""Retention: events whose effect is committed are kept for a stated time and then deleted, a bounded batch at a time.

The mirror, the outbox and the ledger hold the present state and the proof of what was asked: they are not pruned.
"""

from datetime import timedelta

from service import inbox, telemetry
from service.clock import Clock
from service.db import Database
from service.inbox import coverage

_BATCH_LIMIT = 1000


class Retention:
    """Prunes the inbox."""

    def __init__(self, database: Database, clock: Clock, *, keep: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._keep = keep

    async def step(self) -> int:
        """Delete one batch; return how many events it held."""
        async with self._database.transaction() as tx:
            before = self._clock.now() - self._keep
            pruned = await inbox.prune(tx, before=before, limit=_BATCH_LIMIT)
            await coverage.prune_stretches(tx, before=before)
        if pruned:
            telemetry.log().info("retention.pruned", events=pruned)
        return pruned
