"""Rates between currencies: exact quotients, of today or of a day; and which payments a change of them concerns."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.currencies import EMPTY, CurrencyBook, Span, book_of, changed_spans

DAY = datetime(2026, 3, 10, 23, 59, tzinfo=UTC)
STATIC = {"USD": ("1", "2026-01-01T00:00:00.000+0000"), "EUR": ("0.9", "2026-02-01T00:00:00.000+0000")}
BOOK = CurrencyBook(
    active=("EUR", "USD"),
    corporate="USD",
    static=STATIC,
    dated={"EUR": (("2026-03-01", "0.8"), ("2026-03-11", "0.7")), "JPY": (("2026-03-05", "150"),)},
)
RATES = st.decimals(min_value=Decimal("0.000001"), max_value=10**6, places=6).map(str)
DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 2, 28)).map(date.isoformat)
ROWS = st.dictionaries(DAYS, RATES, max_size=6).map(lambda rows: tuple(sorted(rows.items())))
DATED = st.fixed_dictionaries({"EUR": ROWS, "JPY": ROWS})


def rate(book: CurrencyBook, source: str, base: str, target: str, at: datetime | None = DAY) -> Fraction | None:
    found = book.quote(source, base, target, at)
    return found.rate if found else None


def test_a_rate_is_the_quotient_of_two() -> None:
    assert rate(BOOK, "salesforce", "EUR", "USD") == Fraction(10, 9)
    assert rate(BOOK, "salesforce_dated", "EUR", "JPY") == Fraction(150) / Fraction("0.8")


def test_a_dated_rate_is_that_of_the_day_in_utc() -> None:
    assert rate(BOOK, "salesforce_dated", "EUR", "USD", DAY) == 1 / Fraction("0.8")
    assert rate(BOOK, "salesforce_dated", "EUR", "USD", DAY + timedelta(minutes=1)) == 1 / Fraction("0.7")
    found = BOOK.quote("salesforce_dated", "EUR", "USD", DAY)
    assert found is not None
    assert found.at == DAY


def test_a_static_rate_is_as_old_as_the_younger_of_the_two() -> None:
    found = BOOK.quote("salesforce", "EUR", "USD", DAY)
    assert found is not None
    assert found.at == datetime(2026, 2, 1, tzinfo=UTC)


def test_no_rate_is_guessed() -> None:
    assert rate(BOOK, "salesforce", "EUR", "JPY") is None
    assert rate(BOOK, "salesforce_dated", "EUR", "JPY", DAY - timedelta(days=6)) is None
    assert rate(BOOK, "salesforce_dated", "GBP", "USD") is None
    assert rate(BOOK, "salesforce_dated", "EUR", "USD", None) is None
    assert rate(BOOK, "stripe", "EUR", "USD") is None
    assert rate(CurrencyBook(static={"USD": ("0", ""), "EUR": ("x", "")}), "salesforce", "USD", "EUR") is None
    assert rate(EMPTY, "salesforce_dated", "USD", "EUR") is None


def test_rows_of_salesforce_become_a_book_whatever_their_first_day_is() -> None:
    types = [
        {"IsoCode": "USD", "ConversionRate": 1, "IsActive": True, "IsCorporate": True, "LastModifiedDate": "x"},
        {"IsoCode": "EUR", "ConversionRate": Decimal("0.92"), "IsActive": False, "IsCorporate": False,
         "LastModifiedDate": "y"},
    ]  # fmt: skip
    book = book_of(types, [{"IsoCode": "EUR", "ConversionRate": Decimal("0.5"), "StartDate": "0000-12-30"}])
    assert (book.active, book.corporate) == (("USD",), "USD")
    assert rate(book, "salesforce_dated", "EUR", "USD") == 2


@given(dated=DATED, static=st.dictionaries(st.sampled_from(["EUR", "JPY"]), st.tuples(RATES, st.just("t"))))
def test_a_book_survives_its_json(
    dated: dict[str, tuple[tuple[str, str], ...]], static: dict[str, tuple[str, str]]
) -> None:
    book = CurrencyBook(("EUR",), "USD", static, dated)
    assert CurrencyBook.from_json(book.to_json()) == book


@given(before=DATED, now=DATED)
def test_a_payment_is_looked_at_again_if_and_only_if_its_rate_is_another(
    before: dict[str, tuple[tuple[str, str], ...]], now: dict[str, tuple[tuple[str, str], ...]]
) -> None:
    old, new = (CurrencyBook(("EUR",), "USD", STATIC, dated) for dated in (before, now))
    spans = changed_spans(old, new)
    for number in range(62):
        at = datetime(2025, 12, 31, 12, tzinfo=UTC) + timedelta(days=number)
        day = at.date().isoformat()
        inside = any((one.since or "") <= day and (one.until is None or day < one.until) for one in spans)
        rates = [[rate(book, "salesforce_dated", code, "USD", at) for code in ("EUR", "JPY")] for book in (old, new)]
        assert inside or rates[0] == rates[1]
        assert not inside or rates[0] != rates[1]


def test_what_changes_for_all_concerns_all() -> None:
    assert changed_spans(BOOK, BOOK) == []
    other = CurrencyBook(BOOK.active, "EUR", BOOK.static, BOOK.dated)
    assert changed_spans(BOOK, other) == [Span("salesforce_dated")]
    dearer = CurrencyBook(BOOK.active, "USD", {**STATIC, "EUR": ("0.95", "z")}, BOOK.dated)
    assert changed_spans(BOOK, dearer) == [Span("salesforce")]
    assert changed_spans(EMPTY, BOOK) == [Span("salesforce"), Span("salesforce_dated")]
