"""Rules that touch nothing: money, ids, keys and the records that should exist."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.commands import CREATE_PAYMENT, Request
from service.commands._create_payment import METHODS
from service.commands._request import idempotency_key
from service.domain import (
    DesiredRecord,
    Evidence,
    Reference,
    fields_from,
    from_minor,
    moment,
    normalise_salesforce_id,
    to_minor,
)
from service.errors import CounterfoilError, InvalidRequest, Refused
from service.intake import sight
from service.mirror import MirrorRow
from service.projection._records import records

# Digits Stripe counts in, and the smallest step it takes (docs.stripe.com/currencies).
CURRENCIES = {
    "USD": (2, 1),
    "EUR": (2, 1),
    "JPY": (0, 1),
    "KRW": (0, 1),
    "KWD": (3, 10),
    "ISK": (2, 100),
    "UGX": (2, 100),
}
START = datetime(2026, 11, 23, tzinfo=UTC)
_CORE = st.text(alphabet=st.sampled_from("abcXYZ0189"), min_size=15, max_size=15)
_NAMES = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(currency=st.sampled_from(sorted(CURRENCIES)), steps=st.integers(-(10**12), 10**12))
def test_an_amount_goes_to_minor_units_and_back(currency: str, steps: int) -> None:
    digits, step = CURRENCIES[currency]
    minor = steps * step
    amount = from_minor(minor, currency)
    assert amount == Decimal(minor) / 10**digits
    assert to_minor(amount, currency) == minor
    assert to_minor(amount, currency.lower()) == minor
    # Salesforce's JSON writes fewer or more zeros for the same amount.
    assert to_minor(amount.normalize(), currency) == minor


@given(currency=st.sampled_from(sorted(CURRENCIES)), minor=st.integers(0, 10**9), extra=st.integers(1, 9))
def test_what_a_currency_cannot_hold_is_refused_and_never_rounded(currency: str, minor: int, extra: int) -> None:
    digits, step = CURRENCIES[currency]
    with pytest.raises(Refused) as refused:
        to_minor(from_minor(minor, currency) + Decimal(extra).scaleb(-digits - 1), currency)
    assert refused.value.reason == "AMOUNT_NOT_EXACT"
    if minor % step:
        with pytest.raises(Refused):
            to_minor(from_minor(minor, currency), currency)


@given(core=_CORE)
def test_an_id_is_completed_once(core: str) -> None:
    full = normalise_salesforce_id(core)
    assert full[:15] == core
    assert normalise_salesforce_id(full) == full


@given(core=_CORE, place=st.integers(0, 14))
def test_an_id_in_the_wrong_case_is_noticed(core: str, place: int) -> None:
    full = normalise_salesforce_id(core)
    assume(core[place].isalpha())
    with pytest.raises(InvalidRequest):
        normalise_salesforce_id(full[:place] + full[place].swapcase() + full[place + 1 :])


def test_the_checksum_is_salesforces() -> None:
    # An id of the examples in Salesforce's REST API guide.
    assert normalise_salesforce_id("001D000000IqhSL") == "001D000000IqhSLIAZ"


@given(parts=st.lists(st.tuples(*[_NAMES] * 5), min_size=2, max_size=30, unique=True))
def test_different_actions_have_different_keys_of_a_length_stripe_takes(parts: list[tuple[str, ...]]) -> None:
    keys = [idempotency_key(*one) for one in parts]
    assert len(set(keys)) == len(keys)
    assert keys == [idempotency_key(*one) for one in parts]
    assert all(len(key) <= 255 for key in keys)


@given(left=_NAMES, right=_NAMES, cut=st.integers(0, 20))
def test_a_key_tells_where_one_part_ends(left: str, right: str, cut: int) -> None:
    joined = left + right
    other = (joined[:cut], joined[cut:])
    assume(other != (left, right))
    assert idempotency_key(left, right, "o", "1", "s") != idempotency_key(*other, "o", "1", "s")


def test_a_fingerprint_tells_what_is_asked_and_not_who_asks() -> None:
    payments = [None, "pm_1", "pm_2"]
    wishes = [
        Request(
            entity,
            CREATE_PAYMENT,
            record,
            arguments={"method": method} | ({"payment_method_id": payment} if payment else {}),
            version=version,
        )
        for entity, record, method, payment, version in product("ab", "xy", METHODS, payments, "12")
    ]
    assert len({one.fingerprint() for one in wishes}) == len(wishes)
    asked = Request("a", CREATE_PAYMENT, "x", arguments={"method": "unconfirmed"})
    one = replace(asked, request_id="r1", requested_by="me", source="grpc")
    two = replace(asked, request_id="r2", requested_by="you", source="salesforce")
    assert one.fingerprint() == two.fingerprint()


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    st.integers(-(2**53), 2**53),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
)
_LOOKUPS = st.builds(Reference, _NAMES, _NAMES, _NAMES)


@given(fields=st.dictionaries(_NAMES, st.one_of(_VALUES, _LOOKUPS), max_size=8), data=st.data())
def test_a_record_keeps_its_content_and_its_digest_whatever_the_order(
    fields: dict[str, Any], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(fields.items()))))
    one, two = (DesiredRecord("o", "s", "f", "k", each, "l", 0) for each in (fields, shuffled))
    assert one.digest() == two.digest()
    back = fields_from(one.content())
    assert back == fields
    assert [type(back[name]) for name in fields] == [type(value) for value in fields.values()]


_STATES = st.sampled_from(["succeeded", "requires_payment_method", "processing", "canceled", "a_new_word", None, 7])
_MONEY = st.one_of(st.integers(0, 10**9), st.none(), st.text(max_size=3))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@st.composite
def lanes(draw: st.DrawFn) -> list[MirrorRow]:
    """What is known of one record's payments: any part may be missing, any word may be new."""
    rows: list[MirrorRow] = []

    def add(kind: str, key: str, parent: str | None, record: str | None, **body: Any) -> None:
        made = START + timedelta(seconds=draw(st.integers(0, 3)))
        whole = {"id": key, "created": int(made.timestamp()), "currency": draw(st.sampled_from(["usd", "jpy"])), **body}
        rows.append(MirrorRow("acme", key, kind, whole, parent, record, made, False, None, 1))

    record = "006000000000001AAA"
    for number in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            add("counterfoil.request", f"cmd_{number}", None, record, state=draw(_STATES), amount_minor=draw(_MONEY))
        if draw(st.booleans()):
            state = {"status": draw(_STATES), "amount": draw(_MONEY), "amount_received": draw(st.integers(0, 10**9))}
            add("payment_intent", f"pi_{number}", f"cmd_{number}", record, **state, latest_charge=f"ch_{number}")
        for charge in range(draw(st.integers(0, 2))):
            state = {"status": draw(_STATES), "amount": draw(_MONEY), "balance_transaction": f"txn_{number}{charge}"}
            add("charge", f"ch_{number}{charge}", f"pi_{number}", None, **state)
            if draw(st.booleans()):
                settled = {"fee": draw(st.integers(0, 99)), "net": draw(st.integers(0, 99)), "amount": draw(_MONEY)}
                add("balance_transaction", f"txn_{number}{charge}", f"ch_{number}{charge}", None, **settled)
    return rows


