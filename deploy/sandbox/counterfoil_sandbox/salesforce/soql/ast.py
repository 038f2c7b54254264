"""The shape of a parsed query. Positions are columns counted from 1, for error messages."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Path:
    """A field, or a field of a parent: ``("Account", "Name")``."""

    parts: tuple[str, ...]
    column: int
    alias: str | None = None


@dataclass(frozen=True)
class Function:
    """``SUM(Amount)``, ``CALENDAR_YEAR(CloseDate)`` or ``toLabel(StageName)``; ``name`` is in lower case."""

    name: str
    path: Path
    column: int
    alias: str | None = None


Expression = Path | Function


@dataclass(frozen=True)
class FieldsFunction:
    """``FIELDS(ALL)``, ``FIELDS(STANDARD)`` or ``FIELDS(CUSTOM)``."""

    group: str


@dataclass(frozen=True)
class DayRange:
    """What a relative date such as TODAY or LAST_N_DAYS:3 means, both ends included."""

    first: date
    last: date


@dataclass(frozen=True)
class Literal:
    """A value: ``kind`` is string, number, boolean, null, date, datetime or day (a DayRange)."""

    kind: str
    value: object


@dataclass(frozen=True)
class Comparison:
    """``field operator value``; for IN and NOT IN the value is a tuple of literals or a subquery."""

    path: Expression
    operator: str
    value: "Literal | tuple[Literal, ...] | Query"


@dataclass(frozen=True)
class Logic:
    """``and``, ``or`` or ``not`` over conditions."""

    operator: str
    operands: "tuple[Condition, ...]"


Condition = Comparison | Logic


@dataclass(frozen=True)
class OrderItem:
    """One entry of ORDER BY."""

    path: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """One SELECT; ``count`` is ``SELECT COUNT()``."""

    selection: "tuple[Expression | FieldsFunction | Query, ...]"
    source: str
    where: Condition | None
    order: tuple[OrderItem, ...]
    limit: int | None
    offset: int
    count: bool = False
    alias: str | None = None
    groups: tuple[Expression, ...] = ()
    having: Condition | None = None
