"""Reporting amounts: exact products, rounded half to even to the digits of the currency, with rate, source and time."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import ObjectMapping
from service.currencies import EMPTY, CurrencyBook, Reporting
from service.domain import DesiredRecord, from_minor
from service.mirror import MirrorRow
from service.projection._records import records
from service.projection._reporting import converted

CREATED = 1_795_000_000


def row(kind: str, key: str, parent: str | None, **body: Any) -> MirrorRow:
    return MirrorRow("acme", key, kind, body, parent, None, datetime.fromtimestamp(CREATED, UTC), False, None, 1)


def payment(
    reporting: str | None,
    *,
    amount: int = 1005,
    currency: str = "eur",
    settled: str = "usd",
    rates: str = "stripe",
    book: CurrencyBook = EMPTY,
) -> DesiredRecord:
    money = {"amount": amount, "currency": currency, "created": CREATED}
    rows = [
        row("payment_intent", "pi_1", None, **money, status="succeeded", amount_received=amount, latest_charge="ch_1"),
        row("charge", "ch_1", "pi_1", **money, status="succeeded", captured=True, balance_transaction="txn_1"),
        row("balance_transaction", "txn_1", "ch_1", amount=1111, currency=settled, exchange_rate=1.1, created=CREATED),
    ]
    found = records(rows, org="main", reporting={"acme": Reporting(reporting, rates)} if reporting else {}, book=book)
    return next(record for record in found if record.sobject == "Payment__c")


def reported(record: DesiredRecord) -> tuple[Any, ...]:
    names = ("Amount", "Currency", "Rate", "Rate_Source", "Rate_At")
    return tuple(record.fields[f"Reporting_{name}__c"] for name in names)


AT = datetime.fromtimestamp(CREATED, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("reporting", "expected"),
    [
        ("USD", (Decimal("11.06"), "USD", Decimal("1.1"), "Stripe", AT)),  # 11.055
        ("EUR", (Decimal("10.05"), "EUR", Decimal(1), "Same_Currency", AT)),
        ("GBP", (None,) * 5),
        (None, (None,) * 5),
    ],
)
def test_amount_rate_source_and_time_or_nothing(reporting: str | None, expected: tuple[Any, ...]) -> None:
    assert reported(payment(reporting)) == expected


DATED = CurrencyBook(
    ("EUR", "USD"),
    "USD",
    {"USD": ("1", "2026-01-01T00:00:00.000+0000"), "EUR": ("0.9", "2026-10-01T00:00:00.000+0000")},
    {"EUR": (("2026-01-01", "0.7"),), "USD": (("2026-01-01", "1"),)},
)


def test_salesforces_rates_are_exact_whatever_the_shown_digits() -> None:
    # 10.05 / 0.7 = 14.357142..., and 100,000,000,000 / 0.7, where nine decimals of a rate would be wrong by 43 cents
    found = payment("USD", rates="salesforce_dated", book=DATED)
    assert reported(found) == (Decimal("14.36"), "USD", Decimal("1.428571429"), "Salesforce_Dated", AT)
    huge = payment("USD", amount=10**13, rates="salesforce_dated", book=DATED)
    assert huge.fields["Reporting_Amount__c"] == Decimal("142857142857.14")
    today = payment("USD", rates="salesforce", book=DATED)
    assert reported(today) == (Decimal("11.17"), "USD", Decimal("1.111111111"), "Salesforce", "2026-10-01T00:00:00Z")


def test_a_rate_that_salesforce_lacks_leaves_everything_empty() -> None:
    for rates in ("salesforce", "salesforce_dated"):
        assert reported(payment("GBP", rates=rates, book=DATED)) == (None,) * 5
        assert reported(payment("USD", rates=rates)) == (None,) * 5
        assert reported(payment("EUR", rates=rates))[3] == "Same_Currency"


@pytest.mark.parametrize(
    ("names", "active", "expected"),
    [
        ({}, ("EUR",), "EUR"),
        ({}, ("USD",), None),
        ({}, (), None),
        ({"Payment__c": ObjectMapping(object="Payment")}, ("EUR",), None),
        ({"Payment__c": ObjectMapping(extra={"CurrencyIsoCode": "'USD'"})}, ("EUR",), None),
        ({"Payment__c": ObjectMapping(object="Zahlung__c")}, ("EUR",), "EUR"),
    ],
)
def test_the_currency_of_the_record_is_set_where_the_org_can_take_it(
    names: dict[str, ObjectMapping], active: tuple[str, ...], expected: str | None
) -> None:
    rows = [row("payment_intent", "pi_1", None, amount=1, currency="eur", created=CREATED, status="processing")]
    book = CurrencyBook(active)
    [found] = [one for one in records(rows, org="main", names=names, book=book) if one.sobject == "Payment__c"]
    assert found.fields.get("CurrencyIsoCode") == expected


@given(
    amount=st.integers(min_value=0, max_value=10**12),
    rate=st.decimals(min_value=Decimal("0.000000001"), max_value=10**6, places=9),
    target=st.sampled_from([("JPY", 0), ("USD", 2), ("KWD", 3)]),
)
def test_rounding_is_half_to_even_to_the_digits_of_the_currency(
    amount: int, rate: Decimal, target: tuple[str, int]
) -> None:
    currency, digits = target
    exact = from_minor(amount, "EUR") * rate
    found = converted(from_minor(amount, "EUR"), rate, currency)
    assert found == exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    assert abs(found - exact) <= Decimal(5).scaleb(-digits - 1)
