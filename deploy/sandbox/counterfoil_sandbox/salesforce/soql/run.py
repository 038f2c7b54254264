"""Running a parsed query: rows, order, parents' fields, children's subqueries, in the JSON shape of an answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from counterfoil_sandbox.salesforce.errors import ApiError, not_imitated
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.soql.aggregate import groups_of, is_aggregate, projection
from counterfoil_sandbox.salesforce.soql.ast import FieldsFunction, Function, OrderItem, Path, Query
from counterfoil_sandbox.salesforce.soql.lexer import locate, malformed
from counterfoil_sandbox.salesforce.soql.resolve import Scope, follow
from counterfoil_sandbox.salesforce.soql.where import Conditions, Names
from counterfoil_sandbox.salesforce.store import Row, Store, fold
from counterfoil_sandbox.salesforce.values import render

MAX_FIELDS_LIMIT = 200
MAX_OFFSET = 2000
Record = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True)
class QueryResult:
    """``total`` counts what matched; ``records`` are ready for JSON (none for COUNT())."""

    total: int
    records: list[Record]


def run_query(store: Store, text: str, query: Query, *, deleted: bool, sobjects_url: str) -> QueryResult:
    """Run a query; ``deleted`` includes the recycle bin, ``sobjects_url`` begins each record's url.

    Raises:
        ApiError: INVALID_TYPE, INVALID_FIELD or another error of a query that parses but makes no sense.
    """
    return _Run(store, text, sobjects_url, deleted=deleted).top(query)


class _Run:
    def __init__(self, store: Store, text: str, sobjects_url: str, *, deleted: bool) -> None:
        self._store = store
        self._text = text
        self._url = sobjects_url
        self._deleted = deleted

    def top(self, query: Query) -> QueryResult:
        sobject = self._object(query.source)
        scope = self._scope(sobject, query)
        if query.offset > MAX_OFFSET:
            raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        if is_aggregate(query):
            return self._aggregated(scope, query)
        if query.having is not None:
            raise malformed(self._text, 1, "HAVING clause requires a GROUP BY clause")
        project = None if query.count else self._projection(scope, query)
        rows = self._rows(scope, query, None)
        return QueryResult(len(rows), [] if project is None else [project(row) for row in rows])

    def _aggregated(self, scope: Scope, query: Query) -> QueryResult:
        """Return one result for each group that HAVING lets through; COUNT() is refused beside GROUP BY."""
        if query.count:
            raise malformed(self._text, 1, "Grouped query cannot use COUNT() without a field")
        plain = replace(query, order=(), limit=None, offset=0)
        names, groups = groups_of(scope, query, self._rows(scope, plain, None))
        project = projection(names, query)
        if query.having is not None:
            passes = Conditions(names, self._subselect).compile(query.having)
            groups = [group for group in groups if passes(group)]
        for item in reversed(query.order):
            groups = self._sorted(names, groups, item)
        end = None if query.limit is None else query.offset + query.limit
        records = [project(group) for group in groups[query.offset : end]]
        return QueryResult(len(records), records)

    def _object(self, name: str) -> SObject:
        sobject = self._store.schema.find(name)
        if sobject is None:
            column = self._text.lower().find(name.lower()) + 1
            raise ApiError(
                "INVALID_TYPE",
                f"{locate(self._text, column)}sObject type '{name}' is not supported. If you are attempting to use a "
                "custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the "
                "describe call for the appropriate names.",
            )
        if sobject.is_event:
            raise ApiError("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support query")
        return sobject

    def _scope(self, sobject: SObject, query: Query) -> Scope:
        names = {sobject.name.lower(), query.source.lower(), (query.alias or sobject.name).lower()}
        return Scope(self._store, sobject, self._text, frozenset(names))

    def _rows(self, scope: Scope, query: Query, within: Iterable[Row] | None) -> list[Row]:
        """Return the matching rows in order, after OFFSET and LIMIT."""
        conditions = Conditions(scope, self._subselect)
        predicate = conditions.compile(query.where) if query.where else None
        if within is None:
            table = self._store.table(scope.sobject.name)
            found = conditions.candidates(query.where)
            within = table.rows.values() if found is None else (table.rows[key] for key in sorted(found))
        rows = [
            row
            for row in within
            if (self._deleted or not row.get("IsDeleted")) and (predicate is None or predicate(row))
        ]
        for item in reversed(query.order):
            rows = self._sorted(scope, rows, item)
        end = None if query.limit is None else query.offset + query.limit
        return rows[query.offset : end]

    def _sorted(self, scope: Names, rows: list[_T], item: OrderItem) -> list[_T]:
        column = scope.expression(item.path)
        if not column.field.sortable:
            raise ApiError("INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call")
        keyed = [(fold(column.field, column.value(self._store, row)), row) for row in rows]
        nulls = [row for key, row in keyed if key is None]
        values = sorted(
            (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=item.descending
        )
        present = [row for _, row in values]
        return present + nulls if item.nulls_last else nulls + present

    def _subselect(self, query: Query) -> set[Any]:
        """Return the values of the one field of a semi-join."""
        scope = self._scope(self._object(query.source), query)
        if len(query.selection) != 1 or not isinstance(query.selection[0], Path):
            raise malformed(self._text, 1, "semi join sub-selects can only query one field")
        column = scope.column(query.selection[0])
        values = (column.value(self._store, row) for row in self._rows(scope, query, None))
        return {fold(column.field, value) for value in values if value is not None}

    def _projection(self, scope: Scope, query: Query) -> Callable[[Row], Record]:
        """Compile the SELECT list once, so that unknown names fail even if no row matches."""
        steps: list[Callable[[Row, Record], None]] = []
        seen: set[tuple[str, ...]] = set()
        for item in query.selection:
            if isinstance(item, Query):
                steps.append(self._child(scope.sobject, item))
            elif isinstance(item, FieldsFunction):
                steps += [self._own(field) for field in self._group(scope.sobject, query, item)]
            else:
                path = item if isinstance(item, Path) else item.path
                key = (item.alias or "", *(part.lower() for part in path.parts))
                if key in seen:
                    raise malformed(self._text, item.column, f"duplicate field selected: {'.'.join(path.parts)}")
                seen.add(key)
                steps.append(self._column(scope, path) if isinstance(item, Path) else self._label(scope, item))
                if isinstance(item, Path) and item.alias:
                    raise malformed(self._text, item.column, "only aggregate expressions use field aliasing")

        def project(row: Row) -> Record:
            record = self._attributes(scope.sobject, row)
            for step in steps:
                step(row, record)
            return record

        return project

    def _attributes(self, sobject: SObject, row: Row) -> Record:
        return {"attributes": {"type": sobject.name, "url": f"{self._url}/{sobject.name}/{row['Id']}"}}

    def _group(self, sobject: SObject, query: Query, item: FieldsFunction) -> list[Field]:
        if item.group != "standard" and (query.limit is None or query.limit > MAX_FIELDS_LIMIT):
            raise malformed(self._text, 8, f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}")
        return [
            field
            for field in sobject.fields.values()
            if item.group == "all" or field.custom == (item.group == "custom")
        ]

    @staticmethod
    def _own(field: Field) -> Callable[[Row, Record], None]:
        def step(row: Row, record: Record) -> None:
            record[field.name] = render(field, row)

        return step

    def _column(self, scope: Scope, path: Path) -> Callable[[Row, Record], None]:
        column = scope.column(path)

        def step(row: Row, record: Record) -> None:
            source: Row | None = row
            for reference in column.steps:
                source = follow(self._store, reference, source)
                name = str(reference.relationship)
                if source is None:
                    record[name] = None
                    return
                if not isinstance(record.get(name), dict):
                    target = next(t for t in reference.reference_to if source["Id"] in self._store.table(t).rows)
                    record[name] = self._attributes(self._store.schema.objects[target], source)
                record = record[name]
            if source is not None:
                record[column.field.name] = render(column.field, source)

        return step

    def _label(self, scope: Scope, item: Function) -> Callable[[Row, Record], None]:
        """Return what ``toLabel`` of a picklist shows: the label of the value, or the value where it has none."""
        column = scope.column(item.path)
        if item.name != "tolabel" or not column.field.picklist or (column.steps and not item.alias):
            raise not_imitated(f"the SOQL function {item.name}() here")
        labels = {value.value: value.label for value in column.field.picklist}

        def step(row: Row, record: Record) -> None:
            value = column.value(self._store, row)
            record[item.alias or column.field.name] = labels.get(value, value)

        return step

    def _child(self, parent: SObject, query: Query) -> Callable[[Row, Record], None]:
        wanted = query.source.lower()
        pairs = self._store.schema.children_of(parent.name)
        found = next((pair for pair in pairs if (pair[1].children or "").lower() == wanted), None)
        if found is None:
            raise ApiError(
                "INVALID_TYPE",
                f"{locate(self._text, 1)}Didn't understand relationship '{query.source}' in FROM part of query call. "
                "If you are attempting to use a custom relationship, be sure to append the '__r' after the custom "
                "relationship name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        sobject, reference = found
        scope = self._scope(sobject, query)
        if is_aggregate(query):
            raise not_imitated("aggregates in a subquery")
        project = self._projection(scope, query)
        table = self._store.table(sobject.name)

        def step(row: Row, record: Record) -> None:
            children = (table.rows[key] for key in sorted(table.ids_with(reference, [row["Id"]])))
            rows = self._rows(scope, query, children)
            records = [project(child) for child in rows]
            name = str(reference.children)
            record[name] = {"totalSize": len(records), "done": True, "records": records} if records else None

        return step
