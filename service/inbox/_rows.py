"""Rows of received events: the event id and its effect commit together, so a repeated delivery finds its row."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    literal,
    select,
    text,
    true,
    type_coerce,
    update,
)

from service import telemetry
from service.db import Sealed, Transaction, metadata, shown
from service.errors import Unreadable

PAYLOAD = Sealed("inbox.payload")

table = Table(
    "inbox",
    metadata,
    Column("source", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("object_id", Text),
    Column("payload", PAYLOAD, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("traceparent", Text),
    Column("occurred_at", DateTime(timezone=True)),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("discarded_by", Text),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discard_reason", Text),
)
Index("inbox_recorded", table.c.sequence, postgresql_where=table.c.state == "recorded")
Index("inbox_failed", table.c.received_at, postgresql_where=table.c.state.in_(["quarantined", "refused"]))
Index("inbox_object", table.c.object_id, postgresql_where=table.c.object_id.is_not(None))
Index("inbox_received", table.c.received_at, postgresql_using="brin")


class State(StrEnum):
    """Where an event stands."""

    RECORDED = "recorded"  # stored, its effect is still to come; leaves by `settle`
    HANDLED = "handled"  # its effect is committed; leaves by retention
    REFUSED = "refused"  # understood and not possible; the reason says why; leaves by retention
    QUARANTINED = "quarantined"  # not to be acted on (wrong mode, undecodable); kept for a person


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One event. `source` is "stripe" or "salesforce"; `account` the entity or the org it came to."""

    source: str
    account: str
    event_id: str
    kind: str
    payload: str
    state: State
    received_at: datetime
    object_id: str | None = None
    reason: str | None = None
    traceparent: str | None = None
    occurred_at: datetime | None = None


# Stored as it is: there is nothing to seal.
EMPTIED = literal("{}", Text)
_FIELDS = (
    "source",
    "account",
    "event_id",
    "kind",
    "object_id",
    "payload",
    "state",
    "reason",
    "traceparent",
    "occurred_at",
    "received_at",
)
_TIMES = {"occurred_at", "received_at"}
_ARRAYS = ", ".join(f"CAST(:event_{f} AS {'timestamptz' if f in _TIMES else 'text'}[])" for f in _FIELDS)


def _record(order: str) -> str:
    """Return one statement for any number of rows; what it returns are the keys that were new."""
    names = ", ".join(_FIELDS)
    return (
        f"INSERT INTO inbox ({names}) SELECT {names} "  # noqa: S608  (names are ours)
        f"FROM unnest({_ARRAYS}) WITH ORDINALITY AS event ({names}, position) ORDER BY {order} "
        "ON CONFLICT DO NOTHING RETURNING source, account, event_id"
    )


# Sorted by key, so that two writers meet the same keys in the same order.
RECORD = _record("source, account, event_id")
RECORD_TYPES = (bindparam("event_payload", type_=ARRAY(PAYLOAD)),)
# A stream has one writer, and its order is what its rows are taken by.
_RECORD_IN_ORDER = text(_record("position")).bindparams(*RECORD_TYPES)
_TAKING = text("SELECT pg_try_advisory_xact_lock(hashtextextended('inbox:' || :source, 0))")


def record_parameters(rows: Sequence[InboxRow]) -> dict[str, object]:
    """Return the parameters of RECORD, which returns the keys (source, account, event id) that were new."""
    return {f"event_{field}": [getattr(row, field) for row in rows] for field in _FIELDS}


_STORED = tuple(table.c[field] for field in _FIELDS if field != "payload")
_EACH = (*_STORED, type_coerce(table.c.payload, PAYLOAD.each).label("payload"))


def _row(row: Any) -> InboxRow:
    values = row._mapping  # noqa: SLF001  (a row's documented accessor)
    return InboxRow(**(dict(values) | {"state": State(values["state"]), "payload": shown(values["payload"])}))


async def record(tx: Transaction, rows: Sequence[InboxRow]) -> set[tuple[str, str, str]]:
    """Store a stream's new events in its order; return their keys (source, account, event id)."""
    result = await tx.execute(_RECORD_IN_ORDER, record_parameters(rows))
    return {(row.source, row.account, row.event_id) for row in result}


