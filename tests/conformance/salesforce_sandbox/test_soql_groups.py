# ruff: noqa: S608  # the queries of a test hold nothing from outside
"""Counting, summing and grouping in SOQL, and its relative dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from counterfoil_sandbox.salesforce.soql import dates
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.salesforce_sandbox.rest import Rest

ANY_DAY = st.dates(date(1990, 1, 1), date(2100, 1, 1))


def deal(rest: Rest, name: str, amount: float | None, closes: str, stage: str = "Prospecting") -> str:
    return rest.add("Opportunity", Name=name, Amount=amount, CloseDate=closes, StageName=stage, LeadSource="Web")


def test_functions_of_all_rows_are_one_result(rest: Rest) -> None:
    deal(rest, "Ours 1", 10.25, "2031-01-05")
    deal(rest, "Ours 2", 20.75, "2031-02-05")
    deal(rest, "Ours 3", None, "2032-01-05")
    answer = rest.soql(
        "SELECT COUNT(Id), COUNT(Amount) paid, SUM(Amount), AVG(Amount), MIN(CloseDate), MAX(Name) last, "
        "COUNT_DISTINCT(LeadSource) FROM Opportunity WHERE Name LIKE 'Ours%'"
    )
    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "AggregateResult"},
                "expr0": 3,
                "paid": 2,
                "expr1": 31.0,
                "expr2": 15.5,
                "expr3": "2031-01-05",
                "last": "Ours 3",
                "expr4": 1,
            }
        ],
    }
    none = rest.one("SELECT COUNT(Id) n, SUM(Amount) total FROM Opportunity WHERE Name = 'Nobody'")
    assert none == {"n": 0, "total": None}


def test_money_of_several_currencies_is_told_in_the_corporate_one(rest: Rest) -> None:
    rate = rest.one("SELECT ConversionRate FROM CurrencyType WHERE IsoCode = 'EUR'")["ConversionRate"]
    for currency in ("USD", "EUR"):
        body = {"Name": "Ours", "Amount": 46, "CloseDate": "2031-01-05", "StageName": "Prospecting"}
        rest.add("Opportunity", **body, CurrencyIsoCode=currency)
    total = rest.one("SELECT SUM(Amount) total FROM Opportunity WHERE Name = 'Ours'")["total"]
    assert total == pytest.approx(46 + 46 / rate)


def test_groups_are_filtered_sorted_and_limited(rest: Rest) -> None:
    for number, stage in enumerate(["Prospecting", "Prospecting", "Closed Won", "Qualification"]):
        deal(rest, f"Ours {number}", 10.0 * (number + 1), f"203{number % 2}-06-01", stage)
    where = "FROM Opportunity WHERE Name LIKE 'Ours%'"
    rows = rest.rows(f"SELECT StageName, SUM(Amount) total {where} GROUP BY StageName ORDER BY SUM(Amount) DESC")
    assert [(row["StageName"], row["total"]) for row in rows] == [
        ("Qualification", 40.0),
        ("Prospecting", 30.0),
        ("Closed Won", 30.0),
    ]
    many = rest.rows(f"SELECT StageName s {where} GROUP BY StageName HAVING COUNT(Id) > 1 AND SUM(Amount) >= 30")
    assert many == [{"s": "Prospecting"}]
    second = rest.rows(f"SELECT StageName {where} GROUP BY StageName ORDER BY StageName LIMIT 1 OFFSET 1")
    assert second == [{"StageName": "Prospecting"}]
    years = rest.rows(
        f"SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) n {where} GROUP BY CALENDAR_YEAR(CloseDate) "
        "ORDER BY CALENDAR_YEAR(CloseDate)"
    )
    assert years == [{"y": 2030, "n": 2}, {"y": 2031, "n": 2}]
    parents = rest.rows("SELECT Account.Name, COUNT(Id) FROM Opportunity GROUP BY Account.Name ORDER BY Account.Name")
    assert {"Name": "Al Noor Trading", "expr0": 2} in parents


def test_functions_in_conditions_and_labels(rest: Rest) -> None:
    ours = deal(rest, "Ours", 5, "2033-11-30")
    found = rest.rows(
        "SELECT Id FROM Opportunity WHERE CALENDAR_YEAR(CloseDate) = 2033 AND DAY_IN_MONTH(CloseDate) > 29"
    )
    assert found == [{"Id": ours}]
    assert rest.one(f"SELECT toLabel(StageName) FROM Opportunity WHERE Id = '{ours}'") == {"StageName": "Prospecting"}
    assert rest.one(f"SELECT Id, toLabel(StageName) s FROM Opportunity WHERE Id = '{ours}'")["s"] == "Prospecting"


def test_relative_dates(rest: Rest) -> None:
    today = datetime.now(UTC).date()
    deal(rest, "Ours", 5, (today - timedelta(days=3)).isoformat())
    where = "SELECT COUNT() FROM Opportunity WHERE Name = 'Ours' AND"
    for literal in ("= N_DAYS_AGO:3", "= LAST_90_DAYS", "= LAST_N_DAYS:3", "< TODAY", ">= N_YEARS_AGO:1"):
        assert rest.soql(f"{where} CloseDate {literal}")["totalSize"] == 1, literal
    for literal in ("= NEXT_90_DAYS", "= TODAY", "< LAST_N_MONTHS:2", "= NEXT_N_QUARTERS:4"):
        assert rest.soql(f"{where} CloseDate {literal}")["totalSize"] == 0, literal
    assert rest.soql(f"{where} CreatedDate = THIS_FISCAL_YEAR AND CreatedDate = THIS_WEEK")["totalSize"] == 1


@pytest.mark.parametrize(
    ("word", "count", "first", "last"),
    [
        ("this_week", None, date(2026, 11, 22), date(2026, 11, 28)),
        ("last_week", None, date(2026, 11, 15), date(2026, 11, 21)),
        ("last_n_weeks", 2, date(2026, 11, 8), date(2026, 11, 21)),
        ("n_weeks_ago", 2, date(2026, 11, 8), date(2026, 11, 14)),
        ("next_n_months", 2, date(2026, 12, 1), date(2027, 1, 31)),
        ("this_quarter", None, date(2026, 10, 1), date(2026, 12, 31)),
        ("n_fiscal_quarters_ago", 1, date(2026, 7, 1), date(2026, 9, 30)),
        ("last_n_years", 2, date(2024, 1, 1), date(2025, 12, 31)),
        ("next_n_days", 3, date(2026, 11, 25), date(2026, 11, 27)),
    ],
)
def test_what_a_literal_means(word: str, count: int | None, first: date, last: date) -> None:
    found = dates.literal(word, count, date(2026, 11, 24))
    assert found is not None
    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize("unit", ["week", "month", "quarter", "year"])
@given(day=ANY_DAY)
def test_periods_join_without_gap(unit: str, day: date) -> None:
    before, now, after = (dates.literal(f"{place}_{unit}", None, day) for place in ("last", "this", "next"))
    assert before is not None
    assert now is not None
    assert after is not None
    assert now.first <= day <= now.last
    assert (before.last + timedelta(days=1), now.last + timedelta(days=1)) == (now.first, after.first)
    assert dates.literal(f"n_{unit}s_ago", 1, day) == before == dates.literal(f"last_n_{unit}s", 1, day)
