"""Statements add up or tell exactly what they lack; our allocation takes the oldest first, and each cent once."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import Statement, from_minor
from service.intake import payouts
from service.maintenance._allocate import Movement, allocate
from service.mirror import MirrorRow
from service.mirror.payouts import PayoutEntry
from service.projection._records import records

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CATEGORIES = [
    "charge", "charge_failure", "refund", "refund_failure", "partial_capture_reversal", "dispute", "dispute_reversal",
    "fee", "tax", "other_adjustment", "payout_reversal", "risk_reserved_funds", "a_word_of_next_year",
]  # fmt: skip
amounts = st.integers(-(10**12), 10**12)


def entry(
    number: int, category: str, net: int, fee: int = 0, *, currency: str = "USD", own: bool = False
) -> PayoutEntry:
    return PayoutEntry("acme", "po_1", f"txn_{number}", category, currency, fee, net, own)


parts = st.lists(st.tuples(st.sampled_from(CATEGORIES), amounts, st.integers(-(10**9), 10**9))).map(
    lambda drawn: [entry(number, *one) for number, one in enumerate(drawn)]
)


def family(body: dict[str, Any], lines: list[dict[str, Any]] | None) -> list[MirrorRow]:
    rows = [MirrorRow("acme", "po_1", "payout", body, None, None, NOW, False, None, 1)]
    if lines is not None:
        rows.append(
            MirrorRow("acme", "po_1/statement", Statement.KIND, {"lines": lines}, "po_1", None, NOW, False, None, 1)
        )
    return rows


def written(body: dict[str, Any], lines: list[dict[str, Any]] | None) -> dict[str, dict[str, Any]]:
    """What projection asks for: fields by object, the payout's and its lines'."""
    found = records(family(body, lines), org="main")
    return {f"{record.sobject} {record.key}": dict(record.fields) for record in found}


@given(parts, amounts, st.integers(0, 10**6))
def test_any_statement_adds_up_or_is_flagged_by_exactly_the_difference(
    held: list[PayoutEntry], amount: int, own_fee: int
) -> None:
    own = entry(-1, "payout", -amount - own_fee, own_fee, own=True)
    statement = Statement.of([*held, own])
    net = sum(part.net_minor for part in held) - own_fee
    assert statement.difference(amount, "USD") == amount - net
    for paid, word in ((net, "Balanced"), (amount, "Balanced" if amount == net else "Difference")):
        body = {"amount": paid, "currency": "usd", "automatic": True, "reconciliation_status": "completed"}
        fields = written(body, statement.to_json())["Payout__c po_1"]
        assert fields["Reconciliation__c"] == word
        assert fields["Difference__c"] == from_minor(paid - net, "USD")
        signed = sum(fields[f"{name}__c"] for name in ("Gross", "Refunds", "Disputes", "Adjustments"))
        assert signed - fields["Fees__c"] == fields["Net__c"] == from_minor(net, "USD")
        assert fields["Transaction_Count__c"] == len(held)


@given(parts, st.randoms(use_true_random=False))
def test_the_lines_are_the_same_in_any_order_and_add_up_to_the_totals(held: list[PayoutEntry], chance: Any) -> None:
    shuffled = list(held)
    chance.shuffle(shuffled)
    statement = Statement.of(held)
    assert statement == Statement.of(shuffled) == Statement.read(statement.to_json())
    assert all(line.gross_minor - line.fee_minor == line.net_minor for line in statement.lines)
    assert sum(line.net_minor for line in statement.lines) == statement.totals("USD").net_minor
    keys = [(line.category, line.currency) for line in statement.lines]
    assert keys == sorted(set(keys))


@given(parts, st.integers(1, 10**6))
def test_a_row_in_another_currency_is_never_added_up(held: list[PayoutEntry], net: int) -> None:
    statement = Statement.of([*held, entry(-2, "charge", net, currency="EUR")])
    amount = sum(part.net_minor for part in held)
    body = {"amount": amount, "currency": "usd", "automatic": True}
    fields = written(body, statement.to_json())["Payout__c po_1"]
    assert (fields["Reconciliation__c"], fields["Difference__c"]) == ("Difference", 0)


@pytest.mark.parametrize(
    ("body", "lines", "word"),
    [
        ({"amount": 500, "automatic": True, "reconciliation_status": "in_progress"}, None, "Pending"),
        ({"amount": 500, "automatic": False}, None, "Pending"),
        ({"amount": 500, "automatic": False}, [("charge", 500)], "Allocated"),
        ({"amount": 500, "automatic": False}, [("charge", 400)], "Difference"),
        ({"amount": -500, "automatic": True}, [("refund", -500)], "Balanced"),
        ({"amount": -500, "automatic": False}, None, "Not_Applicable"),
        ({"amount": -500, "automatic": False, "original_payout": "po_0"}, None, "Not_Applicable"),
    ],
)
def test_each_kind_of_payout_has_its_word(body: dict[str, Any], lines: list[tuple[str, int]] | None, word: str) -> None:
    held = None if lines is None else Statement.of([entry(0, *one) for one in lines]).to_json()
    assert written({"currency": "usd", **body}, held)["Payout__c po_1"]["Reconciliation__c"] == word


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("pending", "Processing"),
        ("in_transit", "Processing"),
        ("paid", "Paid"),
        ("failed", "Failed"),
        ("canceled", "Cancelled"),
        ("a_word_of_next_year", "Unknown"),
    ],
)
def test_a_status_is_shown_beside_stripes_own_word(status: str, shown: str) -> None:
    fields = written({"amount": 1, "currency": "jpy", "status": status}, None)["Payout__c po_1"]
    assert (fields["Status__c"], fields["Stripe_Status__c"], fields["Amount__c"]) == (shown, status, 1)


# Allocation


def movement(number: int, net: int, *, at: int, fee: int = 0, payout: bool = False) -> Movement:
    moment = NOW + timedelta(seconds=at)
    return Movement(f"txn_{number:03}", "charge", "USD", fee, net, 0, True, payout, moment, moment)


@st.composite
def balances(draw: st.DrawFn) -> list[Movement]:
    drawn = draw(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 5), st.integers(0, 900))))
    return [movement(number, net, at=at, fee=fee) for number, (net, at, fee) in enumerate(drawn)]


@given(balances(), st.lists(st.integers(1, 10**6), max_size=6))
def test_each_cent_is_allocated_once_and_the_oldest_first(balance: list[Movement], needs: list[int]) -> None:
    taken: dict[str, int] = defaultdict(int)
    fees: dict[str, int] = defaultdict(int)
    order: list[str] = []
    for need in needs:
        left = [
            Movement(
                one.transaction_id, one.category, one.currency, one.fee_minor, one.net_minor,
                taken[one.transaction_id], one.transaction_id not in order, False, one.available_at, one.created_at,
            )
            for one in balance
        ]  # fmt: skip
        shares = allocate(left, needed_minor=need, until=NOW + timedelta(days=1))
        got = sum(share.net_minor for share in shares)
        assert got <= need
        for share in shares:
            taken[share.movement.transaction_id] += share.net_minor
            fees[share.movement.transaction_id] += share.fee_minor
            order.append(share.movement.transaction_id)
        if got < need:  # then nothing was left
            assert all(taken[one.transaction_id] == one.net_minor for one in balance)
    by_age = sorted(balance, key=lambda one: (one.available_at, one.created_at, one.transaction_id))
    touched = list(dict.fromkeys(order))
    assert touched == [one.transaction_id for one in by_age][: len(touched)]
    for one in by_age[: len(touched)]:
        assert fees[one.transaction_id] == one.fee_minor
    for one in by_age[: max(0, len(touched) - 1)]:
        assert taken[one.transaction_id] == one.net_minor


def test_what_an_unknown_payout_took_is_not_given_to_another() -> None:
    balance = [movement(1, 1000, at=0), movement(2, -1200, at=2, payout=True), movement(3, 500, at=1)]
    shares = allocate([*balance, movement(4, 700, at=3)], needed_minor=800, until=NOW + timedelta(days=1))
    assert [(share.movement.transaction_id, share.net_minor) for share in shares] == [
        ("txn_003", 300),
        ("txn_004", 500),
    ]


def test_what_was_not_available_yet_is_not_in_a_payout() -> None:
    balance = [movement(1, 300, at=0), movement(2, 900, at=100)]
    shares = allocate(balance, needed_minor=800, until=NOW + timedelta(seconds=50))
    assert sum(share.net_minor for share in shares) == 300


# Late facts


def polls(body: dict[str, Any], *, days: int) -> int:
    now, count = NOW, 0
    while now < NOW + timedelta(days=days):
        after = payouts.ask_again({"created": int(NOW.timestamp()), **body}, now)
        if after is None:
            break
        assert after > now
        now, count = after, count + 1
    return count


def test_a_trace_id_is_asked_for_over_ten_days_and_not_longer() -> None:
    body = {"automatic": False, "status": "paid", "trace_id": {"status": "pending", "value": None}}
    assert 40 <= polls(body, days=30) <= 100
    assert payouts.ask_again({**body, "created": int((NOW - timedelta(days=10)).timestamp())}, NOW) is None


@pytest.mark.parametrize(
    ("status", "trace"),
    [
        ("paid", {"status": "supported", "value": "1"}),
        ("paid", {"status": "unsupported", "value": None}),
        ("failed", {"status": "pending", "value": None}),
    ],
)
def test_nobody_asks_for_a_trace_that_will_not_change(status: str, trace: dict[str, Any]) -> None:
    assert polls({"automatic": False, "status": status, "trace_id": trace}, days=1) == 0


def test_reconciliation_is_asked_for_until_it_comes_once_a_day_in_the_end() -> None:
    body = {"automatic": True, "status": "paid", "reconciliation_status": "in_progress", "trace_id": None}
    assert 100 <= polls(body, days=60) <= 160
    done = {**body, "reconciliation_status": "completed", "trace_id": {"status": "supported", "value": "1"}}
    assert polls(done, days=60) == 0
