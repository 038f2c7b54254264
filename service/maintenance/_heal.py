"""Letting go what failed for a cause that may be gone: at start (settings or code may be others) and hourly.

    projection  looked at again: it costs no call
    fetch       a few of each cause (entity, type, reason) are asked for; one that succeeds frees the rest
    event       quarantined ones of Stripe that fit the configuration by now

Records and reactions are let go where they are sent: see `service.outbox` and `service.history.failures`. A refused
request is never carried out from here, and what a person discarded is left alone.
"""

from service import telemetry
from service.clock import Clock
from service.config import Installation
from service.db import Database, Wakes
from service.inbox import State
from service.maintenance._failure import EVENT
from service.maintenance.failures import Failures, Filter
from service.mirror import faults

_LIMIT = 1000
_EACH = 5
_EVENTS_LIMIT = 10_000


class Healer:
    """Lets go what may succeed by now; several may run at once."""

    def __init__(self, database: Database, wakes: Wakes, clock: Clock, installation: Installation) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._entities = list(installation.entities)
        self._failures = Failures(database, clock, installation)

    async def step(self) -> int:
        """Let go some of each kind; return 0, as there is nothing left to do until the next time."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            looked = await faults.heal_projections(tx, entities=self._entities, limit=_LIMIT)
            fetched = await faults.probe_fetches(tx, entities=self._entities, now=now, each=_EACH, limit=_LIMIT)
        found = await self._failures.find(Filter(shelf=EVENT, limit=_EVENTS_LIMIT))
        events = await self._failures.release([one for one in found if one.state == State.QUARANTINED])
        if looked:
            self._wakes.signal("mirror")
        if fetched or events:
            self._wakes.signal("fetch")
        if looked or fetched or events:
            telemetry.log().info("failures.let_go", projections=looked, fetches=fetched, events=events)
        return 0
