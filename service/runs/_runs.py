"""Rows of runs. A step takes the row for a while, and gets on only if nobody else has, and nobody ended it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    and_,
    delete,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from service.db import Transaction, metadata

table = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("object_types", ARRAY(Text), nullable=False),
    Column("since", DateTime(timezone=True)),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("current", Integer, nullable=False, server_default=text("0")),
    Column("after", Text),
    Column("seen", BigInteger, nullable=False, server_default=text("0")),
    Column("found", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("reason", Text),
    Column("requested_by", Text),
    Column("request_id", Text),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
Index("runs_under_way", table.c.entity, table.c.kind, unique=True, postgresql_where=table.c.state == "running")
Index("runs_request", table.c.entity, table.c.request_id, unique=True, postgresql_where=table.c.request_id.is_not(None))
Index("runs_created", table.c.entity, table.c.created_at.desc(), table.c.id.desc())


class Kind(StrEnum):
    """What a run does."""

    SWEEP = "sweep"  # looks for events that never arrived
    BACKFILL = "backfill"  # reads objects


class State(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"  # by a person
    FAILED = "failed"  # Stripe refused


@dataclass(frozen=True, slots=True)
class Run:
    """One run. It reads `object_types` in turn, of which `current` is the place, from `until` back to `since`.

    `after` is the last id that was read, `version` counts its steps, `attempts` the vain tries of the present one.
    """

    id: str
    entity: str
    kind: Kind
    object_types: tuple[str, ...]
    since: datetime | None
    until: datetime
    created_at: datetime
    updated_at: datetime
    state: State = State.RUNNING
    current: int = 0
    after: str | None = None
    seen: int = 0
    found: int = 0
    attempts: int = 0
    reason: str | None = None
    requested_by: str | None = None
    request_id: str | None = None
    version: int = 1

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state is not State.RUNNING


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run goes on: a type, and the last id read of it."""

    current: int
    after: str | None


_FIELDS = tuple(Run.__dataclass_fields__)
_COLUMNS = tuple(table.c[name] for name in _FIELDS)


def _run(row: Any) -> Run:
    values = dict(row._mapping)  # noqa: SLF001  (its documented accessor)
    kinds = {"kind": Kind(values["kind"]), "state": State(values["state"])}
    return Run(**(values | kinds | {"object_types": tuple(values["object_types"])}))


async def start(tx: Transaction, run: Run) -> bool:
    """Store a new run; tell False, and change nothing, while another of its kind is under way, or for a known request.

    A run that has ended already is a mark of how far others need not go back.
    """
    values = {name: getattr(run, name) for name in _FIELDS}
    values |= {"object_types": list(run.object_types), "next_at": run.created_at}
    return (await tx.execute(insert(table).values(**values).on_conflict_do_nothing())).rowcount > 0


async def take(tx: Transaction, *, now: datetime, lease: timedelta) -> Run | None:
    """Return a run whose next step is due, which is due again after `lease` unless it gets on."""
    due = (
        select(table.c.id)
        .where(table.c.state == State.RUNNING, table.c.next_at <= now)
        .order_by(table.c.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = update(table).where(table.c.id == due).values(next_at=now + lease, version=table.c.version + 1)
    row = (await tx.execute(taken.returning(*_COLUMNS))).one_or_none()
    return None if row is None else _run(row)


async def _change(tx: Transaction, run: Run, **values: Any) -> bool:
    """Change a run that is still as it was taken."""
    same = and_(table.c.id == run.id, table.c.version == run.version, table.c.state == State.RUNNING)
    return (await tx.execute(update(table).where(same).values(**values))).rowcount > 0


async def advance(tx: Transaction, run: Run, place: Place, *, seen: int, found: int, next_at: datetime) -> bool:
    """Keep how far a step got; False if the run was ended or taken over, and nothing of the step must be kept."""
    return await _change(
        tx,
        run,
        current=place.current,
        after=place.after,
        seen=run.seen + seen,
        found=run.found + found,
        attempts=0,
        reason=None,
        next_at=next_at,
        updated_at=next_at,
    )


async def end(tx: Transaction, run: Run, state: State, *, reason: str | None = None, now: datetime) -> bool:
    """End a run after its last step."""
    return await _change(tx, run, state=state, reason=reason, updated_at=now)


async def postpone(tx: Transaction, run: Run, *, reason: str, until: datetime, now: datetime) -> bool:
    """Try the step again later."""
    return await _change(tx, run, attempts=run.attempts + 1, reason=reason, next_at=until, updated_at=now)


async def cancel(tx: Transaction, *, entity: str, run_id: str, now: datetime) -> None:
    """End a run that is under way."""
    under_way = and_(table.c.id == run_id, table.c.entity == entity, table.c.state == State.RUNNING)
    await tx.execute(update(table).where(under_way).values(state=State.CANCELLED, updated_at=now))


async def find(tx: Transaction, *, entity: str, run_id: str) -> Run | None:
    """Return a run by its id."""
    query = select(*_COLUMNS).where(table.c.id == run_id, table.c.entity == entity)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def requested(tx: Transaction, *, entity: str, request_id: str) -> Run | None:
    """Return the run that a request started."""
    query = select(*_COLUMNS).where(table.c.entity == entity, table.c.request_id == request_id)
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def latest(tx: Transaction, *, entity: str, kind: Kind, state: State | None = None) -> Run | None:
    """Return the newest run of a kind, in a state if one is given."""
    states = list(State) if state is None else [state]
    query = (
        select(*_COLUMNS)
        .where(table.c.entity == entity, table.c.kind == kind, table.c.state.in_(states))
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def list_runs(tx: Transaction, *, entity: str, before: tuple[datetime, str] | None, limit: int) -> list[Run]:
    """Return runs made before a moment (and id), newest first."""
    query = (
        select(*_COLUMNS)
        .where(table.c.entity == entity)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(tuple_(table.c.created_at, table.c.id) < tuple_(*map(literal, before)))
    return [_run(row) for row in await tx.execute(query)]


async def prune(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` runs that ended before `before`; return how many."""
    old = select(table.c.id).where(table.c.state != State.RUNNING, table.c.updated_at < before).limit(limit)
    return (await tx.execute(delete(table).where(table.c.id.in_(old)))).rowcount
