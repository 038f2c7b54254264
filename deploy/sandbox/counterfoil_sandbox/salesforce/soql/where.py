"""Conditions turned into a predicate over rows, and into a small set of candidates where an index can tell.

Text compares without case unless the field minds it; null equals only null, and is neither less nor greater.
"""

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.ids import to_18
from counterfoil_sandbox.salesforce.model import NUMBER_TYPES, Field, SObject
from counterfoil_sandbox.salesforce.soql.ast import Comparison, Condition, DayRange, Expression, Literal, Logic, Query
from counterfoil_sandbox.salesforce.soql.resolve import Column, Computed
from counterfoil_sandbox.salesforce.store import Row, Store, fold

Predicate = Callable[[Any], bool]  # of a row, or of a group
SubSelect = Callable[[Query], set[Any]]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXPECTED = {"boolean": "boolean", "date": "date", "datetime": "datetime"}


class Names(Protocol):
    """What names in a condition refer to: fields of rows, or values of groups."""

    @property
    def store(self) -> Store:
        """The records."""

    @property
    def sobject(self) -> SObject:
        """The object the query is about."""

    def expression(self, item: Expression) -> Column | Computed:
        """Resolve a name."""


class Conditions:
    """Compiles the WHERE or HAVING clause of one scope."""

    def __init__(self, scope: Names, subselect: SubSelect) -> None:
        self._scope = scope
        self._subselect = subselect

    def compile(self, condition: Condition) -> Predicate:
        """Return a predicate over rows of the scope's object."""
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        operands = [self.compile(operand) for operand in condition.operands]
        if condition.operator == "not":
            return lambda row: not operands[0](row)
        joined = all if condition.operator == "and" else any
        return lambda row: joined(operand(row) for operand in operands)

    def candidates(self, condition: Condition | None) -> set[str] | None:
        """Return ids among which all matches must be, or None if no index helps."""
        if isinstance(condition, Logic) and condition.operator == "and":
            sets = [found for operand in condition.operands if (found := self.candidates(operand)) is not None]
            return min(sets, key=len) if sets else None
        if not isinstance(condition, Comparison) or condition.operator not in {"=", "in"}:
            return None
        column = self._scope.expression(condition.path)
        table = self._scope.store.table(self._scope.sobject.name)
        if column.steps or isinstance(condition.value, Query):
            return None
        if isinstance(column, Computed) or (column.field.name != "Id" and not table.is_indexed(column.field)):
            return None
        literals = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        values = [_convert(column.field, literal) for literal in literals]
        if column.field.name == "Id":
            return {value for value in values if value in table.rows}
        return table.ids_with(column.field, values)

    def _comparison(self, condition: Comparison) -> Predicate:
        column = self._scope.expression(condition.path)
        if not column.field.filterable:
            raise ApiError("INVALID_FIELD", f"field '{column.field.name}' can not be filtered in a query call")
        if condition.operator in {"in", "not in"}:
            return self._membership(column, condition)
        literal = condition.value
        if not isinstance(literal, Literal):
            raise TypeError("the parser allows lists after IN only")
        if literal.kind == "day":
            return self._days(column, condition.operator, literal)
        if condition.operator == "like":
            return self._like(column, literal)
        return self._ordering(column, condition.operator, _convert(column.field, literal))

    def _ordering(self, column: Column | Computed, symbol: str, wanted: Any) -> Predicate:
        store, field = self._scope.store, column.field
        folded = fold(field, wanted)

        def have(row: Row) -> Any:
            return fold(field, column.value(store, row))

        if symbol == "=":
            return lambda row: have(row) == folded
        if symbol == "!=":
            return lambda row: have(row) != folded
        compare = _ORDERINGS[symbol]
        return lambda row: (value := have(row)) is not None and folded is not None and compare(value, folded)

    def _membership(self, column: Column | Computed, condition: Comparison) -> Predicate:
        store, field = self._scope.store, column.field
        if isinstance(condition.value, Query):
            wanted = self._subselect(condition.value)
        else:
            literals: Iterable[Literal] = condition.value if isinstance(condition.value, tuple) else ()
            wanted = {fold(field, _convert(field, literal)) for literal in literals}
        inside = condition.operator == "in"
        return lambda row: (fold(field, column.value(store, row)) in wanted) == inside

    def _like(self, column: Column | Computed, literal: Literal) -> Predicate:
        if literal.kind != "string" or column.field.type in NUMBER_TYPES | {"date", "datetime", "boolean"}:
            raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {column.field.type} field")
        expression = re.compile(_like_pattern(str(literal.value)), re.IGNORECASE | re.DOTALL)
        store = self._scope.store
        return lambda row: expression.fullmatch(column.value(store, row) or "") is not None

    def _days(self, column: Column | Computed, symbol: str, literal: Literal) -> Predicate:
        if not isinstance(literal.value, DayRange):
            raise TypeError("the parser gives day literals as a range")
        first, last = literal.value.first, literal.value.last
        if column.field.type not in {"date", "datetime"} or symbol not in {"=", "!=", *_ORDERINGS}:
            raise _bad_literal(column.field)
        store = self._scope.store

        def test(row: Row) -> bool:
            value = column.value(store, row)
            if value is None:
                return symbol == "!="
            day = value.date() if isinstance(value, datetime) else value
            if symbol in {"=", "!="}:
                return bool((first <= day <= last) == (symbol == "="))
            return _ORDERINGS[symbol](day, last if symbol in {">", "<="} else first)

        return test


def _convert(field: Field, literal: Literal) -> Any:
    """Check a literal against the field's type and return it in stored form."""
    if literal.kind == "null":
        return False if field.type == "boolean" else None
    if field.type in {"id", "reference"}:
        full = to_18(str(literal.value)) if literal.kind == "string" else None
        if full is None and literal.value != "":
            raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}")
        return full
    if field.type in NUMBER_TYPES:
        if not isinstance(literal.value, Decimal):
            raise _bad_literal(field)
        return literal.value
    expected = _EXPECTED.get(field.type, "string")
    if literal.kind != expected:
        raise _bad_literal(field)
    return literal.value or None if expected == "string" else literal.value


def _bad_literal(field: Field) -> ApiError:
    quoted = field.type not in NUMBER_TYPES | {"boolean", "date", "datetime"}
    shown = field.type if not quoted else "string"
    advice = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return ApiError(
        "INVALID_FIELD",
        f"value of filter criterion for field '{field.name}' must be of type {shown.replace('datetime', 'dateTime')} "
        f"and {advice}",
    )


def _like_pattern(text: str) -> str:
    parts: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "")))
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    return "".join(parts)
