"""Expressions: what they see, which values they may give, and what is refused before any start."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.config import ObjectMapping
from service.domain import Reference
from service.mapping import ExpressionFailed, evaluate

OURS = {
    "Amount__c": Decimal("12.340"),
    "Fee__c": None,
    "Status__c": "Paid",
    "Livemode__c": False,
    "Payment__c": Reference("Payment__c", "Stripe_Id__c", "pi_1"),
}
BODY = {"metadata": {"po": "4711"}, "exchange_rate": 0.1, "lines": [{"amount": 5}, {"amount": 7}], "count": 3}

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=3)


def value(source: str) -> Any:
    return evaluate("Payment__c.X__c", source, ours=OURS, stripe=BODY)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ours.Amount__c", "12.340"),
        ("number(ours.Amount__c)", Decimal("12.340")),
        ("add(ours.Amount__c, 1)", Decimal("13.340")),
        ("round(multiply(ours.Amount__c, '0.19'), 2)", Decimal("2.34")),
        ("add(ours.Amount__c, ours.Fee__c)", None),
        ("number(stripe.exchange_rate)", Decimal("0.1")),
        ("ours.Payment__c", "pi_1"),
        ("upper(ours.Status__c) + ' ' + text(subtract(ours.Amount__c, '2.34'))", "PAID 10.000"),
        ("stripe.metadata.po", "4711"),
        ("stripe.metadata.absent", None),
        ("has(stripe.metadata.absent) ? 'yes' : 'no'", "no"),
        ("size(stripe.lines.filter(line, line.amount > 5))", 1),
        ("less(ours.Amount__c, 100)", True),
        ("ours.Fee__c == null", True),
        ("substring(ours.Status__c, 0, 2)", "Pa"),
    ],
)
def test_value(source: str, expected: Any) -> None:
    ObjectMapping(extra={"X__c": source})
    found = value(source)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("source", ["1.5", "{'a': 1}", "[1]", "ours.Status__c + 1", "add(ours.Status__c, 1)", "1 / 0"])
def test_a_value_salesforce_could_not_take_exactly_is_refused(source: str) -> None:
    with pytest.raises(ExpressionFailed) as refused:
        value(source)
    assert refused.value.target == "Payment__c.X__c"
    assert "Paid" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("ours.Amount__c +", "is not an expression"),
        ("secrets.key", "names secrets"),
        ("double(ours.Amount__c)", "uses double"),
        ("timestamp('2026-01-01T00:00:00Z')", "uses timestamp"),
        ("[1].map(a, [1].map(b, [1].map(c, c)))", "goes over lists 3 times"),
        ("'" + "x" * 500 + "'", "at most 500"),
    ],
)
def test_refused_before_any_start(source: str, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        ObjectMapping(extra={"X__c": source})


def test_no_field_of_the_org_is_written_twice() -> None:
    with pytest.raises(ValidationError, match="writes X__c more than once"):
        ObjectMapping(fields={"Amount__c": "X__c"}, extra={"X__c": "ours.Status__c"})


@given(left=amounts, right=amounts)
def test_sums_are_exact(left: Decimal, right: Decimal) -> None:
    ours = {"a": left, "b": right}
    assert evaluate("X", "add(ours.a, ours.b)", ours=ours, stripe=None) == left + right
    assert evaluate("X", "subtract(ours.a, ours.b)", ours=ours, stripe=None) == left - right
    assert evaluate("X", "number(ours.a)", ours=ours, stripe=None) == left


@given(amount=amounts, digits=st.integers(min_value=0, max_value=3))
def test_rounding_is_half_to_even_and_idempotent(amount: Decimal, digits: int) -> None:
    found = evaluate("X", f"round(ours.a, {digits})", ours={"a": amount}, stripe=None)
    assert found == amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    assert evaluate("X", f"round(ours.a, {digits})", ours={"a": found}, stripe=None) == found


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=20)
json = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(max_size=5), plain, max_size=3)


@given(body=st.dictionaries(st.sampled_from(["a", "b"]), json), source=st.sampled_from(["stripe.a", "text(stripe.b)"]))
def test_whatever_stripe_says_an_expression_gives_a_value_or_fails_by_its_own_error(
    body: dict[str, Any], source: str
) -> None:
    try:
        found = evaluate("X", source, ours={}, stripe=body)
    except ExpressionFailed:
        return
    assert found is None or isinstance(found, str | int | bool | Decimal)
    assert not isinstance(found, float)
