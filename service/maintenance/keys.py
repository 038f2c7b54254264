"""The keys that stored content is sealed with: how many texts each has, and sealing older ones with the newest.

Goes through every column of the type `Sealed`, whichever room it is of, since a key may go only when no room needs it.
Works beside a running service: a row that somebody holds is passed over and met again, none is waited for. Refuses
nothing: a text that cannot be opened stays as it is, and is counted.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    Text,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    update,
)

from service import audit
from service.clock import Clock
from service.db import Database, Sealed, Transaction, metadata
from service.errors import Unreadable
from service.inbox import EMPTIED
from service.sealing import PLAIN_KEY, SEALED

_BATCH_LIMIT = 200
_PASSES = 20


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many texts of a column are sealed with a key; the key "" is of those that are not sealed."""

    key_id: str
    column: str
    texts: int


@dataclass(slots=True)
class Rotated:
    """What a rotation did: texts sealed anew, and those left since they cannot be opened, by key."""

    sealed: int
    unreadable: dict[str, int]
    passed_over: int = 0


def sealed_columns() -> dict[Table, list[Column[Any]]]:
    """Return the columns whose texts are sealed, by table."""
    found = {
        table: [column for column in table.c if isinstance(column.type, Sealed)] for table in metadata.sorted_tables
    }
    return {table: columns for table, columns in found.items() if columns}


def _stored(column: Column[Any]) -> ColumnElement[str]:
    """Return the column as it is stored."""
    return type_coerce(column, Text)


def _worth(column: Column[Any]) -> ColumnElement[bool]:
    """Tell whether there is anything to seal."""
    return and_(column.is_not(None), _stored(column) != EMPTIED)


async def list_keys(tx: Transaction, *, seconds: int = 0) -> list[KeyUse]:
    """Count the texts of each column by their key. Looks at every row, for at most so many seconds, 0 for no limit.

    Raises:
        sqlalchemy.exc.DBAPIError: it took longer.
    """
    if seconds:
        await tx.execute(text(f"SET LOCAL statement_timeout = {int(seconds) * 1000}"))
    found: list[KeyUse] = []
    for table, columns in sealed_columns().items():
        for column in columns:
            head = func.left(_stored(column), 100)
            key = case((head.startswith(SEALED), func.split_part(head, ".", 2)), else_=PLAIN_KEY).label("key")
            query = select(key, func.count().label("texts")).where(_worth(column)).group_by(key).order_by(key)
            found += [KeyUse(row.key, f"{table.name}.{column.name}", row.texts) for row in await tx.execute(query)]
    return found


class Rotation:
    """Seals everything with the newest key, a bounded batch at a time; may be ended and begun again at any time."""

    def __init__(self, database: Database, clock: Clock, *, batch_limit: int = _BATCH_LIMIT) -> None:
        self._database = database
        self._clock = clock
        self._limit = batch_limit

    async def run(self, *, who: str) -> Rotated:
        """Seal what is plain or of another key; pass after pass, while rows that were held are left."""
        done = Rotated(0, {})
        for _ in range(_PASSES):
            unreadable: dict[str, int] = defaultdict(int)
            done.passed_over, sealed = 0, 0
            for table, columns in sealed_columns().items():
                sealed += await self._table(table, columns, unreadable, done)
            done.sealed += sealed
            done.unreadable = dict(unreadable)
            if not sealed and not done.passed_over:
                break
        key_id = self._database.vault.current_id or PLAIN_KEY
        entry = audit.Entry("operated", who, f"keys/{key_id}", self._clock.now(), {"operation": "rotate"})
        async with self._database.transaction() as tx:
            await audit.append(tx, [entry])
        return done

    async def _table(
        self, table: Table, columns: Sequence[Column[Any]], unreadable: dict[str, int], done: Rotated
    ) -> int:
        keys = tuple(table.primary_key.columns)
        after: tuple[Any, ...] | None = None
        sealed = 0
        while True:
            async with self._database.transaction() as tx:
                wanted = self._wanted(columns)
                place = tuple_(*keys) > tuple_(*map(literal, after)) if after else literal(value=True)
                # What is held is locked by somebody: known by its key alone, and not waited for.
                known = (await tx.execute(select(*keys).where(place, wanted).order_by(*keys).limit(self._limit))).all()
                if not known:
                    return sealed
                mine = tuple_(*keys).in_([tuple(row) for row in known])
                each = [type_coerce(column, cast(Sealed, column.type).each).label(column.name) for column in columns]
                stored = [_stored(column).label(f"stored_{column.name}") for column in columns]
                query = (
                    select(*keys, *each, *stored).where(mine, wanted).with_for_update(skip_locked=True, key_share=True)
                )
                rows = (await tx.execute(query)).all()
                done.passed_over += len(known) - len(rows)
                for row in rows:
                    sealed += await self._row(tx, table, columns, row, unreadable)
            after = tuple(known[-1])

    def _wanted(self, columns: Sequence[Column[Any]]) -> ColumnElement[bool]:
        head = f"{SEALED}{self._database.vault.current_id}."
        return or_(*(and_(_worth(column), _stored(column).startswith(head).is_(False)) for column in columns))

    async def _row(
        self, tx: Transaction, table: Table, columns: Sequence[Column[Any]], row: Any, unreadable: dict[str, int]
    ) -> int:
        values = dict(_changes(columns, row, unreadable, f"{SEALED}{self._database.vault.current_id}."))
        if values:
            mine = [key == getattr(row, key.name) for key in table.primary_key.columns]
            await tx.execute(update(table).where(*mine).values(values))
        return len(values)


def _changes(
    columns: Sequence[Column[Any]], row: Any, unreadable: dict[str, int], head: str
) -> Iterator[tuple[str, str]]:
    for column in columns:
        opened, stored = getattr(row, column.name), getattr(row, f"stored_{column.name}")
        if isinstance(opened, Unreadable):
            unreadable[opened.key_id] += 1
        elif stored is not None and stored != "{}" and not stored.startswith(head):
            yield column.name, opened