@given(rows=lanes(), data=st.data())
def test_the_same_facts_ask_for_the_same_records_in_any_order(rows: list[MirrorRow], data: st.DataObject) -> None:
    wanted = {(one.sobject, one.key): one for one in records(rows, org="main")}
    again = {(one.sobject, one.key): one for one in records(data.draw(st.permutations(rows)), org="main")}
    assert again == wanted
    for one in wanted.values():
        # A parent is asked for together with its child, and goes first.
        assert one.parent is None or wanted[one.parent.sobject, one.parent.key].rank < one.rank


_FIELDS = (
    *("id", "object", "created", "deleted", "livemode", "metadata", "currency", "status", "url", "state", "message"),
    *("amount", "amount_received", "amount_refunded", "captured", "refunded", "disputed", "customer", "payment_intent"),
    *("latest_charge", "charge", "balance_transaction", "last_payment_error", "payment_method_details"),
    *("fee", "net", "exchange_rate", "available_on", "failure_code", "failure_message"),
)
_STRANGE = st.dictionaries(st.sampled_from(_FIELDS), _JSON)
# What the projection sets a lane aside for; anything else would stop all lanes.
_SET_ASIDE = (ArithmeticError, AttributeError, CounterfoilError, LookupError, TypeError, ValueError)


@given(rows=lanes(), bodies=st.lists(_STRANGE, min_size=1, max_size=4))
def test_no_shape_of_an_object_stops_the_projection(rows: list[MirrorRow], bodies: list[dict[str, Any]]) -> None:
    strange = [replace(row, body=(row.body or {}) | bodies[n % len(bodies)]) for n, row in enumerate(rows)]
    with suppress(*_SET_ASIDE):
        for one in records(strange, org="main"):
            one.digest()


@given(kind=st.sampled_from(["charge", "payment_intent", "customer", "coupon"]), body=_STRANGE)
def test_no_shape_of_an_object_is_lost_by_the_intake(kind: str, body: dict[str, Any]) -> None:
    seen = sight("acme", body | {"id": "x_1", "object": kind}, as_of=START, evidence=Evidence.EVENT, now=START)
    own = [one for one in seen if one.object_id == "x_1"]
    assert len(own) == 1
    assert own[0].body is not None
    texts = [text for one in seen for text in (one.object_id, one.parent_id, one.record_id, one.traceparent)]
    assert not any("\x00" in text for text in texts if text)


@given(value=_JSON)
def test_a_time_is_a_time_or_nothing(value: object) -> None:
    found = moment(value)
    assert found is None or int(found.timestamp()) == value
