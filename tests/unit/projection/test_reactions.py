import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.config import Reaction
from service.history import Change
from service.mirror import MirrorRow
from service.projection._families import families
from service.projection._history import Standing, standings
from service.projection._reactions import due_reaction, happening, reactions

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def standing(kind: str = "payment_intent", status: str = "Failed", **more: Any) -> Standing:
    given: dict[str, Any] = {"amount": Decimal("12.50"), "currency": "USD", "payment_id": "pi_1", "record_id": "006A"}
    return Standing("acme", "pi_1", kind, status, "word", "evt_1", NOW, **(given | more))


def rule(**more: Any) -> Reaction:
    given: dict[str, Any] = {"name": "one", "when": "payment_failed", "do": {"event": {}}}
    return Reaction.model_validate(given | more)


@pytest.mark.parametrize(
    ("kind", "old", "new", "word"),
    [
        ("payment_intent", None, "Paid", "payment_paid"),
        ("payment_intent", "Processing", "Paid", "payment_paid"),
        ("payment_intent", "Disputed", "Paid", None),
        ("payment_intent", "Refunded", "Paid", None),
        ("payment_intent", "Paid", "Partially_Refunded", "payment_refunded"),
        ("payment_intent", "Processing", "Failed", "payment_failed"),
        ("payment_intent", None, "Unknown", None),
        ("refund", "Refunded", "Failed", "refund_failed"),
        ("refund", None, "Refunded", None),
        ("payout", "Paid", "Failed", "payout_failed"),
        ("invoice", "Open", "Paid", None),
        ("dispute", None, "Needs_Response", "dispute_opened"),
        ("dispute", None, "Unknown", "dispute_opened"),
        ("dispute", "Lost", "Appeal_Needs_Response", "dispute_opened"),
        ("dispute", "Needs_Response", "Under_Review", None),
        ("dispute", None, "Won", "dispute_won"),
        ("dispute", "Under_Review", "Lost", "dispute_lost"),
        ("dispute", "Inquiry_Under_Review", "Inquiry_Closed", None),
    ],
)
def test_what_happened(kind: str, old: str | None, new: str, word: str | None) -> None:
    assert happening(standing(kind, new), Change(2, old)) == word


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({}, True),
        ({"currency": ["USD", "EUR"]}, True),
        ({"currency": ["EUR"]}, False),
        ({"entity": ["acme"]}, True),
        ({"entity": ["other"]}, False),
        ({"currency": ["USD"], "amount_at_least": "12.5"}, True),
        ({"currency": ["USD"], "amount_at_least": "12.51"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], applies: bool) -> None:
    asked = list(reactions([rule(**{"if": condition})], standing(), Change(2, None), now=NOW))
    assert bool(asked) is applies


def test_what_is_old_is_only_recorded() -> None:
    for days, asked in ((7, 1), (8, 0)):
        found = list(reactions([rule()], standing(), Change(2, None), now=NOW + timedelta(days=days)))
        assert len(found) == asked


def test_each_rule_and_change_has_a_key_of_its_own() -> None:
    rules = [rule(), rule(name="two")]
    asked = [one for number in (1, 2) for one in reactions(rules, standing(), Change(number, None), now=NOW)]
    assert [one.key for one in asked] == ["pi_1_1_one", "pi_1_1_two", "pi_1_2_one", "pi_1_2_two"]


def test_texts_name_what_is_known_and_are_cut() -> None:
    task = {"task": {"subject": "${amount} ${currency} $$ ${reason}" + "x" * 300, "due_in_days": 3}}
    [asked] = reactions([rule(do=task)], standing(reason="declined"), Change(1, None), now=NOW)
    assert asked.content["Subject"].startswith("12.50 USD $ declinedx")
    assert len(asked.content["Subject"]) == 255
    assert asked.content["ActivityDate"] == "2026-11-26"


def test_another_last_moment_is_told_anew() -> None:
    soon = rule(name="soon", when="dispute_due_soon", days_before=2)
    keys = set()
    for days in (1, 2):
        asked = due_reaction(soon, standing("dispute", "Needs_Response", due_at=NOW + timedelta(days=days)))
        assert asked is not None
        keys.add(asked.key)
    assert len(keys) == 2


def test_a_standing_survives_being_written_down() -> None:
    for one in (standing(due_at=NOW, reason="r"), standing(amount=None)):
        assert Standing.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"when": "payment_vanished"}, "when"),
        ({"when": "dispute_due_soon"}, "days_before"),
        ({"days_before": 2}, "days_before"),
        ({"do": {}}, "one thing"),
        ({"do": {"event": {}, "task": {"subject": "x"}}}, "one thing"),
        ({"do": {"task": {"subject": "${secret}"}}}, "names secret"),
        ({"do": {"task": {"subject": "5 $"}}}, "write '$$'"),
        ({"do": {"task": {"subject": "x", "owner": "me"}}}, "owner"),
        ({"do": {"notification": {"title": "x", "body": "y", "recipients": []}}}, "recipients"),
        ({"if": {"amount_at_least": 5}}, "exactly one"),
        ({"if": {"amount_at_least": 5, "currency": ["USD", "EUR"]}}, "exactly one"),
        ({"if": {"amount": 5}}, "amount"),
    ],
)
def test_a_wrong_rule_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        rule(**wrong)


@pytest.mark.parametrize(
    ("status", "is_due"),
    [
        ("warning_needs_response", True),
        ("warning_under_review", False),
        ("needs_response", True),
        ("under_review", False),
        ("won", False),
        ("something_new", True),
    ],
)
def test_a_dispute_is_due_only_while_an_answer_is_awaited(status: str, is_due: bool) -> None:
    def row(kind: str, key: str, parent: str | None, **body: Any) -> MirrorRow:
        return MirrorRow("acme", key, kind, body, parent, None, NOW, False, None, 1)

    due = int(NOW.timestamp()) + 86_400
    [family] = families(
        [
            row("payment_intent", "pi_1", None, status="succeeded", amount=100, currency="usd"),
            row("charge", "ch_1", "pi_1", status="succeeded", amount=100, currency="usd"),
            row("dispute", "du_1", "ch_1", status=status, amount=100, currency="usd", evidence_details={"due_by": due}),
        ]
    )
    [found] = [one for one in standings(family, None, ()) if one.object_type == "dispute"]
    assert (found.due_at is not None) is is_due
