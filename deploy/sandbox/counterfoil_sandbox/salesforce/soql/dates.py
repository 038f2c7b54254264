"""What SOQL's date literals and date functions mean, after the chapters on both of the SOQL and SOSL Reference.

The running user's time zone is UTC, a week begins on Sunday (locale en_US), and the fiscal year is the calendar's.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from counterfoil_sandbox.salesforce.soql.ast import DayRange

_DAY = timedelta(days=1)
_FIXED_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_QUARTER, _YEAR = 3, 12  # months
_MAX_MONTHS = 9998 * _YEAR


def literal(word: str, count: int | None, today: date) -> DayRange | None:
    """Return the days a literal such as ``this_month`` or ``last_n_days`` with its count means, None if it is none.

    Raises:
        OverflowError: the count leads out of the calendar.
    """
    if count is None:
        if word in _FIXED_DAYS:
            day = today + _FIXED_DAYS[word] * _DAY
            return DayRange(day, day)
        if word == "last_90_days":
            return DayRange(today - 90 * _DAY, today)
        if word == "next_90_days":
            return DayRange(today + _DAY, today + 90 * _DAY)
        place, _, unit = word.partition("_")
        shift = {"last": -1, "this": 0, "next": 1}.get(place)
        period = _PERIODS.get(unit)
        return None if shift is None or period is None else period(today, shift, shift)
    return _counted(word, count, today)


def _counted(word: str, count: int, today: date) -> DayRange | None:
    if word.startswith("n_") and word.endswith("_ago"):
        if word == "n_days_ago":
            return DayRange(today - count * _DAY, today - count * _DAY)
        period = _PERIODS.get(word.removeprefix("n_").removesuffix("s_ago"))
        return period(today, -count, -count) if period else None
    if word == "last_n_days":
        return DayRange(today - count * _DAY, today)
    if word == "next_n_days":
        return DayRange(today + _DAY, today + count * _DAY)
    place, _, unit = word.partition("_n_")
    period = _PERIODS.get(unit.removesuffix("s"))
    if period is None or place not in {"last", "next"}:
        return None
    return period(today, -count, -1) if place == "last" else period(today, 1, count)


def _weeks(today: date, first: int, last: int) -> DayRange:
    sunday = today - (today.isoweekday() % 7) * _DAY
    return DayRange(sunday + 7 * first * _DAY, sunday + (7 * last + 6) * _DAY)


def _months_of(size: int) -> Callable[[date, int, int], DayRange]:
    def period(today: date, first: int, last: int) -> DayRange:
        begun = (today.year * _YEAR + today.month - 1) // size * size
        return DayRange(_month(begun + first * size), _month(begun + (last + 1) * size) - _DAY)

    return period


def _month(number: int) -> date:
    """Return the first day of a month counted from the year 0."""
    if not _YEAR <= number <= _MAX_MONTHS:
        raise OverflowError("date value out of range")
    return date(number // _YEAR, number % _YEAR + 1, 1)


_PERIODS: dict[str, Callable[[date, int, int], DayRange]] = {
    "week": _weeks,
    "month": _months_of(1),
    "quarter": _months_of(_QUARTER),
    "year": _months_of(_YEAR),
    "fiscal_quarter": _months_of(_QUARTER),
    "fiscal_year": _months_of(_YEAR),
}

# Functions of a date or a date and time (in UTC); each gives a whole number, except DAY_ONLY.
FUNCTIONS: dict[str, Callable[[date], int | date]] = {
    "calendar_month": lambda day: day.month,
    "calendar_quarter": lambda day: (day.month - 1) // _QUARTER + 1,
    "calendar_year": lambda day: day.year,
    "day_in_month": lambda day: day.day,
    "day_in_week": lambda day: day.isoweekday() % 7 + 1,
    "day_in_year": lambda day: day.timetuple().tm_yday,
    "day_only": lambda day: day.date() if isinstance(day, datetime) else day,
    "fiscal_month": lambda day: day.month,
    "fiscal_quarter": lambda day: (day.month - 1) // _QUARTER + 1,
    "fiscal_year": lambda day: day.year,
    "hour_in_day": lambda day: day.hour if isinstance(day, datetime) else 0,
    "week_in_month": lambda day: (day.day - 1) // 7 + 1,
    "week_in_year": lambda day: (day.timetuple().tm_yday - 1) // 7 + 1,
}
