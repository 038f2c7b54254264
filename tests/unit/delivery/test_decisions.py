"""Plans, verdicts, the budget and the CSV of a bulk job: pure rules."""

import csv
import io
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clients.salesforce._bulk import to_csv
from service.clients.salesforce._errors import classify
from service.delivery._budget import Allowance, allowance
from service.delivery._plan import CALL_GROUPS, GROUP_RECORDS, MOST_ALONE, plan
from service.delivery._verdicts import verdict
from service.outbox import Claimed

OBJECTS = ("Payment__c", "Charge__c", "Refund__c", "Balance_Transaction__c")


def claimed(key: str = "pi_1", rank: int = 0, **fields: Any) -> Claimed:
    values: dict[str, Any] = {"attempts": 1, "traceparent": None, "lane": key, **fields}
    return Claimed("main", OBJECTS[rank], key, "Stripe_Id__c", {}, "d", rank=rank, version=1, **values)


@st.composite
def claims(draw: st.DrawFn) -> list[Claimed]:
    records: list[Claimed] = []
    for number in range(draw(st.integers(0, 60))):
        rank = draw(st.integers(0, 3))
        awaits = None
        if rank and draw(st.booleans()):
            awaits = (OBJECTS[rank - 1], f"k{draw(st.integers(0, 60))}")
        reason = draw(st.sampled_from([None, None, "SALESFORCE_LOCKED", "SALESFORCE_DENIED"]))
        lane = f"l{draw(st.integers(0, 5))}"
        records.append(claimed(f"k{number}", rank, awaits=awaits, error_reason=reason, lane=lane))
    return sorted(records, key=lambda record: (record.lane, record.rank))


@given(claims(), st.integers(1, 10))
def test_a_plan_holds_every_record_once_within_the_limits(records: list[Claimed], size: int) -> None:
    arranged = plan(records, group_records=size)
    sent = [record for call in arranged.calls for group in call for record in group]
    assert sorted(record.key for record in [*sent, *arranged.later]) == sorted(record.key for record in records)
    present = {(record.sobject, record.key) for record in records}
    for call in arranged.calls:
        assert 1 <= len(call) <= CALL_GROUPS
        for group in call:
            assert 1 <= len(group) <= size <= GROUP_RECORDS
            assert len({(record.sobject, record.key_field, record.rank) for record in group}) == 1
        if any(record.error_reason == "SALESFORCE_LOCKED" for group in call for record in group):
            assert [len(group) for group in call] == [1]
    calm = [record for record in sent if record.error_reason != "SALESFORCE_LOCKED"]
    assert [record.rank for record in calm] == sorted(record.rank for record in calm)
    assert all(record.awaits is None or record.awaits in present for record in sent)
    assert (
        sum(len(call) == 1 and call[0][0].error_reason == "SALESFORCE_LOCKED" for call in arranged.calls) <= MOST_ALONE
    )


def decide(code: str, attempts: int = 1, message: str = "", **past: Any) -> timedelta | None:
    error = classify([{"statusCode": code, "message": message}], key_field="Stripe_Id__c")
    return verdict(claimed(attempts=attempts, **past), error, attempts_limit=20).delay


def test_what_refers_to_a_record_that_another_lane_brings_waits_for_it() -> None:
    missing = "Foreign key external ID: pi_1 not found for field Stripe_Id__c in entity Payment__c"
    assert decide("INVALID_FIELD", message=missing) == timedelta(seconds=1)
    assert decide("INVALID_FIELD", attempts=20, message=missing) is None
    assert decide("INVALID_FIELD", message="No such column 'Fee__c' on sobject of type Payment__c") is None


@pytest.mark.parametrize(
    ("code", "attempts", "delay"),
    [
        ("UNABLE_TO_LOCK_ROW", 1, timedelta(seconds=1)),
        ("UNABLE_TO_LOCK_ROW", 4, timedelta(seconds=8)),
        ("UNABLE_TO_LOCK_ROW", 15, timedelta(minutes=5)),
        ("UNABLE_TO_LOCK_ROW", 20, None),
        ("UNKNOWN_EXCEPTION", 4, timedelta(seconds=8)),
        ("UNKNOWN_EXCEPTION", 5, None),
        ("PROCESSING_HALTED", 1, timedelta()),
        ("INSUFFICIENT_ACCESS_OR_READONLY", 1, timedelta(minutes=2)),
        ("INSUFFICIENT_ACCESS_OR_READONLY", 9, timedelta(hours=1)),
        ("STRING_TOO_LONG", 1, None),
        ("A_CODE_OF_NEXT_YEAR", 3, timedelta(seconds=4)),
    ],
)
def test_verdicts(code: str, attempts: int, delay: timedelta | None) -> None:
    assert decide(code, attempts) == delay


def test_a_race_for_one_record_is_run_once_more() -> None:
    message = "duplicate value found: Stripe_Id__c duplicates value on record with id: a0x"
    assert decide("DUPLICATE_VALUE", message=message) == timedelta()
    assert decide("DUPLICATE_VALUE", 2, message=message, error_code="DUPLICATE_VALUE") is None
    assert decide("DUPLICATE_VALUE", message="duplicate value found: Tax_Id__c") is None


@pytest.mark.parametrize(
    ("made", "usage", "share", "wanted"),
    [
        (10**9, None, 50, Allowance.ALL),
        (39, (40, 100), 50, Allowance.ALL),
        (40, (40, 100), 50, Allowance.URGENT_ONLY),
        (49, (49, 100), 50, Allowance.URGENT_ONLY),
        (50, (50, 100), 50, Allowance.NOTHING),
        (0, (95, 100), 50, Allowance.URGENT_ONLY),
        (99, (99, 100), 100, Allowance.URGENT_ONLY),
        (100, (100, 100), 100, Allowance.NOTHING),
    ],
)
def test_the_budget(made: int, usage: tuple[int, int] | None, share: int, wanted: Allowance) -> None:
    # The first row of 40 of 50: eight tenths of our share are where the rest begins to wait.
    assert allowance(made=made, usage=usage, share_percent=share) is wanted


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 100))
def test_more_calls_never_allow_more(made: int, used: int, limit: int, share: int) -> None:
    order = (Allowance.ALL, Allowance.URGENT_ONLY, Allowance.NOTHING)
    before = allowance(made=made, usage=(used, limit), share_percent=share)
    after = allowance(made=made + 1, usage=(used + 1, limit), share_percent=share)
    assert order.index(after) >= order.index(before)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text != "#N/A")


@given(st.lists(st.fixed_dictionaries({"Stripe_Id__c": texts}, optional={"A": texts, "B": st.none()}), min_size=1))
def test_the_csv_is_read_back_as_it_was(rows: Sequence[dict[str, Any]]) -> None:
    read = list(csv.DictReader(io.StringIO(to_csv(rows).decode(), newline="")))
    for row, back in zip(rows, read, strict=True):
        assert {name: value for name, value in back.items() if value} == {
            name: "#N/A" if value is None else value for name, value in row.items()
        }


def test_each_kind_of_value_has_its_cell() -> None:
    row = {"Stripe_Id__c": "ch_1", "A": Decimal("1E+3"), "B": False, "C": 7, "P__r": {"Stripe_Id__c": "pi_1"}, "D": ""}
    assert to_csv([row]).decode() == "A,B,C,D,P__r.Stripe_Id__c,Stripe_Id__c\n1000,false,7,#N/A,pi_1,ch_1\n"
