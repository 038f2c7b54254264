"""One org in memory: schema, records, write path, events and flows, built anew at each reset.

The same seed and package give the same ids and records.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.salesforce.changes import Changes
from counterfoil_sandbox.salesforce.deployment import Package, read_package
from counterfoil_sandbox.salesforce.deployment.flows import CreateEvent
from counterfoil_sandbox.salesforce.dml import Dml
from counterfoil_sandbox.salesforce.events import Events
from counterfoil_sandbox.salesforce.ids import IdFactory
from counterfoil_sandbox.salesforce.model import Schema, SObject
from counterfoil_sandbox.salesforce.seed import Seeded, seed_org
from counterfoil_sandbox.salesforce.standard import load_standard_objects
from counterfoil_sandbox.salesforce.store import Row, Store
from counterfoil_sandbox.salesforce.values import accept

MAX_CURSORS = 50


class Cursors:
    """What queries of more than one page found; the oldest is forgotten when too many are open."""

    def __init__(self) -> None:
        self._open: dict[str, list[dict[str, Any]]] = {}

    def keep(self, locator: str, records: list[dict[str, Any]]) -> None:
        """Open a cursor."""
        self._open[locator] = records
        if len(self._open) > MAX_CURSORS:
            self._open.pop(next(iter(self._open)))

    def get(self, locator: str) -> list[dict[str, Any]] | None:
        """Return everything a query found, or None if its cursor is not open."""
        return self._open.get(locator)


@dataclass
class Org:
    """What the API works on; ``api_calls`` counts requests against the daily limit."""

    schema: Schema
    store: Store
    ids: IdFactory
    dml: Dml
    events: Events
    seeded: Seeded
    changes: Changes
    bus: EventBus
    cursors: Cursors = field(default_factory=Cursors)
    api_calls: int = 0
    jobs: dict[str, Any] = field(default_factory=dict)
    daily_requests: int = 5_000_000
    notifications: list[dict[str, Any]] = field(default_factory=list)
    deployed_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def build_schema(metadata: Path | None) -> tuple[Schema, Package]:
    """Return the standard objects with a package deployed on top.

    The org has Salesforce's own payment objects if the package has something for them.

    Raises:
        MetadataError: the package holds something the sandbox cannot honour.
    """
    schema = Schema()
    named = {path.name for path in metadata.rglob("objects/*")} if metadata is not None else set()
    for sobject in load_standard_objects(named):
        schema.add(sobject)
    return schema, Package() if metadata is None else read_package(metadata, schema)


def build_org(schema: Schema, package: Package, bus: EventBus, seed: int) -> Org:
    """Return a freshly seeded org whose flows are switched on after seeding."""
    ids = IdFactory(seed)
    store = Store(schema)
    dml = Dml(store, ids)
    seeded = seed_org(dml, ids)
    for name, label in package.notification_types:
        _add_notification_type(store, ids, name, label)
    events = Events(schema, bus, ids)
    dml.clock = lambda: datetime.now(UTC)
    dml.before_save.append(package.before_save)
    dml.on_save.append(_FlowRunner(package, schema, store, events).saved)
    changes = Changes(schema, store, bus)
    store.on_commit.append(changes.committed)
    changes.select(package.captured)
    return Org(schema, store, ids, dml, events, seeded, changes, bus)


def _add_notification_type(store: Store, ids: IdFactory, name: str, label: str) -> None:
    sobject = store.schema.objects["CustomNotificationType"]
    row = {item.name: item.default for item in sobject.fields.values()}
    row |= {"Id": ids.make(sobject.key_prefix), "DeveloperName": name, "CustomNotifTypeName": name}
    row |= {"MasterLabel": label, "Desktop": True, "Mobile": True, "Language": "en_US", "IsDeleted": False}
    with store.transaction():
        store.put(sobject.name, row)


class _FlowRunner:
    """Starts the flows that a saved row meets; their events leave when the transaction commits."""

    def __init__(self, package: Package, schema: Schema, store: Store, events: Events) -> None:
        self._flows = package.flows
        self._schema = schema
        self._store = store
        self._events = events

    def saved(self, user: str, sobject: SObject, old: Row | None, new: Row) -> None:
        """Run after each save."""
        for flow in self._flows:
            if flow.sobject == sobject.name and flow.starts(old, new):
                for create in flow.creates:
                    self._create(create, user, new)

    def _create(self, create: CreateEvent, user: str, record: Row) -> None:
        event = self._schema.objects[create.event]
        values: dict[str, Any] = {name: accept(event.fields[name], raw) for name, raw in create.constants.items()}
        for name, reference in create.references.items():
            values[name] = self._resolve(reference, user, record)
        if event.publishes_at_once:
            self._events.publish(user, event, values)  # heard even if the transaction is undone
        else:
            self._store.after_commit(lambda: self._events.publish(user, event, values))

    def _resolve(self, reference: str, user: str, record: Row) -> Any:
        root, _, name = reference.partition(".")
        if root == "$Record":
            return record.get(name)
        if root == "$User":
            return self._store.table("User").rows[user].get(name)
        return next(iter(self._store.table("Organization").rows.values())).get(name)
