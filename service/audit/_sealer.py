"""Sealing the audit log: entries are chained about a second after they were written, by one process at a time.

The head is logged every hour, so that a log kept elsewhere can prove the chain's length and content up to then.
"""

from datetime import datetime, timedelta

from service import telemetry
from service.audit._rows import seal
from service.clock import Clock
from service.db import Database

_BATCH_LIMIT = 2000
_TELL_INTERVAL = timedelta(hours=1)


class Sealer:
    """Seals what was appended."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._told_at: datetime | None = None

    async def step(self) -> int:
        """Seal one batch; return how many entries it held."""
        async with self._database.transaction() as tx:
            sealed, head = await seal(tx, limit=_BATCH_LIMIT)
        now = self._clock.now()
        if sealed and (self._told_at is None or now - self._told_at >= _TELL_INTERVAL):
            self._told_at = now
            telemetry.log().info("audit.head", seq=head.seq, hash=head.hash)
        return sealed
