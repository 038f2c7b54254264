"""What may be asked for, and what makes two requests the same."""

import hashlib
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commands import CREATE_PAYMENT, OPERATIONS, Request, checked
from service.commands._events import FIELDS
from service.commands._operation import amount, currency
from service.domain import from_minor, to_minor
from service.errors import InvalidRequest

OPPORTUNITY, INTENT = "006000000000001AAA", "pi_1"
REFUND = Request("acme", "refund_payment", target_id=INTENT)


def wrong(request: Request) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        checked(request)
    return {violation.field: violation.description for violation in refused.value.violations}


@given(st.decimals("0.001", "999999999999", allow_nan=False, places=3))
def test_equal_amounts_are_equal_texts(value: Decimal) -> None:
    said = amount(str(value))
    assert Decimal(said) == value
    assert "E" not in said
    assert amount(said) == said == amount(f"{value:.6f}")


@given(st.integers(1, 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_an_amount_in_minor_units_comes_back(minor: int, code: str) -> None:
    minor = minor * 10 if code == "KWD" else minor
    assert to_minor(Decimal(amount(format(from_minor(minor, code), "f"))), code) == minor


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "-1",
        "NaN",
        "Infinity",
        "1e20",
        "1e-20",
        "1e999999999",
        "12 USD",
        "1,5",
        "1" * 16,
        "0.00",
        "1.0000000000000000000000000000001",
    ],
)
def test_what_is_no_amount(value: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        amount(value)


@given(st.text())
def test_no_text_is_a_fault_or_comes_back(value: str) -> None:
    for check in (amount, currency, *OPERATIONS[CREATE_PAYMENT].arguments.values()):
        with pytest.raises(ValueError, match=r"^[^\u00a7]+$"):
            check(f"\u00a7{value}")


def test_everything_wrong_is_told_at_once() -> None:
    arguments = {"amount": "-1", "currency": "money", "reason": "because", "method": "off_session"}
    request = Request("acme", "refund_payment", "x", "ch_1", arguments, version=" ", request_id="\n")
    found = wrong(request)
    assert set(found) == {"record_id", "payment_intent_id", *arguments, "version", "request_id"}
    assert found["reason"] == "is unknown: give one of duplicate, fraudulent, requested_by_customer"
    assert found["method"] == "does not go with refund_payment: leave it out"


def test_something_must_be_named() -> None:
    assert set(wrong(replace(REFUND, target_id=None))) == {"record_id"}
    assert checked(REFUND).subject == INTENT
    assert checked(replace(REFUND, record_id=OPPORTUNITY[:15])).record_id == OPPORTUNITY
    assert checked(replace(REFUND, record_id=OPPORTUNITY, target_id=None)).subject == OPPORTUNITY


def test_a_new_payment_names_no_payment_and_needs_a_method() -> None:
    request = Request("acme", CREATE_PAYMENT, OPPORTUNITY, INTENT)
    assert set(wrong(request)) == {"target_id", "method"}


def test_an_unknown_operation_is_told_with_those_there_are() -> None:
    found = wrong(replace(REFUND, operation="refund"))
    assert all(name in found["operation"] for name in OPERATIONS)


def test_fingerprints_of_earlier_versions_stand() -> None:
    """Rows are kept for ever: what was asked before this version is still the same request."""
    for method, saved in (("hosted_checkout", None), ("off_session", "pm_1")):
        earlier = orjson.dumps([CREATE_PAYMENT, "acme", OPPORTUNITY, "1", method, saved])
        arguments = {"method": method} | ({"payment_method_id": saved} if saved else {})
        request = Request("acme", CREATE_PAYMENT, OPPORTUNITY, arguments=arguments)
        assert request.fingerprint() == hashlib.sha256(earlier).hexdigest()[:32]
        held = replace(request, arguments=arguments | {"capture_method": "manual"})
        assert held.fingerprint() != request.fingerprint()


def test_what_tells_two_refunds_apart() -> None:
    given_once = [
        REFUND,
        replace(REFUND, version="2"),
        replace(REFUND, entity="other"),
        replace(REFUND, target_id="pi_2"),
        replace(REFUND, operation="capture_payment"),
        replace(REFUND, arguments={"amount": "10"}),
        replace(REFUND, arguments={"amount": "11"}),
        replace(REFUND, arguments={"amount": "10", "reason": "duplicate"}),
        replace(REFUND, arguments={"amount": "10", "currency": "USD"}),
    ]
    assert len({one.fingerprint() for one in given_once}) == len(given_once)
    same = [checked(replace(REFUND, arguments={"amount": one})) for one in ("10", "10.0", "10.000", "1e1")]
    assert len({one.fingerprint() for one in same}) == 1


def test_whatever_can_be_asked_can_be_asked_from_salesforce() -> None:
    for operation in OPERATIONS.values():
        names = {*operation.arguments, *([operation.target.name] if operation.target else [])}
        assert names <= FIELDS.keys(), operation.name
