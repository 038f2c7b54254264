"""What is known of a record: how far it has come, and how it came to be as it is.

Everything comes from rows that are kept for other reasons: the ledger, events, the mirror, desired records, failures.
Nothing is said that a row does not tell, and no sentence holds content, only ids, words of ours and of Stripe's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service import inbox, mirror
from service.commands import Call, Command, told
from service.config import Installation
from service.db import Database, Transaction
from service.errors import NotFound
from service.inbox import InboxRow
from service.mirror import MirrorRow, faults
from service.mirror.faults import Fault
from service.outbox.standing import Standing, standings

__all__ = ["Kind", "Records", "Step", "Story", "SyncState"]

_STEPS_LIMIT = 1000
_DEPTH_LIMIT = 8
_RECORD_LENGTH = 18


class Kind(StrEnum):
    """What kind of thing happened."""

    REQUEST = "request"
    STRIPE_CALL = "stripe_call"
    EVENT = "event"
    OBJECT = "object"
    DESIRED = "desired"
    DELIVERED = "delivered"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, in a sentence."""

    at: datetime
    kind: Kind
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """How a record came to be as it is, the oldest first."""

    record_id: str | None
    steps: list[Step]
    truncated: bool


@dataclass(frozen=True, slots=True)
class SyncState:
    """The records that show it, and the objects that are looked at or fetched before those are right."""

    records: list[Standing]
    pending: list[str]

    @property
    def in_sync(self) -> bool:
        """Whether nothing waits and nothing has failed."""
        settled = {"delivered", "left_out"}
        return not self.pending and all(one.state.value in settled for one in self.records)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that belongs to a record: its objects in the mirror, the ids they go by."""

    record_id: str | None
    rows: list[MirrorRow]
    ids: set[str]


class Records:
    """Reads what is known, each time from one state of the database."""

    def __init__(self, database: Database, installation: Installation) -> None:
        self._database = database
        self._entities = installation.entities

    async def sync_state(self, entity: str, name: str) -> SyncState:
        """Tell how far what is known of `name` has reached Salesforce.

        Raises:
            NotFound: nothing is known of it.
        """
        async with self._database.read() as tx:
            known = await self._known(tx, entity, name)
            records = await standings(tx, org=self._org(entity), keys=known.ids, limit=_STEPS_LIMIT)
            return SyncState(records, await faults.unsettled(tx, entity=entity, object_ids=known.ids))

    async def explain(self, entity: str, name: str) -> Story:
        """Tell how `name` came to be as it is.

        Raises:
            NotFound: nothing is known of it.
        """
        async with self._database.read() as tx:
            known = await self._known(tx, entity, name)
            org = self._org(entity)
            steps = [step for one, calls in await told(tx, entity=entity, ids=known.ids) for step in _asked(one, calls)]
            events = await inbox.about(tx, accounts=[entity, org], object_ids=known.ids, limit=_STEPS_LIMIT)
            steps += [_event(row) for row in events]
            steps += _objects(known.rows)
            for one in await standings(tx, org=org, keys=known.ids, limit=_STEPS_LIMIT):
                steps += _record(one)
            failed = await faults.of_objects(tx, entity=entity, object_ids=known.ids)
            steps += [_fault(one) for one in failed]
        steps.sort(key=lambda step: (step.at, list(Kind).index(step.kind)))
        return Story(known.record_id, steps[:_STEPS_LIMIT], len(steps) > _STEPS_LIMIT)

    def _org(self, entity: str) -> str:
        return self._entities[entity].org

    async def _known(self, tx: Transaction, entity: str, name: str) -> _Known:
        if len(name) == _RECORD_LENGTH and name.isalnum():
            rows, record_id = await mirror.load_family(tx, entities=[entity], records=[name]), name
        else:
            rows = await self._up(tx, entity, name)
            record_id = next((row.belongs_to for row in rows if row.belongs_to), "")
        ids = {name} | {row.object_id for row in rows} | ({record_id} if record_id else set())
        if not rows and not await standings(tx, org=self._org(entity), keys=ids, limit=1):
            asked = await told(tx, entity=entity, ids=ids)
            if not asked:
                raise NotFound("Nothing is known of this id: check the id and the entity.")
            ids |= {one.id for one, _ in asked}
        return _Known(record_id or None, rows, ids)

    async def _up(self, tx: Transaction, entity: str, name: str) -> list[MirrorRow]:
        """Return an object with all it belongs to, and all below that."""
        for _ in range(_DEPTH_LIMIT):
            rows = await mirror.load_family(tx, entities=[entity], roots=[name])
            above = next((row.parent_id for row in rows if row.object_id == name), None)
            if above is None or not await mirror.load_family(tx, entities=[entity], roots=[above]):
                return rows
            name = above
        return rows


def _asked(one: Command, calls: Sequence[Call]) -> Iterator[Step]:
    words = one.operation.replace("_", " ")
    by = f" by {one.requested_by}" if one.requested_by else ""
    about = one.target_id or one.record_id or one.subject
    yield Step(one.created_at, Kind.REQUEST, one.id, f"{words} of {about} was asked for{by}, through {one.source}")
    for call in calls:
        step = call.step.replace("_", " ")
        yield Step(call.begun_at, Kind.STRIPE_CALL, one.id, f"Stripe was asked: {step}")
        if call.finished_at is not None:
            made = f" and has {call.result_id}" if call.result_id else ""
            request = f" ({call.stripe_request})" if call.stripe_request else ""
            text = f"Stripe did: {step}{made}{request}"
            yield Step(call.finished_at, Kind.STRIPE_CALL, call.result_id or one.id, text)
    if one.settled_at is not None:
        why = f": {one.reason or one.failure_code}" if one.reason or one.failure_code else ""
        kind = Kind.REQUEST if one.state == "SUCCEEDED" else Kind.FAILURE
        yield Step(one.settled_at, kind, one.id, f"the request ended as {one.state.value}{why}")


def _event(row: InboxRow) -> Step:
    vendor = row.source.capitalize()
    state = f", and is {row.state.value}: {row.reason}" if row.reason else ""
    return Step(row.received_at, Kind.EVENT, row.event_id, f"{vendor}'s event {row.kind} arrived{state}")


def _objects(rows: Sequence[MirrorRow]) -> Iterator[Step]:
    for row in rows:
        if row.body is None or row.caused_at is None:
            continue
        kind = row.object_type.removeprefix("counterfoil.").replace("_", " ").replace(".", " ")
        status = row.body.get("status", row.body.get("state"))
        shown = f", now {status}" if isinstance(status, str) else ""
        cause = f", told by {row.cause}" if row.cause else ""
        text = f"{kind} {row.object_id} changed to what it is{shown}{cause}"
        yield Step(row.caused_at, Kind.OBJECT, row.object_id, text)


def _record(one: Standing) -> Iterator[Step]:
    name = f"{one.sobject} {one.key}"
    yield Step(one.put_at, Kind.DESIRED, one.key, f"what {name} should hold was decided")
    if one.delivered_at is not None:
        text = f"Salesforce took {name}" + (f" as {one.salesforce_id}" if one.salesforce_id else "")
        yield Step(one.delivered_at, Kind.DELIVERED, one.key, text)
    if one.error_reason is not None:
        code = f" ({one.error_code})" if one.error_code else ""
        text = f"{name} is {one.state.value} after {one.attempts} attempts: {one.error_reason}{code}"
        yield Step(one.failed_at or one.put_at, Kind.FAILURE, one.key, text)


def _fault(one: Fault) -> Step:
    what = "could not be fetched" if one.kind == faults.FETCH else "could not be made into records"
    reason = (one.fault or one.fetch_error or "").partition(":")[0]
    kind = one.object_type.replace("_", " ")
    return Step(one.observed_at, Kind.FAILURE, one.object_id, f"{kind} {one.object_id} {what}: {reason}")
