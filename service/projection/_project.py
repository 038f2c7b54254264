"""Projecting: look at what changed as a whole, and ask for the records it now means."""

from collections.abc import Mapping
from dataclasses import replace

from service import mirror, outbox, telemetry
from service.clock import Clock
from service.config import Entity
from service.db import Database, Transaction, Wakes
from service.domain import DesiredRecord
from service.errors import CounterfoilError
from service.mirror import Lane, MirrorRow
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
            lanes = await mirror.changed_lanes(tx, limit=self._batch_limit)
            put = 0
            for lane, keys in lanes.items():
                wanted, fault = await self._look_at(tx, lane)
                put += await outbox.put(tx, wanted, now=self._clock.now())
                await mirror.clear_changes(tx, keys, fault=fault)
        telemetry.records_projected.add(put)
        if put:
            self._wakes.signal("outbox")
        return sum(len(keys) for keys in lanes.values())

    @staticmethod
    async def _linkable(tx: Transaction, rows: list[MirrorRow], org: str) -> list[MirrorRow]:
        """Leave out links to payouts that Salesforce does not hold yet: they are of another lane, and come later."""
        linked = {row.payout_id for row in rows if row.payout_id is not None}
        if not linked:
            return rows
        held = await outbox.delivered(tx, org=org, sobject="Payout__c", keys=linked)
        return [row if row.payout_id in held else replace(row, payout_id=None) for row in rows]

    async def _look_at(self, tx: Transaction, lane: Lane) -> tuple[list[DesiredRecord], str | None]:
        if lane.entity not in self._org_of:
            return [], "ENTITY_UNKNOWN"  # no longer configured: its records stay as they are
        roots, linked = ([], [lane.key]) if lane.is_record else ([lane.key], [])
        rows = await mirror.load_family(tx, entities=self._siblings(lane.entity), roots=roots, records=linked)
        rows = await self._linkable(tx, rows, self._org_of[lane.entity])
        named = await mirror.load_linked(tx, rows)
        try:
            return records(rows, org=self._org_of[lane.entity], linked=named), None
        except (ArithmeticError, AttributeError, CounterfoilError, LookupError, TypeError, ValueError) as error:
            # A shape our rules did not foresee: this lane is set aside with its fault, all others go on.
            telemetry.log().error("projection.failed", lane=lane.key, entity=lane.entity, error=type(error).__name__)
            return [], f"PROJECTION_FAILED: {type(error).__name__}"
