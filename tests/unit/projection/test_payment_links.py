"""What a record shows of a payment link, whatever became of the visits to it and in whichever order that is known."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._families import families
from service.projection._records import records

RECORD, URL = "006000000000001AAA", "https://buy.stripe.com/test_1"
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)
DECLINED = {"status": "requires_payment_method", "last_payment_error": {"code": "card_declined", "message": "No."}}
ENDED, PAID, HELD = {"status": "canceled"}, {"status": "succeeded"}, {"status": "requires_capture"}


def row(kind: str, key: str, parent: str | None, body: dict[str, Any], minutes: int = 0) -> MirrorRow:
    made = None if kind == "payment_link" else MOMENT + timedelta(minutes=minutes)
    known = {"id": key, "currency": "usd", "amount": 5_000} | body
    return MirrorRow("acme", key, kind, known, parent, RECORD, made, False, None, 1)


def link(*, active: bool = True, count: int = 0) -> MirrorRow:
    restrictions = {"completed_sessions": {"count": count, "limit": 1}}
    return row("payment_link", "plink_1", "cmd_1", {"url": URL, "active": active, "restrictions": restrictions})


def asked() -> MirrorRow:
    return row("counterfoil.request", "cmd_1", None, {"state": "SUCCEEDED", "method": "payment_link"})


def visited(number: int, page: str, intent: dict[str, Any] | None) -> list[MirrorRow]:
    """Return a page that a visit opened, and the attempt to pay on it, if there was one."""
    named = f"pi_{number}" if intent is not None else None
    address = f"https://checkout/{number}"
    body = {"status": page, "payment_intent": named, "payment_link": "plink_1", "url": address}
    rows = [row("checkout.session", f"cs_{number}", "cmd_1", body, number)]
    if intent is not None:
        paid = intent["status"] == "succeeded"
        taken = {"latest_charge": f"ch_{number}", "amount_received": 5_000 if paid else 0}
        held = intent["status"] in {"succeeded", "requires_capture"}
        charge = {"status": "succeeded" if held else "failed", "captured": paid, "amount_captured": 5_000 * paid}
        rows.append(row("payment_intent", f"pi_{number}", "cmd_1", intent | taken, number))
        rows.append(row("charge", f"ch_{number}", f"pi_{number}", charge, number))
    return rows


def shown(rows: list[MirrorRow]) -> tuple[Any, Any]:
    found = by_key(rows)["Opportunity", RECORD].fields
    return found["Payment_Status__c"], found["Payment_Link_Url__c"]


def by_key(rows: list[MirrorRow]) -> dict[tuple[str, str], DesiredRecord]:
    return {(one.sobject, one.key): one for one in records(rows, org="main")}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([asked(), link()], ("Requested", URL)),
        ([asked(), link(), *visited(1, "open", None)], ("Requested", URL)),
        ([asked(), link(), *visited(1, "expired", None)], ("Requested", URL)),
        ([asked(), link(), *visited(1, "open", DECLINED)], ("Failed", URL)),
        ([asked(), link(), *visited(1, "expired", ENDED)], ("Requested", URL)),
        ([asked(), link(), *visited(1, "expired", ENDED), *visited(2, "open", DECLINED)], ("Failed", URL)),
        ([asked(), link(active=False)], ("Cancelled", None)),
        ([asked(), link(active=False), *visited(1, "expired", None)], ("Cancelled", None)),
        ([asked(), link(active=False), *visited(1, "expired", ENDED)], ("Cancelled", None)),
        ([asked(), link(count=1)], ("Processing", None)),
        ([asked(), link(), *visited(1, "complete", PAID)], ("Paid", None)),
        ([asked(), link(active=False, count=1), *visited(1, "complete", HELD)], ("Authorized", None)),
        ([asked(), link(count=1), *visited(1, "complete", PAID), *visited(2, "expired", ENDED)], ("Paid", None)),
        ([asked(), link(count=1), *visited(1, "open", DECLINED), *visited(2, "complete", PAID)], ("Paid", None)),
    ],
)
def test_what_the_record_shows(rows: list[MirrorRow], expected: tuple[str, str | None]) -> None:
    assert shown(rows) == expected


def test_each_attempt_is_a_payment_with_its_own_charge() -> None:
    rows = [asked(), link(count=1), *visited(1, "open", DECLINED), *visited(2, "complete", PAID)]
    found = by_key(rows)
    statuses = {key: one.fields["Status__c"] for (sobject, key), one in found.items() if sobject == "Payment__c"}
    assert statuses == {"pi_1": "Failed", "pi_2": "Paid"}
    for number in (1, 2):
        above = found["Charge__c", f"ch_{number}"].parent
        assert above is not None
        assert above.key == f"pi_{number}"
    assert found["Payment__c", "pi_1"].fields["Amount_Received__c"] == 0
    assert found["Opportunity", RECORD].fields["Amount_Paid__c"] == 50
    assert found["Opportunity", RECORD].fields["Stripe_Payment_Intent_Id__c"] == "pi_2"
    request = found["Payment_Request__c", "cmd_1"]
    assert request.parent is not None
    assert request.parent.key == "pi_2"


def test_the_order_in_which_things_are_known_changes_nothing() -> None:
    rows = [asked(), link(count=1), *visited(1, "open", DECLINED)[:2], *visited(2, "complete", PAID)[:2]]
    told = {shown(list(some)) for some in permutations(rows)}
    assert told == {("Paid", None)}


attempts = st.lists(st.sampled_from(["none", "declined", "ended", "paid"]), max_size=5)


@given(attempts, st.booleans())
def test_a_link_shows_its_address_exactly_while_it_can_be_paid_by(tries: list[str], active: bool) -> None:
    bodies = {"none": None, "declined": DECLINED, "ended": ENDED, "paid": PAID}
    paid = tries.count("paid")
    if paid > 1:
        tries = [one for one in tries if one != "paid"]
        paid = 0
    rows = [asked(), link(active=active and not paid, count=paid)]
    for number, one in enumerate(tries, 1):
        rows += visited(number, "complete" if one == "paid" else "open", bodies[one])
    status, address = shown(rows)
    assert address == (URL if active and not paid else None)
    assert (status == "Paid") == bool(paid)
    [family] = families(rows)
    assert [part.all("payment_intent") for part in family.attempts()] == [[one] for one in family.all("payment_intent")]
    assert len(by_key(rows)) == len(records(rows, org="main")), "nothing twice"
