"""Projecting: look at what changed as a whole, and ask for the records it now means."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace

from service import links, mirror, outbox, telemetry
from service.clock import Clock
from service.config import Entity, Reaction
from service.db import Database, Transaction, Wakes
from service.domain import DesiredRecord
from service.errors import CounterfoilError
from service.mapping import Names, mapping_version, reporting_of
from service.mirror import Lane, MirrorRow
from service.projection._changes import Terms, note_changes
from service.projection._families import Family, families
from service.projection._records import records
from service.projection._routes import Routed, find_routes

# How the ids begin that records of others hold: customers and payments.
_LOOKED_UP = ("cus_", "pi_")


class _OnlyLooked(Exception):
    """Undoes the transaction of a preview."""


class Projector:
    """Turns changed rows of the mirror into desired records. Several may run at once, here and elsewhere."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        entities: Mapping[str, Entity],
        batch_limit: int,
        mappings: Mapping[str, Names] | None = None,
        reactions: Mapping[str, Sequence[Reaction]] | None = None,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._entities = entities
        self._customer_fields = {name: entity.customer_field for name, entity in entities.items()}
        self._reporting = reporting_of(entities)
        self._org_of = {name: entity.org for name, entity in entities.items()}
        self._batch_limit = batch_limit
        self._mappings = mappings or {}
        self._reactions = reactions or {}
        self._versions = {
            org: mapping_version(self._mappings.get(org, {}), reporting_of(entities, org))
            for org in set(self._org_of.values())
        }

    def _siblings(self, entity: str) -> list[str]:
        """Return the entities whose payments may belong to the same Salesforce records."""
        return [name for name, org in self._org_of.items() if org == self._org_of[entity]]

    async def step(self) -> int:
        """Look at one batch of changes; return how many rows it held, 0 when nothing waits."""
        async with self._database.transaction() as tx:
            lanes = await mirror.changed_lanes(tx, limit=self._batch_limit)
            put, asked, silent = 0, False, set[tuple[str, str]]()
            for lane, keys in lanes.items():
                wanted, routed, fault = await self._look_at(tx, lane, keys)
                put += await outbox.put(tx, wanted, now=self._clock.now())
                await mirror.clear_changes(tx, keys, fault=fault)
                asked |= await self._route(tx, lane, routed, wanted)
                silent |= routed.silent
            await links.forget(tx, silent)
        telemetry.records_projected.add(put)
        if asked:
            self._wakes.signal("links")
        if put:
            self._wakes.signal("outbox")
        if lanes:
            self._wakes.signal("fetch")  # a fetcher that came while these rows were locked has passed them over
        if put and any(self._reactions.values()):
            self._wakes.signal("reactions")
        return sum(len(keys) for keys in lanes.values())

    @staticmethod
    async def _linkable(tx: Transaction, rows: list[MirrorRow], org: str) -> list[MirrorRow]:
        """Leave out links to payouts that Salesforce does not hold yet: they are of another lane, and come later."""
        linked = {row.payout_id for row in rows if row.payout_id is not None}
        if not linked:
            return rows
        held = await outbox.delivered(tx, org=org, sobject="Payout__c", keys=linked)
        return [row if row.payout_id in held else replace(row, payout_id=None) for row in rows]

    async def _route(self, tx: Transaction, lane: Lane, routed: Routed, wanted: list[DesiredRecord]) -> bool:
        """Move what was found elsewhere, and ask again for what these records will hold; tell whether it is now due."""
        await mirror.move(tx, routed.moves)
        for entity, object_ids in routed.again.items():
            await mirror.touch(tx, entity, object_ids)
        values = {
            value
            for record in wanted
            if record.key_field == "Id"
            for value in record.fields.values()
            if isinstance(value, str) and value.startswith(_LOOKED_UP)
        }
        waited = values and await links.look_again(tx, self._siblings(lane.entity), values, now=self._clock.now())
        return routed.asked or bool(waited)

    async def _look_at(
        self, tx: Transaction, lane: Lane, changed: Collection[tuple[str, str]] = ()
    ) -> tuple[list[DesiredRecord], Routed, str | None]:
        if lane.entity not in self._org_of:
            return [], Routed(), "ENTITY_UNKNOWN"  # no longer configured: its records stay as they are
        roots, linked = ([], [lane.key]) if lane.is_record else ([lane.key], [])
        rows = await mirror.load_family(tx, entities=self._siblings(lane.entity), roots=roots, records=linked)
        rows = await self._linkable(tx, rows, self._org_of[lane.entity])
        named = await mirror.load_linked(tx, rows)
        trace = next((row.traceparent for row in rows if row.traceparent), None)
        attributes = {"counterfoil.lane": lane.key}
        try:
            with telemetry.span("mirror.project", parent=trace, attributes=attributes) if trace else nullcontext():
                found = families(rows)
                routed = await find_routes(tx, found, self._entities, now=self._clock.now())
                wanted = self._records(rows, named, self._org_of[lane.entity], routed)
                changes = await self._changes(tx, found, routed, changed, self._org_of[lane.entity])
            return wanted + changes, routed, None
        except (ArithmeticError, AttributeError, CounterfoilError, LookupError, TypeError, ValueError) as error:
            # A shape our rules did not foresee: this lane is set aside with its fault, all others go on.
            telemetry.log().error("projection.failed", lane=lane.key, entity=lane.entity, error=type(error).__name__)
            return [], Routed(), f"PROJECTION_FAILED: {type(error).__name__}"

    async def _changes(
        self, tx: Transaction, found: list[Family], routed: Routed, changed: Collection[tuple[str, str]], org: str
    ) -> list[DesiredRecord]:
        """Return the record of each status that is another one now, and ask for the reactions to it."""
        record_ids: dict[tuple[str, str], str | None] = {}
        for family in found:
            route = routed.routes.get(family.key)
            record_ids[family.key] = family.root.belongs_to or (route and (route.sale or route.account)) or None
        terms = Terms(org, self._mappings.get(org, {}), self._versions.get(org, ""), self._reactions.get(org, ()))
        return await note_changes(tx, found, record_ids, frozenset(changed), terms=terms, now=self._clock.now())

    async def preview(self, lane: Lane) -> tuple[list[DesiredRecord], str | None]:
        """Return what a lane asks for now, and its fault if it has one; change nothing."""
        found: tuple[list[DesiredRecord], str | None] = ([], None)
        with suppress(_OnlyLooked):
            async with self._database.transaction() as tx:
                wanted, _, fault = await self._look_at(tx, lane)
                found = (wanted, fault)
                raise _OnlyLooked
        return found

    def _records(self, rows: list[MirrorRow], linked: list[MirrorRow], org: str, routed: Routed) -> list[DesiredRecord]:
        names, version = self._mappings.get(org, {}), self._versions.get(org, "")
        return records(
            rows,
            org=org,
            linked=linked,
            names=names,
            version=version,
            routes=routed.routes,
            customer_fields=self._customer_fields,
            reporting=self._reporting,
        )
