"""Reporting amounts: exact products, rounded half to even to the digits of the currency, with rate, source and time."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DesiredRecord, from_minor
from service.mirror import MirrorRow
from service.projection._records import records
from service.projection._reporting import converted

CREATED = 1_795_000_000


def row(kind: str, key: str, parent: str | None, **body: Any) -> MirrorRow:
    return MirrorRow("acme", key, kind, body, parent, None, datetime.fromtimestamp(CREATED, UTC), False, None, 1)


def payment(reporting: str | None, *, amount: int = 1005, currency: str = "eur", settled: str = "usd") -> DesiredRecord:
    money = {"amount": amount, "currency": currency, "created": CREATED}
    rows = [
        row("payment_intent", "pi_1", None, **money, status="succeeded", amount_received=amount, latest_charge="ch_1"),
        row("charge", "ch_1", "pi_1", **money, status="succeeded", captured=True, balance_transaction="txn_1"),
        row("balance_transaction", "txn_1", "ch_1", amount=1111, currency=settled, exchange_rate=1.1, created=CREATED),
    ]
    found = records(rows, org="main", reporting={"acme": reporting} if reporting else {})
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
