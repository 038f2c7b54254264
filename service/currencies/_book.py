"""What one org says of currencies, and the rate between two of them, exact. Pure.

Each of Salesforce's rates tells how much of a currency one unit of the org's corporate currency is; so the rate from
one currency to another is the quotient of two, which is kept as a fraction. Days are those of UTC.
Sources: Object Reference, CurrencyType and DatedConversionRate.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

import orjson

STATIC, DATED = "salesforce", "salesforce_dated"


class Quote(NamedTuple):
    """A rate and the time since which, or at which, it is true."""

    rate: Fraction
    at: datetime | None


class Span(NamedTuple):
    """Payments that a change of rates concerns: of a source of rates, made in a time; None has no end."""

    source: str
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True)
class CurrencyBook:
    """Everything an org says of currencies; rates are decimal texts, days and times as Salesforce writes them.

    Attributes:
        active: codes that a record may carry; none in an org with one currency.
        corporate: the currency that all rates are to.
        static: rate and time of its last change, by code.
        dated: first day and rate, by code, the earliest first; none without advanced currency management.
    """

    active: tuple[str, ...] = ()
    corporate: str | None = None
    static: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    dated: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return it as JSON, the same for the same content; `from_json` reads it."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_json(cls, content: str) -> "CurrencyBook":
        """Return what `to_json` wrote."""
        told: dict[str, Any] = orjson.loads(content)
        dated = {code: tuple((start, rate) for start, rate in rows) for code, rows in told["dated"].items()}
        static = {code: (rate, at) for code, (rate, at) in told["static"].items()}
        return cls(tuple(told["active"]), told["corporate"], static, dated)

    def quote(self, source: str, base: str, target: str, at: datetime | None) -> Quote | None:
        """Return the rate from one currency to another that `source` has for a time, None if it has none."""
        if source == STATIC:
            ends = [self._static(code) for code in (base, target)]
            times = [_moment(self.static[code][1]) for code in (base, target) if code in self.static]
            at = max((time for time in times if time), default=None)
        elif source == DATED and at is not None:
            ends = [self._dated(code, at.astimezone(UTC).date().isoformat()) for code in (base, target)]
        else:
            return None
        of_base, of_target = ends
        return None if not of_base or not of_target else Quote(of_target / of_base, at)

    def _static(self, code: str) -> Fraction | None:
        return _rate(self.static[code][0]) if code in self.static else None

    def _dated(self, code: str, day: str) -> Fraction | None:
        rows = self.dated.get(code, ())
        place = bisect_right([start for start, _ in rows], day)
        if place:
            return _rate(rows[place - 1][1])
        return Fraction(1) if code == self.corporate and self.dated else None


EMPTY = CurrencyBook()


def changed_spans(before: CurrencyBook, now: CurrencyBook) -> list[Span]:
    """Return what payments take another rate than before, or one for the first time, or none any more."""
    spans: list[Span] = []
    if before.static != now.static:
        spans.append(Span(STATIC))
    if before.corporate != now.corporate or bool(before.dated) != bool(now.dated):
        return [*spans, Span(DATED)]
    codes = before.dated.keys() | now.dated.keys()
    starts = sorted({start for book in (before, now) for rows in book.dated.values() for start, _ in rows})
    for start, after in zip(starts, [*starts[1:], None], strict=False):
        if any(before._dated(code, start) != now._dated(code, start) for code in codes):  # noqa: SLF001  (of one kind)
            last = spans[-1] if spans and spans[-1].source == DATED else None
            if last is not None and last.until == start:
                spans[-1] = last._replace(until=after)
            else:
                spans.append(Span(DATED, start, after))
    return spans


def book_of(types: Iterable[Mapping[str, Any]], dated: Iterable[Mapping[str, Any]]) -> CurrencyBook:
    """Return the book of rows of CurrencyType and DatedConversionRate, as Salesforce answers them."""
    known = sorted(types, key=lambda row: str(row["IsoCode"]))
    days: dict[str, list[tuple[str, str]]] = {}
    for row in dated:
        days.setdefault(str(row["IsoCode"]), []).append((str(row["StartDate"]), _text(row["ConversionRate"])))
    return CurrencyBook(
        active=tuple(str(row["IsoCode"]) for row in known if row["IsActive"]),
        corporate=next((str(row["IsoCode"]) for row in known if row["IsCorporate"]), None),
        static={str(row["IsoCode"]): (_text(row["ConversionRate"]), str(row["LastModifiedDate"])) for row in known},
        dated={code: tuple(sorted(rows)) for code, rows in sorted(days.items())},
    )


def _text(value: Any) -> str:
    """Return a number as text: a JSON number came as an int or a Decimal; any float is refused."""
    if isinstance(value, float):
        raise TypeError("a rate came as a float")
    return str(value)


def _rate(text: str) -> Fraction | None:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return rate if rate > 0 else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
