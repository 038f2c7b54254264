"""What refunds and disputes make of a payment: every stage, the precedence of statuses, sums that agree."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DesiredRecord, Reference
from service.mirror import MirrorRow
from service.projection._records import records
from service.projection._status import DisputeStage
from tests.support.salesforce_metadata import SOURCE, Package

RECORD = "006000000000001AAA"
STAGES = {
    "warning_needs_response": "Inquiry_Needs_Response",
    "warning_under_review": "Inquiry_Under_Review",
    "warning_closed": "Inquiry_Closed",
    "needs_response": "Needs_Response",
    "under_review": "Under_Review",
    "appeal_needs_response": "Appeal_Needs_Response",
    "appeal_under_review": "Appeal_Under_Review",
    "won": "Won",
    "lost": "Lost",
    "prevented": "Prevented",
    "a_status_of_next_year": "Unknown",
}
DECIDED = ("warning_closed", "won", "lost", "prevented")
_NUMBERS = count(1)


def row(kind: str, key: str, parent: str | None, body: dict[str, Any]) -> MirrorRow:
    known: dict[str, Any] = {
        "entity": "acme",
        "object_id": key,
        "object_type": kind,
        "body": {"id": key, "currency": "usd", "created": 1_790_000_000} | body,
        "parent_id": parent,
        "record_id": RECORD if kind == "payment_intent" else None,
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
        "deleted": False,
        "version": 1,
    }
    return MirrorRow(**{field.name: None for field in fields(MirrorRow)} | known)


def payment(*others: MirrorRow, charge: dict[str, Any] | None = None, **intent: Any) -> list[MirrorRow]:
    """Return a payment of 100.00 that succeeded, and what else is known of it."""
    paid = {"status": "succeeded", "amount": 10_000, "amount_received": 10_000, "latest_charge": "ch_1"}
    taken = {"status": "succeeded", "amount": 10_000, "amount_captured": 10_000, "captured": True}
    return [
        row("payment_intent", "pi_1", None, paid | intent),
        row("charge", "ch_1", "pi_1", taken | {"balance_transaction": "txn_1"} | (charge or {})),
        row("balance_transaction", "txn_1", "ch_1", {"amount": 10_000, "fee": 320, "net": 9_680, "type": "charge"}),
        *others,
    ]


def refund(amount: int, status: str = "succeeded", **more: Any) -> MirrorRow:
    return row("refund", f"re_{next(_NUMBERS)}", "ch_1", {"amount": amount, "status": status} | more)


def dispute(status: str, amount: int = 10_000, moved: tuple[int, ...] = (), **more: Any) -> list[MirrorRow]:
    key = f"du_{next(_NUMBERS)}"
    movements = [
        row("balance_transaction", f"txn_{key}_{place}", key, {"amount": gross, "fee": fee, "net": gross - fee})
        for place, gross in enumerate(moved)
        for fee in [1_500 if gross < 0 else 0]
    ]
    return [row("dispute", key, "ch_1", {"amount": amount, "status": status} | more), *movements]


def written(rows: list[MirrorRow]) -> dict[str, list[DesiredRecord]]:
    found: dict[str, list[DesiredRecord]] = {}
    for record in records(rows, org="main"):
        found.setdefault(record.sobject, []).append(record)
    return found


def shown(rows: list[MirrorRow]) -> tuple[Any, Any, Any]:
    """Return the Payment's status, and the Opportunity's status and amount paid."""
    found = written(rows)
    opportunity = found["Opportunity"][0].fields
    return found["Payment__c"][0].fields["Status__c"], opportunity["Payment_Status__c"], opportunity["Amount_Paid__c"]


@pytest.mark.parametrize(("word", "stage"), STAGES.items())
def test_every_stage_has_its_word_and_an_open_one_is_disputed(word: str, stage: str) -> None:
    rows = payment(*dispute(word))
    fields_of = written(rows)["Dispute__c"][0].fields
    assert (fields_of["Stage__c"], fields_of["Stripe_Status__c"]) == (stage, word)
    expected = "Disputed" if word not in DECIDED else "Lost" if word == "lost" else "Paid"
    assert shown(rows)[:2] == (expected, expected)


def test_the_stages_are_the_value_set_of_the_package() -> None:
    assert Package(SOURCE).value_sets["Dispute_Stage"] == {stage.value for stage in DisputeStage}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("succeeded", "Refunded"),
        ("pending", "Processing"),
        ("requires_action", "Requires_Action"),
        ("failed", "Failed"),
        ("canceled", "Cancelled"),
        ("a_status_of_next_year", "Unknown"),
    ],
)
def test_every_status_of_a_refund_has_its_word(word: str, status: str) -> None:
    rows = payment(refund(10_000, word, failure_reason="declined"))
    fields_of = written(rows)["Refund__c"][0].fields
    assert (fields_of["Status__c"], fields_of["Stripe_Status__c"], fields_of["Failure_Reason__c"]) == (
        status, word, "declined",
    )  # fmt: skip
    gone = word in {"failed", "canceled"}
    assert shown(rows) == (("Paid", "Paid", Decimal(100)) if gone else ("Refunded", "Refunded", Decimal(0)))


@pytest.mark.parametrize("told", [0, 3_000, 10_000])
def test_a_refund_that_failed_counts_no_more_whatever_the_charge_still_says(told: int) -> None:
    rows = payment(refund(7_000, "failed"), refund(3_000), charge={"amount_refunded": told, "refunded": told == 10_000})
    assert shown(rows) == ("Partially_Refunded", "Partially_Refunded", Decimal(70))
    assert written(rows)["Charge__c"][0].fields["Amount_Refunded__c"] == Decimal(30)


def test_refunds_nobody_told_of_count_by_the_charge() -> None:
    assert shown(payment(refund(1_000), charge={"amount_refunded": 4_000})) == (
        "Partially_Refunded", "Partially_Refunded", Decimal(60),
    )  # fmt: skip


def test_a_charge_stays_disputed_only_until_its_disputes_are_known() -> None:
    assert shown(payment(charge={"disputed": True}))[0] == "Disputed"
    rows = payment(*dispute("won", moved=(-10_000, 10_000)), charge={"disputed": True})
    assert shown(rows) == ("Paid", "Paid", Decimal(100))
    assert written(rows)["Charge__c"][0].fields["Disputed__c"] is False


def test_a_dispute_may_be_known_before_the_success() -> None:
    rows = payment(*dispute("needs_response", moved=(-10_000,)), status="processing", amount_received=0)
    assert shown(rows)[0] == "Disputed"
    assert shown(payment(refund(500), charge={"captured": False}, status="canceled", amount_received=0)) == (
        "Cancelled", "Cancelled", Decimal(0),
    )  # fmt: skip


def test_what_a_dispute_moved() -> None:
    (asked,) = written(payment(*dispute("warning_needs_response", evidence_details={"due_by": 0})))["Dispute__c"]
    empty = ("Fee__c", "Net_Impact__c", "Settlement_Currency__c", "Due_By__c")
    assert [asked.fields[name] for name in empty] == [None] * 4
    assert (asked.fields["Funds_Withdrawn__c"], asked.fields["Funds_Reinstated__c"]) == (False, False)
    due = {"due_by": 1_790_000_000}
    (won,) = written(payment(*dispute("won", moved=(-10_000, 10_000), evidence_details=due)))["Dispute__c"]
    assert [won.fields[name] for name in empty] == [Decimal(15), Decimal(-15), "USD", "2026-09-21T14:13:20Z"]
    assert (won.fields["Funds_Withdrawn__c"], won.fields["Funds_Reinstated__c"]) == (True, True)


def test_a_prevented_dispute_is_lost_when_its_money_is() -> None:
    assert shown(payment(*dispute("prevented", moved=(-10_000,)))) == ("Lost", "Lost", Decimal(0))
    assert shown(payment(*dispute("prevented", moved=(-10_000, 10_000)))) == ("Paid", "Paid", Decimal(100))


def test_a_loss_in_another_currency_is_shown_and_not_subtracted() -> None:
    assert shown(payment(*dispute("lost", currency="eur"))) == ("Lost", "Lost", Decimal(100))


def test_movements_hang_below_what_moved_them_and_below_its_charge() -> None:
    given_back = refund(2_000)
    moved = row("balance_transaction", "txn_r", given_back.object_id, {"amount": -2_000, "fee": 0, "net": -2_000})
    taken = dispute("needs_response", moved=(-8_000,))
    found = written(payment(given_back, moved, *taken))
    below = {
        record.key: [getattr(record.fields[name], "key", None) for name in ("Charge__c", "Refund__c", "Dispute__c")]
        for record in found["Balance_Transaction__c"]
    }
    assert below == {
        "txn_1": ["ch_1", None, None],
        "txn_r": ["ch_1", given_back.object_id, None],
        taken[1].object_id: ["ch_1", None, taken[0].object_id],
    }
    paid = found["Payment__c"][0].fields
    assert (paid["Settlement_Amount__c"], paid["Fee__c"], paid["Net__c"]) == (
        Decimal(0), Decimal("18.20"), Decimal("-18.20"),
    )  # fmt: skip
    for sobject in ("Refund__c", "Dispute__c", "Charge__c", "Balance_Transaction__c"):
        for record in found[sobject]:
            assert record.parent is not None


def test_without_its_payment_nothing_is_written_and_without_its_charge_the_lookup_is_empty() -> None:
    intent, charge, movement = payment()
    given_back = refund(1_000)
    assert not written([charge, movement, given_back]).keys() & {"Payment__c", "Charge__c", "Refund__c", "Opportunity"}
    stub = MirrorRow(**{field.name: getattr(charge, field.name) for field in fields(MirrorRow)} | {"body": None})
    (record,) = written([intent, stub, given_back])["Refund__c"]
    assert (record.fields["Charge__c"], record.parent and record.parent.key) == (None, "pi_1")


def test_a_charge_made_without_a_payment_has_all_its_records() -> None:
    _, charge, movement = payment()
    given_back, asked_back = refund(1_000), dispute("needs_response", 9_000)
    found = written([replace(charge, parent_id=None), movement, given_back, *asked_back])
    assert found.keys() == {"Charge__c", "Refund__c", "Dispute__c", "Balance_Transaction__c"}
    every = [record for some in found.values() for record in some]
    assert {record.lane for record in every} == {"ch_1"}
    assert {record.fields["Payment__c"] for record in every} == {None}
    assert found["Charge__c"][0].fields["Status__c"] == "Disputed"
    for record in every:
        assert (record.parent is None) is (record.sobject == "Charge__c")
        above = record.fields.get("Charge__c")
        assert isinstance(above, Reference) == (record.sobject != "Charge__c")


@given(
    st.lists(st.sampled_from(list(STAGES)), max_size=4),
    st.lists(
        st.tuples(st.integers(1, 5_000), st.sampled_from(("succeeded", "pending", "failed", "canceled"))), max_size=2
    ),
)
def test_the_precedence(stages: list[str], refunds: list[tuple[int, str]]) -> None:
    disputes = [one for stage in stages for one in dispute(stage, 10)]
    back = sum(amount for amount, status in refunds if status not in {"failed", "canceled"})
    rows = payment(*disputes, *(refund(*one) for one in refunds))
    if any(stage not in DECIDED for stage in stages):
        expected = "Disputed"
    elif "lost" in stages:
        expected = "Lost"
    else:
        expected = "Refunded" if back == 10_000 else "Partially_Refunded" if back else "Paid"
    lost = min(10 * stages.count("lost"), 10_000 - back)
    assert shown(rows) == (expected, expected, Decimal(10_000 - back - lost).scaleb(-2))
