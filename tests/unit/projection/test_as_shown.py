"""What Stripe has just told of an object stands in place of what was known of it; it brings no object of its own."""

from datetime import UTC, datetime
from typing import Any

from service.mirror import MirrorRow
from service.projection import PaymentStatus, payment_in

HELD = {"id": "pi_1", "status": "requires_capture", "amount": 3000, "amount_received": 0, "currency": "usd"}
TAKEN = {**HELD, "status": "succeeded", "amount_received": 3000}


def row(body: dict[str, Any]) -> MirrorRow:
    made = datetime(2026, 11, 23, tzinfo=UTC)
    return MirrorRow("acme", "pi_1", "payment_intent", body, None, None, made, False, None, 1)


def test_the_newest_stands_for_what_was_known() -> None:
    facts = payment_in([row(HELD)], [TAKEN, {"id": "ch_unknown", "status": "succeeded"}])
    assert facts is not None
    assert (facts.status, facts.amount_received_minor, facts.charge_id) == (PaymentStatus.PAID, 3000, None)


def test_without_news_it_is_as_it_was() -> None:
    facts = payment_in([row(HELD)])
    assert facts is not None
    assert facts.status is PaymentStatus.AUTHORIZED


def test_nothing_is_made_of_what_is_not_known() -> None:
    assert payment_in([], [TAKEN]) is None