async def take(tx: Transaction, *, source: str, limit: int, but: str | None = None) -> list[InboxRow]:
    """Lock up to `limit` recorded events, oldest first; settle them in this transaction.

    None while another transaction takes of this source: two at once could accept what was asked of one record in the
    wrong order. Events whose kind begins with `but` are left to `waiting`. Those that cannot be opened are set aside.
    """
    if not (await tx.execute(_TAKING, {"source": source})).scalar_one():
        return []
    query = (
        select(*_EACH)
        .where(
            table.c.state == State.RECORDED,
            table.c.source == source,
            true() if but is None else table.c.kind.not_like(f"{but}%"),
        )
        .order_by(table.c.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await _opened(tx, (await tx.execute(query)).all())


async def waiting(tx: Transaction, *, source: str, account: str, begins: str, limit: int) -> list[InboxRow]:
    """Return up to `limit` recorded events of an account whose kind begins with `begins`, oldest first, unlocked.

    Another replica may return them too: what is done with them must be harmless to do twice. Those that cannot be
    opened are set aside.
    """
    query = (
        select(*_EACH)
        .where(
            table.c.state == State.RECORDED,
            table.c.source == source,
            table.c.account == account,
            table.c.kind.like(f"{begins}%"),
        )
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return await _opened(tx, (await tx.execute(query)).all())


async def _opened(tx: Transaction, rows: Sequence[Row[Any]]) -> list[InboxRow]:
    """Return what can be opened; keep the others for a person, who puts the key back and lets them go."""
    for row in rows:
        if isinstance(row.payload, Unreadable):
            telemetry.log().error("inbox.unreadable", event_id=row.event_id, key_id=row.payload.key_id, alarm=True)
            await settle(tx, _row(row), State.QUARANTINED, Unreadable.reason)
    return [_row(row) for row in rows if not isinstance(row.payload, Unreadable)]


async def list_quarantined(tx: Transaction, *, source: str, accounts: Sequence[str], limit: int) -> list[InboxRow]:
    """Return events that are kept and not acted on, the oldest first."""
    query = (
        select(*_EACH)
        .where(
            table.c.state == State.QUARANTINED,
            table.c.source == source,
            table.c.account.in_(accounts),
            table.c.discarded_at.is_(None),
        )
        .order_by(table.c.received_at, table.c.sequence)
        .limit(limit)
    )
    return [_row(row) for row in await tx.execute(query)]


async def about(
    tx: Transaction, *, accounts: Collection[str], object_ids: Collection[str], limit: int
) -> list[InboxRow]:
    """Return events about any of some objects or records, the oldest first."""
    query = (
        select(*_EACH)
        .where(table.c.object_id.in_(object_ids), table.c.account.in_(accounts))
        .order_by(table.c.received_at, table.c.sequence)
        .limit(limit)
    )
    return [_row(row) for row in await tx.execute(query)]


async def settle(tx: Transaction, row: InboxRow, state: State, reason: str | None = None) -> None:
    """Say what came of an event."""
    await tx.execute(
        update(table)
        .where(table.c.source == row.source, table.c.account == row.account, table.c.event_id == row.event_id)
        .values(state=state, reason=reason)
    )


async def prune(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` events received before `before` whose effect is committed; return how many."""
    old = (
        select(table.c.source, table.c.account, table.c.event_id)
        .where(table.c.received_at < before, table.c.state.in_([State.HANDLED, State.REFUSED]))
        .limit(limit)
        .subquery()
    )
    result = await tx.execute(
        delete(table).where(
            table.c.source == old.c.source, table.c.account == old.c.account, table.c.event_id == old.c.event_id
        )
    )
    return result.rowcount


async def empty(tx: Transaction, *, since: datetime, before: datetime, limit: int) -> int:
    """Take the text of up to `limit` events received within a time whose effect is committed; return how many.

    Their ids stay, by which a repetition is known. What a person may still look at or let go keeps its text.
    """
    old = (
        select(table.c.source, table.c.account, table.c.event_id)
        .where(
            table.c.received_at >= since,
            table.c.received_at < before,
            table.c.state == State.HANDLED,
            type_coerce(table.c.payload, Text) != EMPTIED,
        )
        .limit(limit)
        .subquery()
    )
    result = await tx.execute(
        update(table)
        .where(table.c.source == old.c.source, table.c.account == old.c.account, table.c.event_id == old.c.event_id)
        .values(payload=EMPTIED)
    )
    return result.rowcount
