"""Projecting: look at what changed as a whole, and ask for the records it now means.

Lanes are looked at many at once, with a few statements for all of them. The order of locks is the same everywhere:
rows that changed (passed over where somebody holds them), lanes, answers, statuses, records, the feed of payments.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

from service import currencies, links, mirror, outbox, telemetry
from service.clock import Clock
from service.config import Entity, Reaction
from service.currencies import EMPTY, CurrencyBook, Reporting
from service.db import Database, Transaction, Wakes
from service.domain import DesiredRecord
from service.errors import CounterfoilError, Unreadable
from service.history import feed
from service.history.feed import Seen
from service.intake import observe, stub
from service.mapping import Names
from service.mirror import Lane, MirrorRow
from service.projection._changes import Terms, note_changes
from service.projection._families import Family, families
from service.projection._records import records
from service.projection._reporting import missing_rates, org_version
from service.projection._routes import Key, find_routes
from service.projection._routing import Route
from service.projection.feed import payments_seen

# How the ids begin that records of others hold: customers and payments.
_LOOKED_UP = ("cus_", "pi_")
# A shape our rules did not foresee.
FAULTS = (ArithmeticError, AttributeError, CounterfoilError, LookupError, TypeError, ValueError)


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
        reporting: Mapping[str, Reporting] | None = None,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._entities = entities
        self._customer_fields = {name: entity.customer_field for name, entity in entities.items()}
        self._reporting = reporting or {}
        self._org_of = {name: entity.org for name, entity in entities.items()}
        self._entities_of = {
            org: [name for name, entity in entities.items() if entity.org == org] for org in self._org_of.values()
        }
        self._batch_limit = batch_limit
        self._mappings = mappings or {}
        self._reactions = reactions or {}
        self._books: dict[str, CurrencyBook] = {}
        self._stamps: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        for org in self._entities_of:
            self._set_version(org)

    def _set_version(self, org: str) -> None:
        reporting = {name: one for name, one in self._reporting.items() if self._org_of.get(name) == org}
        self._versions[org] = org_version(self._mappings.get(org, {}), reporting, self._books.get(org, EMPTY))

    async def _read_books(self, tx: Transaction) -> None:
        """Take over what the orgs say of currencies by now."""
        stamps = await currencies.stamps(tx, list(self._entities_of))
        for org, stamp in stamps.items():
            if stamp != self._stamps.get(org):
                self._books[org], self._stamps[org] = await currencies.load(tx, org), stamp
                self._set_version(org)

    def _siblings(self, entity: str) -> list[str]:
        """Return the entities whose payments may belong to the same Salesforce records."""
        return self._entities_of[self._org_of[entity]]

    async def step(self) -> int:
        """Look at one batch of changes; return how many rows it held, 0 when nothing waits."""
        async with self._database.transaction() as tx:
            changed = await mirror.changed_lanes(tx, limit=self._batch_limit)
            if changed:
                await self._read_books(tx)
            looked = await self._look(tx, changed)
            put = await outbox.put(tx, list(looked.wanted.values()), now=self._clock.now())
            cleared: dict[str | None, list[Key]] = defaultdict(list)
            for lane, keys in changed.items():
                cleared[looked.faults.get(lane)] += keys
            for fault, keys in cleared.items():
                await mirror.clear_changes(tx, keys, fault=fault)
            await mirror.move(tx, looked.moves)
            for entity, object_ids in looked.again.items():
                await mirror.touch(tx, entity, object_ids)
            await links.forget(tx, looked.silent)
            # Last: the feed's lock is held from here to the commit.
            told = await feed.append(tx, list(looked.payments.values()), now=self._clock.now())
        if told:
            self._wakes.signal("payments")
        if changed:
            await self._tell(looked, put)
        return sum(len(keys) for keys in changed.values())

    async def _tell(self, looked: "_Looked", put: int) -> None:
        """Wake whoever has work now."""
        telemetry.records_projected.add(put)
        held: dict[str, set[str]] = defaultdict(set)
        for record in looked.wanted.values():
            if record.key_field == "Id":
                texts = (value for value in record.fields.values() if isinstance(value, str))
                held[record.org] |= {value for value in texts if value.startswith(_LOOKED_UP)}
        for org, values in held.items():
            if values:
                async with self._database.transaction() as tx:
                    entities = self._entities_of[org]
                    looked.asked |= await links.look_again(tx, entities, values, now=self._clock.now())
        if looked.unknown:
            # Apart from the look, whose rows a writer may wait for that holds these.
            now = self._clock.now()
            stubs = [stub(entity, "customer", key, fetch_after=now) for entity, key in sorted(looked.unknown)]
            async with self._database.transaction() as tx:
                await observe(tx, stubs, now=now)
        if looked.asked:
            self._wakes.signal("links")
        if looked.moves or any(looked.again.values()):
            self._wakes.signal("mirror")
        if put:
            self._wakes.signal("outbox")
        self._wakes.signal("fetch")  # a fetcher that came while these rows were locked has passed them over
        if put and any(self._reactions.values()):
            self._wakes.signal("reactions")
            self._wakes.signal("due")  # a dispute may have its due date now

    async def preview(self, lanes: Collection[Lane]) -> tuple[list[DesiredRecord], dict[Lane, str]]:
        """Return what lanes ask for now, and the faults there are; change nothing."""
        looked = _Looked()
        with suppress(_OnlyLooked):
            async with self._database.transaction() as tx:
                await self._read_books(tx)
                looked = await self._look(tx, {lane: [] for lane in lanes})
                raise _OnlyLooked
        return list(looked.wanted.values()), looked.faults

    async def _look(self, tx: Transaction, changed: Mapping[Lane, Collection[Key]]) -> "_Looked":
        """Look at lanes together; if a fault comes up, at each alone, so that only its own lane is set aside."""
        looked = _Looked()
        lanes = {lane: self._siblings(lane.entity) for lane in changed if lane.entity in self._org_of}
        # An entity that is no longer configured: its records stay as they are.
        looked.faults = {lane: "ENTITY_UNKNOWN" for lane in changed if lane not in lanes}
        if not lanes:
            return looked
        try:
            async with tx.begin_nested():
                looked.take(await self._look_at(tx, lanes, {key for lane in lanes for key in changed[lane]}))
        except FAULTS as error:
            name = type(error).__name__
            if len(lanes) > 1:
                for lane in lanes:
                    looked.take(await self._look(tx, {lane: changed[lane]}))
                return looked
            (lane,) = lanes
            telemetry.log().error("projection.failed", lane=lane.key, entity=lane.entity, error=name)
            looked.faults[lane] = f"PROJECTION_FAILED: {name}"
            if isinstance(error, Unreadable):
                looked.faults[lane] = f"{error.reason}: {error.message}"
        return looked

    async def _look_at(
        self, tx: Transaction, lanes: Mapping[Lane, Sequence[str]], changed: Collection[Key]
    ) -> "_Looked":
        rows = await self._load(tx, lanes)
        named = await mirror.load(
            tx, {(row.entity, row.linked_id) for some in rows.values() for row in some if row.linked_id is not None}
        )
        found = {lane: families(some) for lane, some in rows.items()}
        every = [family for some in found.values() for family in some]
        routed = await find_routes(tx, every, self._entities, now=self._clock.now())
        looked = _Looked(
            moves=routed.moves, again=routed.again, silent=routed.silent, asked=routed.asked, unknown=routed.unknown
        )
        for lane, some in rows.items():
            trace = next((row.traceparent for row in some if row.traceparent), None)
            attributes = {"counterfoil.lane": lane.key}
            with telemetry.span("mirror.project", parent=trace, attributes=attributes) if trace else nullcontext():
                looked.want(self._records(some, named, self._org_of[lane.entity], routed.routes))
        by_org: dict[str, list[Family]] = defaultdict(list)
        for lane, some_families in found.items():
            by_org[self._org_of[lane.entity]] += some_families
        for org, some_families in by_org.items():
            looked.want(await self._changes(tx, some_families, routed.routes, changed, org))
        await self._note_rates(tx, every)
        looked.payments = payments_seen(every)
        return looked

    async def _note_rates(self, tx: Transaction, found: Sequence[Family]) -> None:
        """Keep which payments lack the rate to the currency that their entity reports in."""
        reporting = [(family, self._reporting.get(family.root.entity)) for family in found]
        lacking = {
            (one.entity, one.object_id): one
            for family, wanted in reporting
            if wanted is not None
            for one in missing_rates(family, wanted, self._books.get(self._org_of[family.root.entity], EMPTY))
        }
        intents = {
            (row.entity, row.object_id)
            for family, wanted in reporting
            if wanted is not None
            for row in family.all("payment_intent")
        }
        await currencies.note_missing(tx, list(lacking.values()), intents - lacking.keys(), now=self._clock.now())

    async def _load(self, tx: Transaction, lanes: Mapping[Lane, Sequence[str]]) -> dict[Lane, list[MirrorRow]]:
        """Load lanes without their links to payouts that Salesforce does not hold yet: those come later."""
        rows: dict[Lane, list[MirrorRow]] = {}
        linked: dict[str, set[str]] = defaultdict(set)
        for lane, family in (await mirror.load_families(tx, lanes)).items():
            if family is None:
                raise ValueError("too many objects belong to one record")
            rows[lane] = family
            linked[self._org_of[lane.entity]] |= {row.payout_id for row in family if row.payout_id is not None}
        for org, payouts in linked.items():
            if not payouts:
                continue
            held = await outbox.delivered(tx, org=org, sobject="Payout__c", keys=payouts)
            for lane, some in rows.items():
                if self._org_of[lane.entity] == org:
                    rows[lane] = [row if row.payout_id in held else replace(row, payout_id=None) for row in some]
        return rows

    async def _changes(
        self,
        tx: Transaction,
        found: Sequence[Family],
        routes: Mapping[Key, Route],
        changed: Collection[Key],
        org: str,
    ) -> list[DesiredRecord]:
        """Return the record of each status that is another one now, and ask for the reactions to it."""
        record_ids: dict[Key, str | None] = {}
        for family in found:
            route = routes.get(family.key)
            record_ids[family.key] = family.root.belongs_to or (route and (route.sale or route.account)) or None
        terms = Terms(org, self._mappings.get(org, {}), self._versions.get(org, ""), self._reactions.get(org, ()))
        return await note_changes(tx, found, record_ids, frozenset(changed), terms=terms, now=self._clock.now())

    def _records(
        self, rows: list[MirrorRow], named: Mapping[Key, MirrorRow], org: str, routes: Mapping[Key, Route]
    ) -> list[DesiredRecord]:
        names, version = self._mappings.get(org, {}), self._versions.get(org, "")
        linked = [named[key] for row in rows if (key := (row.entity, row.linked_id or "")) in named]
        return records(
            rows,
            org=org,
            linked=linked,
            names=names,
            version=version,
            routes=routes,
            customer_fields=self._customer_fields,
            reporting=self._reporting,
            book=self._books.get(org, EMPTY),
        )


@dataclass(slots=True)
class _Looked:
    """What a look at lanes found: records by org, object and key, and what routing leaves to be done."""

    wanted: dict[tuple[str, str, str], DesiredRecord] = field(default_factory=dict)
    faults: dict[Lane, str] = field(default_factory=dict)
    moves: dict[Key, str | None] = field(default_factory=dict)
    again: dict[str, set[str]] = field(default_factory=dict)
    silent: set[Key] = field(default_factory=set)
    asked: bool = False
    unknown: set[Key] = field(default_factory=set)
    payments: dict[Key, Seen] = field(default_factory=dict)

    def want(self, records: Sequence[DesiredRecord]) -> None:
        self.wanted |= {(record.org, record.sobject, record.key): record for record in records}

    def take(self, other: "_Looked") -> None:
        self.wanted |= other.wanted
        self.faults |= other.faults
        self.moves |= other.moves
        for entity, object_ids in other.again.items():
            self.again.setdefault(entity, set()).update(object_ids)
        self.silent |= other.silent
        self.asked |= other.asked
        self.unknown |= other.unknown
        self.payments |= other.payments
