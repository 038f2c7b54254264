"""The org's records in memory, with transactions that can be undone to any savepoint.

It keeps rows and indexes and nothing else: no checks, no defaults. All calls come from the one event loop, so nothing
here is locked.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from counterfoil_sandbox.salesforce.model import Field, Schema, SObject

Row = dict[str, Any]


def fold(field: Field, value: Any) -> Any:
    """Return the form of a value under which it is indexed: text ignores case unless the field minds it."""
    if isinstance(value, str) and field.type not in {"reference", "id"} and not field.case_sensitive:
        return value.lower()
    return value


class Table:
    """Rows of one object by 18-character id, in order of insertion, and their indexes."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.rows: dict[str, Row] = {}
        self._indexed = [item for item in sobject.fields.values() if item.indexed]
        self._index: dict[str, dict[Any, set[str]]] = {item.name: {} for item in self._indexed}

    def put(self, row: Row) -> Row | None:
        """Store a row and return the one it replaces."""
        old = self.take(row["Id"])
        self.rows[row["Id"]] = row
        for item in self._indexed:
            self._index[item.name].setdefault(fold(item, row.get(item.name)), set()).add(row["Id"])
        return old

    def take(self, record_id: str) -> Row | None:
        """Remove a row from the indexes and return it; ``put`` or ``drop`` decides about its place."""
        old = self.rows.get(record_id)
        if old is not None:
            for item in self._indexed:
                self._index[item.name][fold(item, old.get(item.name))].discard(record_id)
        return old

    def drop(self, record_id: str) -> Row | None:
        """Remove a row wholly."""
        old = self.take(record_id)
        self.rows.pop(record_id, None)
        return old

    def is_indexed(self, field: Field) -> bool:
        """Whether ``ids_with`` can answer for this field."""
        return field.name in self._index

    def ids_with(self, field: Field, values: Iterable[Any]) -> set[str]:
        """Return the ids of rows, deleted ones included, that hold one of the values in an indexed field."""
        index = self._index[field.name]
        found: set[str] = set()
        for value in values:
            found |= index.get(fold(field, value), set())
        return found

    def live_with(self, field: Field, value: Any) -> list[Row]:
        """Return the undeleted rows that hold the value in an indexed field, oldest first."""
        rows = (self.rows[record_id] for record_id in sorted(self.ids_with(field, [value])))
        return [row for row in rows if not row.get("IsDeleted")]


# A row before one change of it: its table, its id, and what it was; None when it was not there.
Entry = tuple[Table, str, Row | None]


class Store:
    """All tables, one journal, and what is to happen after the outermost commit."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.tables = {name: Table(sobject) for name, sobject in schema.objects.items()}
        self._journal: list[Entry] = []
        self.on_commit: list[Callable[[Sequence[Entry]], object]] = []
        self._after_commit: list[Callable[[], object]] = []
        self._depth = 0

    def table(self, name: str) -> Table:
        """Return the table of an object by its exact API name."""
        return self.tables[name]

    def put(self, name: str, row: Row) -> None:
        """Insert or replace a row; rows are never changed in place."""
        table = self.tables[name]
        self._journal.append((table, row["Id"], table.put(row)))

    def drop(self, name: str, record_id: str) -> None:
        """Remove a row as if it had never been."""
        table = self.tables[name]
        self._journal.append((table, record_id, table.drop(record_id)))

    def after_commit(self, action: Callable[[], object]) -> None:
        """Run an action when the outermost transaction commits; forgotten if its savepoint is undone."""
        self._after_commit.append(action)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo everything done inside if it raises; transactions nest as savepoints."""
        mark, actions = len(self._journal), len(self._after_commit)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._undo(mark)
            del self._after_commit[actions:]
            raise
        finally:
            self._depth -= 1
            entries = tuple(self._journal)
            if self._depth == 0:
                self._journal.clear()
        if self._depth == 0:
            for hook in self.on_commit:
                hook(entries)
            due, self._after_commit = self._after_commit, []
            for action in due:
                action()

    def _undo(self, mark: int) -> None:
        while len(self._journal) > mark:
            table, record_id, old = self._journal.pop()
            if old is None:
                table.drop(record_id)
            else:
                table.put(old)
