"""The table of statuses in the README of deploy/salesforce is what the rules do, and has all words of Stripe."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.commands import CommandState
from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._records import records
from tests.support.salesforce_metadata import SOURCE, Package

REPOSITORY = Path(__file__).parents[3]
RECORD = "006000000000001AAA"
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)
# Stripe's object -> where its status is shown
SHOWN = {
    "payment_intent": ("Payment__c", "Status__c"),
    "checkout.session": ("Opportunity", "Payment_Status__c"),
    "charge": ("Charge__c", "Status__c"),
    "refund": ("Refund__c", "Status__c"),
    "dispute": ("Dispute__c", "Stage__c"),
    "invoice": ("Invoice__c", "Status__c"),
    "invoice_payment": ("Invoice_Payment__c", "Status__c"),
    "credit_note": ("Credit_Note__c", "Status__c"),
    "payout": ("Payout__c", "Status__c"),
}
# Not in Stripe's OpenAPI description, but in docs.stripe.com/disputes/how-disputes-work.
APPEALS = {"appeal_needs_response", "appeal_under_review"}
# What a second word in a cell says of the object.
WITH: dict[str, dict[str, Any]] = {
    "": {},
    "captured": {"captured": True},
    "last_payment_error": {"last_payment_error": {"code": "card_declined"}},
}
CELL = re.compile(r"`(?P<word>\w+)`(?: with `(?P<more>\w+)`)?")


def section() -> str:
    text = (SOURCE / "README.md").read_text()
    return text.partition("### Normalised status")[2].partition("\n### ")[0]


@cache
def table() -> dict[tuple[str, str, str], str]:
    """Return our word by Stripe's object, its word and what else is said of it."""
    found: dict[tuple[str, str, str], str] = {}
    for line in section().splitlines():
        if cells := re.fullmatch(r"\| `([a-z_.]+)` \| (.+) \| `(\w+)` \|", line):
            cell = CELL.fullmatch(cells.group(2))
            assert cell, line
            key = cells.group(1), cell["word"], cell["more"] or ""
            assert key not in found, line
            found[key] = cells.group(3)
    return found


def row(kind: str, key: str, parent: str | None, body: dict[str, Any], **more: Any) -> MirrorRow:
    known: dict[str, Any] = {
        "entity": "acme",
        "object_id": key,
        "object_type": kind,
        "body": {"id": key, "currency": "usd", "created": 1_790_000_000, "amount": 10_000} | body,
        "parent_id": parent,
        "record_id": RECORD if parent is None else None,
        "created_at": MOMENT,
        "deleted": False,
        "version": 1,
    }
    return MirrorRow(**{field.name: None for field in fields(MirrorRow)} | known | more)


def world(kind: str, body: dict[str, Any]) -> list[MirrorRow]:
    """Return an object of a kind with all that it belongs to."""
    intent = row("payment_intent", "pi_1", None, {"status": "processing", "latest_charge": "ch_1"})
    charge = row("charge", "ch_1", "pi_1", {"status": "pending", "amount_captured": 10_000})
    invoice = row("invoice", "in_1", None, {"status": "open", "lines": {"data": []}})
    match kind:
        case "payment_intent" | "invoice" | "payout":
            return [row(kind, "x_1", None, body)]
        case "checkout.session":
            return [row("counterfoil.request", "cmd_1", None, {"state": "SUCCEEDED"}), row(kind, "x_1", "cmd_1", body)]
        case "charge":
            return [intent, row(kind, "ch_1", "pi_1", body)]
        case "refund" | "dispute":
            return [intent, charge, row(kind, "x_1", "ch_1", body)]
    return [invoice, row(kind, "x_1", "in_1", body)]


def shown(rows: Sequence[MirrorRow], kind: str) -> DesiredRecord:
    sobject, _ = SHOWN[kind]
    (found,) = [one for one in records(rows, org="main") if one.sobject == sobject]
    return found


def status(rows: Sequence[MirrorRow], kind: str) -> Any:
    return shown(rows, kind).fields[SHOWN[kind][1]]


@pytest.mark.parametrize(("kind", "word", "more"), table())
def test_the_rules_do_what_the_table_says(kind: str, word: str, more: str) -> None:
    assert status(world(kind, {"status": word} | WITH[more]), kind) == table()[kind, word, more]


def test_the_table_is_of_every_object_with_a_status() -> None:
    assert {kind for kind, _, _ in table()} == set(SHOWN)
    # A request is ours, and has words of its own.
    written = {one for one, _ in SHOWN.values()} - {"Opportunity"} | {"Payment_Request__c"}
    assert written == {
        owner for owner, field in Package(SOURCE).fields if field in {"Status__c", "Stage__c"} and owner.endswith("__c")
    }


@pytest.mark.parametrize("kind", SHOWN)
def test_no_word_is_known_that_is_not_in_the_table(kind: str) -> None:
    everywhere = {word for _, word, _ in table()}
    known = {word for word in everywhere if status(world(kind, {"status": word}), kind) != "Unknown"}
    assert known == {word for one, word, _ in table() if one == kind}


