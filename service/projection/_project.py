"""Projecting: look at what changed as a whole, and ask for the records it now means."""

from collections.abc import Mapping

from service import mirror, outbox, telemetry
from service.clock import Clock
from service.config import Entity
from service.db import Database, Wakes
from service.projection._records import records


class Projector:
    """Turns changed rows of the mirror into desired records. Several may run at once, here and elsewhere."""

    def __init__(
        self, database: Database, wakes: Wakes, clock: Clock, *, entities: Mapping[str, Entity], batch_limit: int
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._org_of = {name: entity.org for name, entity in entities.items()}
        self._batch_limit = batch_limit

    def _siblings(self, entity: str) -> list[str]:
        """Return the entities whose payments may belong to the same Salesforce records."""
        return [name for name, org in self._org_of.items() if org == self._org_of[entity]]

    async def step(self) -> int:
        """Look at one batch of changes; return how many rows it held, 0 when nothing waits."""
        async with self._database.transaction() as tx:
            lanes, taken = await mirror.changed_lanes(tx, limit=self._batch_limit)
            if not taken:
                return 0
            wanted = {}
            for lane in lanes:
                if lane.entity not in self._org_of:
                    continue  # an entity no longer configured: its rows stay as they are
                roots, linked = ([], [lane.key]) if lane.is_record else ([lane.key], [])
                rows = await mirror.load_family(tx, entities=self._siblings(lane.entity), roots=roots, records=linked)
                for record in records(rows, org=self._org_of[lane.entity]):
                    wanted[record.org, record.sobject, record.key] = record
            put = await outbox.put(tx, list(wanted.values()), now=self._clock.now())
            await mirror.clear_changes(tx, taken)
        telemetry.records_projected.add(put)
        if put:
            self._wakes.signal("outbox")
        return len(taken)
