"""Queries that count, sum and group, after "GROUP BY", "HAVING" and "Aggregate Functions" of the SOQL Reference.

ROLLUP and CUBE are not known. Money of an org with several currencies is told in the corporate one, as the section
"Querying Currency Fields in Multicurrency Orgs" has it; by the rates of CurrencyType, dated ones being left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from counterfoil_sandbox.salesforce.model import NUMBER_TYPES, Field, SObject
from counterfoil_sandbox.salesforce.soql.ast import Expression, FieldsFunction, Function, Path, Query
from counterfoil_sandbox.salesforce.soql.lexer import malformed
from counterfoil_sandbox.salesforce.soql.parser import AGGREGATES
from counterfoil_sandbox.salesforce.soql.resolve import Column, Computed, Scope
from counterfoil_sandbox.salesforce.store import Row, Store, fold
from counterfoil_sandbox.salesforce.values import render

Group = Sequence[Row]
_COUNTS = {"count", "count_distinct"}
_UNORDERED = {"boolean", "address", "location", "base64", "multipicklist"}


def is_aggregate(query: Query) -> bool:
    """Tell whether a query's answer is made of groups instead of records."""
    return bool(query.groups) or any(isinstance(i, Function) and i.name in AGGREGATES for i in query.selection)


@dataclass(frozen=True)
class Groups:
    """What names refer to where groups are selected, sorted and filtered: grouped fields, and functions of groups."""

    scope: Scope
    grouped: dict[tuple[str, ...], Column | Computed]

    @property
    def store(self) -> Store:
        """The records."""
        return self.scope.store

    @property
    def sobject(self) -> SObject:
        """The object the query is about."""
        return self.scope.sobject

    def expression(self, item: Expression) -> Computed:
        """Resolve a grouped field or an aggregate function.

        Raises:
            ApiError: MALFORMED_QUERY for a field that is neither; INVALID_FIELD for none at all.
        """
        if isinstance(item, Function) and item.name in AGGREGATES:
            return self._function(item)
        column = self.scope.expression(item)
        key = self.grouped.get(_name(item))
        if key is None:
            shown = ".".join((item.path if isinstance(item, Function) else item).parts)
            raise malformed(self.scope.query, item.column, f"Field must be grouped or aggregated: {shown}")
        return Computed(column.field, lambda store, group: key.value(store, group[0]))

    def _function(self, item: Function) -> Computed:
        column = self.scope.column(item.path)
        source = column.field
        numeric, counting = source.type in NUMBER_TYPES, item.name in _COUNTS
        if (item.name in {"sum", "avg"} and not numeric) or (not counting and source.type in _UNORDERED):
            raise self.scope.unsupported(item, source)
        label = f"{item.name}({source.name})"
        kind = "int" if counting else "double" if item.name in {"sum", "avg"} else source.type
        field = Field(label, kind, label, case_sensitive=source.case_sensitive)
        work = _FUNCTIONS[item.name]
        measure = _corporate(column) if source.type == "currency" and not counting else column.value

        def compute(store: Store, group: Group) -> Any:
            return work(source, [value for row in group if (value := measure(store, row)) is not None])

        return Computed(field, compute)


def groups_of(scope: Scope, query: Query, rows: Sequence[Row]) -> tuple[Groups, list[Group]]:
    """Return the groups of a query's rows, in the order of their first rows; one of all rows without GROUP BY.

    Raises:
        ApiError: MALFORMED_QUERY for a field that cannot be grouped, or a limit on what is one row anyway.
    """
    if not query.groups:
        if query.limit is not None or query.offset:
            what = "LIMIT" if query.limit is not None else "OFFSET"
            text = f"Non-grouped query that uses overall aggregate functions cannot also use {what}"
            raise malformed(scope.query, 1, text)
        return Groups(scope, {}), [rows]
    keys: dict[tuple[str, ...], Column | Computed] = {}
    for item in query.groups:
        column = scope.expression(item)
        if isinstance(column, Column) and not column.field.groupable:
            text = f"field '{column.field.name}' can not be grouped in a query call"
            raise malformed(scope.query, item.column, text)
        keys[_name(item)] = column
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        values = tuple(fold(column.field, column.value(scope.store, row)) for column in keys.values())
        found.setdefault(values, []).append(row)
    return Groups(scope, keys), list(found.values())


def projection(groups: Groups, query: Query) -> Callable[[Group], dict[str, Any]]:
    """Compile the SELECT list: functions without an alias are expr0, expr1, fields go by their own names.

    Raises:
        ApiError: MALFORMED_QUERY for a name given twice, or what cannot stand beside a group.
    """
    columns: dict[str, Computed] = {}
    unnamed = 0
    for item in query.selection:
        if isinstance(item, Query | FieldsFunction):
            raise malformed(groups.scope.query, 1, "Grouped query cannot select subqueries or the FIELDS function")
        column = groups.expression(item)
        name = item.alias or column.field.name
        if isinstance(item, Function) and not item.alias:
            name, unnamed = f"expr{unnamed}", unnamed + 1
        if name in columns:
            raise malformed(groups.scope.query, item.column, f"duplicate alias: {name}")
        columns[name] = column

    def project(group: Group) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        for name, column in columns.items():
            value = column.value(groups.store, group)
            record[name] = render(column.field, {column.field.name: value})
        return record

    return project


def _name(item: Expression) -> tuple[str, ...]:
    """Return what makes two expressions the same, whatever their case and alias."""
    path = item if isinstance(item, Path) else item.path
    folded = tuple(part.lower() for part in path.parts)
    return folded if isinstance(item, Path) else (f"{item.name}()", *folded)


def _corporate(column: Column) -> Callable[[Store, Row], Any]:
    """Return how an amount is read in the corporate currency."""

    def measure(store: Store, row: Row) -> Decimal | None:
        holder = column.parent(store, row)
        amount = None if holder is None else holder.get(column.field.name)
        if holder is None or amount is None or "CurrencyIsoCode" not in column.sobject.fields:
            return amount
        currencies = store.table("CurrencyType").rows.values()
        rates = (row["ConversionRate"] for row in currencies if row["IsoCode"] == holder["CurrencyIsoCode"])
        return Decimal(amount) / Decimal(next(rates, 1))

    return measure


def _average(_field: Field, values: list[Any]) -> Decimal | None:
    return sum(values, Decimal()) / len(values) if values else None


def _edge(choose: Callable[..., Any]) -> Callable[[Field, list[Any]], Any]:
    return lambda field, values: choose(values, key=lambda value: fold(field, value), default=None)


_FUNCTIONS: dict[str, Callable[[Field, list[Any]], Any]] = {
    "avg": _average,
    "count": lambda _field, values: len(values),
    "count_distinct": lambda field, values: len({fold(field, value) for value in values}),
    "max": _edge(max),
    "min": _edge(min),
    "sum": lambda _field, values: sum(values, Decimal()) if values else None,
}