@pytest.mark.parametrize("kind", SHOWN)
def test_the_table_has_every_word_of_stripe(kind: str) -> None:
    data = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
    described = sorted((data / "stripe").glob("spec3*.json"))
    if not described:
        pytest.skip(f"no OpenAPI description of Stripe in {data} (set COUNTERFOIL_VENDOR_DATA)")
    schemas = json.loads(described[-1].read_text())["components"]["schemas"]
    told = schemas[kind]["properties"]["status"]
    # Where there is no list of values, the description has them as code.
    words = set(told.get("enum") or re.findall(r"`(\w+)`", told["description"]))
    assert words
    assert {word for one, word, _ in table() if one == kind} == words | (APPEALS if kind == "dispute" else set())


@given(kind=st.sampled_from(sorted(SHOWN)), word=st.text(min_size=1, max_size=80))
def test_any_other_word_passes_visibly(kind: str, word: str) -> None:
    assume(word not in {known for one, known, _ in table() if one == kind})
    record = shown(world(kind, {"status": word}), kind)
    assert record.fields[SHOWN[kind][1]] == "Unknown"
    if kind != "checkout.session":  # its word is shown on no record
        assert record.fields["Stripe_Status__c"] == word[:60]


def precedence() -> list[str]:
    """Return what is shown of a payment, the first first."""
    rows = [re.fullmatch(r"\| (\d) \| (.+) \| .+ \|", line) for line in section().splitlines()]
    found = [(int(one.group(1)), one.group(2).strip("`")) for one in rows if one]
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [what for _, what in found]


@pytest.mark.parametrize(
    ("is_open", "lost", "refunded"), list(product((False, True), (False, True), (0, 4_000, 10_000))), ids=str
)
def test_the_first_of_what_holds_is_shown(is_open: bool, lost: bool, refunded: int) -> None:
    rows = [
        row(
            "payment_intent", "pi_1", None, {"status": "succeeded", "amount_received": 10_000, "latest_charge": "ch_1"}
        ),
        row("charge", "ch_1", "pi_1", {"status": "succeeded", "captured": True, "amount_captured": 10_000}),
    ]
    holds = {"Paid": True, "Disputed": is_open, "Lost": lost}
    holds |= {"Refunded": refunded == 10_000, "Partially_Refunded": 0 < refunded < 10_000}
    if is_open:
        rows.append(row("dispute", "du_1", "ch_1", {"status": "needs_response"}))
    if lost:
        rows.append(row("dispute", "du_2", "ch_1", {"status": "lost"}))
    if refunded:
        rows.append(row("refund", "re_1", "ch_1", {"status": "succeeded", "amount": refunded}))
    expected = next(what for what in precedence() if holds.get(what))
    assert status(rows, "payment_intent") == status(rows, "charge") == expected


def test_without_money_the_next_thing_known_is_shown() -> None:
    request = row("counterfoil.request", "cmd_1", None, {"state": "SUCCEEDED"})
    session = row("checkout.session", "cs_1", "cmd_1", {"status": "expired"})
    intent = row("payment_intent", "pi_1", "cmd_1", {"status": "requires_action"})

    def told(*rows: MirrorRow) -> Any:
        return status(rows, "checkout.session")

    assert "payment_intent" in precedence()[5]
    assert told(request, session, intent) == "Requires_Action"
    assert "checkout.session" in precedence()[6]
    assert told(request, session) == "Cancelled"
    assert told(request) == "Requested"


@pytest.mark.parametrize("state", CommandState)
def test_a_request_is_asked_for_or_came_to_nothing(state: CommandState) -> None:
    shown = status([row("counterfoil.request", "cmd_1", None, {"state": state.value})], "checkout.session")
    failed = dict.fromkeys((CommandState.DECLINED, CommandState.REFUSED, CommandState.FAILED), "Failed")
    ended = failed | dict.fromkeys((CommandState.REJECTED, CommandState.EXPIRED), "Cancelled")
    assert shown == ended.get(state, "Requested")


def test_a_deleted_draft_is_void() -> None:
    (gone,) = world("invoice", {"status": "draft"})
    record = shown([row("invoice", "x_1", None, dict(gone.body or {}), deleted=True)], "invoice")
    assert (record.fields["Status__c"], record.fields["Stripe_Status__c"]) == ("Void", "deleted")


def test_the_value_sets_have_our_words_and_no_others() -> None:
    ours = {kind: {value for (one, _, _), value in table().items() if one == kind} for kind in SHOWN}
    stages = ours.pop("dispute")
    words = set().union(*ours.values()) | {"Disputed", "Lost", "Refunded", "Partially_Refunded", "Unknown"}
    assert Package(SOURCE).value_sets["Payment_Status"] == words
    assert Package(SOURCE).value_sets["Dispute_Stage"] == stages | {"Unknown"}
