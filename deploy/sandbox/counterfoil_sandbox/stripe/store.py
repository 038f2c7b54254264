"""The sandbox's memory: one table per object type, with the indexes its list calls filter by.

Rows are plain dicts holding ids, never expanded objects. Nothing outlives the process.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from counterfoil_sandbox.stripe.errors import Json, missing

_UNSET = object()


class Table:
    """Rows of one object type, in the order of their creation."""

    def __init__(self, noun: str, *indexed: str, limit: int | None = None) -> None:
        self.noun = noun
        self.rows: dict[str, Json] = {}
        self._limit = limit
        self._position: dict[str, int] = {}
        self._next = 0
        self._index: dict[str, dict[Any, dict[str, None]]] = {name: {} for name in indexed}
        self._entered: dict[tuple[str, str], Any] = {}

    def save(self, row: Json) -> Json:
        """Insert `row`, or refresh its indexes after a change."""
        identifier = row["id"]
        if identifier not in self._position:
            self._position[identifier] = self._next
            self._next += 1
        self.rows[identifier] = row
        for name, index in self._index.items():
            self._enter(identifier, name, index, row.get(name))
        if self._limit and len(self.rows) > self._limit:
            self.remove(next(iter(self.rows)))
        return row

    def _enter(self, identifier: str, name: str, index: dict[Any, dict[str, None]], value: Any) -> None:
        before = self._entered.get((identifier, name), _UNSET)
        if before == value:
            return
        if before is not _UNSET:
            index.get(before, {}).pop(identifier, None)
        index.setdefault(value, {})[identifier] = None
        self._entered[identifier, name] = value

    def remove(self, identifier: str) -> None:
        """Forget a row altogether."""
        del self.rows[identifier]
        self._position.pop(identifier)
        for name, index in self._index.items():
            index.get(self._entered.pop((identifier, name), None), {}).pop(identifier, None)

    def get(self, identifier: str, param: str = "id", *, status: int = 404) -> Json:
        """Return the row or raise Stripe's resource_missing."""
        row = self.rows.get(identifier)
        if row is None:
            raise missing(self.noun, identifier, param, status=status)
        return row

    def having(self, name: str, value: Any) -> Iterator[Json]:
        """Yield the rows whose indexed field has this value, oldest first."""
        return (self.rows[identifier] for identifier in list(self._index[name].get(value, ())))

    def page(self, call: Json, url: str, **equal: Any) -> Json:
        """Return a list object: newest first, filtered by `equal`, `created` and the paging parameters of `call`."""
        return self.page_where(call, url, lambda row: all(row.get(key) == value for key, value in equal.items()), equal)

    def page_where(
        self, call: Json, url: str, keep: Callable[[Json], bool], equal: dict[str, Any] | None = None
    ) -> Json:
        """Like `page`, with any predicate; `equal` lets an index narrow the rows that are looked at."""
        span = call.get("created") or {}
        limit = call.get("limit", 10)
        found = (
            row
            for row in self._from_cursor(call, equal or {})
            if not row.get("deleted") and (not span or within(_moment(row), span)) and keep(row)
        )
        rows = list(islice(found, limit + 1))
        data = rows[:limit]
        if call.get("ending_before"):
            data.reverse()
        return listing(data, url, has_more=len(rows) > limit)

    def _from_cursor(self, call: Json, equal: dict[str, Any]) -> Iterable[Json]:
        """Walk away from the cursor: to older rows by default, to newer ones for `ending_before`."""
        after, before = call.get("starting_after"), call.get("ending_before")
        indexed = next((name for name in equal if name in self._index), None)
        names: list[str] | dict[str, Any] = self.rows
        if indexed:  # a row may have come under this value later than a newer row did
            names = sorted(self._index[indexed].get(equal[indexed], {}), key=self._position.__getitem__)
        cursor = before or after
        if cursor is None:
            return (self.rows[name] for name in reversed(names))
        if cursor not in self._position:
            raise missing(self.noun, cursor, "ending_before" if before else "starting_after", status=400)
        start = self._position[cursor]
        if before:
            return (self.rows[name] for name in names if self._position[name] > start)
        return (self.rows[name] for name in reversed(names) if self._position[name] < start)


def _moment(row: Json) -> int:
    return int(row["created"] if "created" in row else row["date"])  # an invoice item calls it so


def within(created: int, span: dict[str, int]) -> bool:
    """Tell whether a timestamp lies in the bounds of a `created` filter."""
    return (
        created > span.get("gt", -1)
        and created >= span.get("gte", 0)
        and created < span.get("lt", created + 1)
        and created <= span.get("lte", created)
    )


def listing(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    """Return Stripe's list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def slice_of(rows: list[Json], call: Json, url: str, noun: str) -> Json:
    """Return a list object of rows that stand in an order of their own, such as the lines of an invoice."""
    limit = call.get("limit", 10)
    start = 0
    if cursor := call.get("starting_after") or call.get("ending_before"):
        position = next((place for place, row in enumerate(rows) if row["id"] == cursor), None)
        if position is None:
            raise missing(noun, cursor, "starting_after" if "starting_after" in call else "ending_before", status=400)
        start = position + 1 if "starting_after" in call else max(0, position - limit)
        rows = rows if "starting_after" in call else rows[:position]
    more = start > 0 if "ending_before" in call else len(rows) > start + limit
    return listing(rows[start : start + limit], url, has_more=more)
