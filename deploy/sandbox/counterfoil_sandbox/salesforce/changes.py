"""Change Data Capture of the org: what a transaction changed becomes events on the bus, once it is committed.

Several changes of one record in one transaction are one event, the same change of several records is one event with
several ids, and the events of a transaction share its key. Who wrote is told by the client that a request names in
Sforce-Call-Options. After the Change Data Capture Developer Guide ("Change Event Header Fields", "Merged Change
Events", "Gap Events", "Overflow Events").
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.salesforce import change_events as wire
from counterfoil_sandbox.salesforce.model import Schema, SObject
from counterfoil_sandbox.salesforce.store import Entry, Row, Store

ALL_CHANGES = "/data/ChangeEvents"
FAULTS = ("gap", "overflow")
_MOST_ENTITIES = 5  # what an org may select without paying for more
_NOBODY = "000000000000000AAA"
_FIRST_COMMIT = 2**60


@dataclass
class _Told:
    """One event to be: which records, how they changed, and the fields."""

    sobject: SObject
    kind: str
    records: list[str]
    changed: list[str]
    fields: dict[str, Any]
    user: str


@dataclass
class Changes:
    """The org's selected entities, and the faults that wait for their next transaction."""

    schema: Schema
    store: Store
    bus: EventBus
    api: str = "66.0"
    client: str | None = None
    """Who makes the present request; a person's own browser when nobody."""
    entities: tuple[str, ...] = ()
    faults: list[dict[str, Any]] = field(default_factory=list)
    commits: int = _FIRST_COMMIT

    def select(self, names: Sequence[str]) -> None:
        """Select entities, as on the page Change Data Capture of Setup.

        Raises:
            ValueError: an object is not there, or there are too many.
        """
        unknown = [name for name in names if self.schema.find(name) is None]
        if unknown or len(names) > _MOST_ENTITIES:
            raise ValueError(f"no such object: {', '.join(unknown)}" if unknown else "at most 5 entities")
        for name in names:
            self.bus.define(wire.topic_of(name), wire.schema_of(self.schema.objects[name]))
        if names and ALL_CHANGES not in self.bus.topics():
            self.bus.define(ALL_CHANGES, wire.schema_of(self.schema.objects[names[0]]))
        self.entities = tuple(names)

    def fail(self, fault: dict[str, Any]) -> None:
        """Let the next transactions of an object be told as a gap or an overflow.

        Raises:
            ValueError: there is no such fault.
        """
        if fault.get("fault") not in FAULTS or fault.get("sobject") not in self.entities:
            raise ValueError(f"fault must be one of {', '.join(FAULTS)}, and sobject a selected entity")
        self.faults += [{"fault": fault["fault"], "sobject": fault["sobject"]}] * int(fault.get("times", 1))

    def committed(self, entries: Sequence[Entry]) -> None:
        """Tell what a transaction changed; `entries` are each row's state before each of its changes, in order."""
        before: dict[tuple[str, str], Row | None] = {}
        for table, record_id, old in entries:
            if table.sobject.name in self.entities:
                before.setdefault((table.sobject.name, record_id), old)
        told: list[_Told] = []
        for (name, record_id), old in before.items():
            change = self._change(self.schema.objects[name], record_id, old, self.store.table(name).rows.get(record_id))
            if change is not None and not _merged(told, change):
                told.append(change)
        key, now = str(uuid.uuid4()), int(datetime.now(UTC).timestamp() * 1000)
        self.commits += 1
        for number, change in enumerate(told, start=1):
            self._publish(self._struck(change), key, number, now)

    def _change(self, sobject: SObject, record_id: str, old: Row | None, new: Row | None) -> _Told | None:
        there, is_there = (row is not None and not row.get("IsDeleted") for row in (old, new))
        user = str((new or old or {}).get("LastModifiedById"))
        if not is_there or new is None:
            return _Told(sobject, "DELETE", [record_id], [], {}, user) if there else None
        if not there or old is None:
            kind = "CREATE" if old is None else "UNDELETE"
            return _Told(sobject, kind, [record_id], [], wire.values(sobject, new), user)
        changed = wire.changed_names(sobject, old, new)
        if not changed:
            return None
        return _Told(sobject, "UPDATE", [record_id], changed, wire.values(sobject, new, changed), user)

    def _struck(self, change: _Told) -> _Told:
        fault = next((one for one in self.faults if one["sobject"] == change.sobject.name), None)
        if fault is None:
            return change
        self.faults.remove(fault)
        if fault["fault"] == "overflow":
            return _Told(change.sobject, wire.OVERFLOW, [_NOBODY], [], {}, change.user)
        return _Told(change.sobject, f"GAP_{change.kind}", change.records, [], {}, change.user)

    def _publish(self, change: _Told, key: str, number: int, now: int) -> None:
        origin = f"com/salesforce/api/rest/{self.api}" + (f";client={self.client}" if self.client else "")
        header = {
            "entityName": change.sobject.name,
            "recordIds": change.records,
            "changeType": change.kind,
            "changeOrigin": origin,
            "transactionKey": key,
            "sequenceNumber": number,
            "commitTimestamp": now,
            "commitNumber": self.commits,
            "commitUser": change.user,
            "nulledFields": wire.bitmaps(change.sobject, wire.nulled(change.changed, change.fields)),
            "diffFields": [],
            "changedFields": wire.bitmaps(change.sobject, change.changed),
        }
        event = self.bus.publish(wire.topic_of(change.sobject.name), {wire.HEADER: header, **change.fields})
        self.bus.forward(event, ALL_CHANGES)


def _merged(told: list[_Told], change: _Told) -> bool:
    """Add a change to an event that tells the very same of other records."""
    for one in told:
        same = (one.sobject.name, one.kind, one.changed, one.fields, one.user)
        if change.kind in {"UPDATE", "DELETE"} and same == (
            change.sobject.name,
            change.kind,
            change.changed,
            change.fields,
            change.user,
        ):
            one.records += change.records
            return True
    return False
