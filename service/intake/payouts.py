"""When a payout must be asked for again, because Stripe tells some of its facts late or without an event. Pure.

Sources: docs.stripe.com/payouts/reconciliation (the transactions of an automatic payout are known once its
reconciliation is completed), docs.stripe.com/payouts/trace-id (a trace id takes up to ten days, and has no event).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain import moment

EPOCH = datetime.fromtimestamp(0, UTC)
TRACE_LIMIT = timedelta(days=10)
# A quarter of its age between two looks: often while it is new, some eighty times in ten days.
_SHORTEST, _LONGEST = timedelta(seconds=2), timedelta(hours=6)
# What the books need is asked for until it comes.
_LONGEST_AFTER_LIMIT = timedelta(days=1)
_UNDER_WAY = frozenset({"pending", "in_transit", "paid"})


def has_statement(body: dict[str, Any]) -> bool:
    """Tell whether what a payout holds can be said now: listed by Stripe, or allocated by us as it is not automatic.

    Money that is collected from the bank by hand, such as a reversal, holds nothing.
    """
    if body.get("automatic"):
        return body.get("reconciliation_status") == "completed"
    amount = body.get("amount")
    return isinstance(amount, int) and amount > 0 and body.get("original_payout") is None


def owes_reconciliation(body: dict[str, Any]) -> bool:
    """Tell whether Stripe has yet to say what an automatic payout holds."""
    return bool(body.get("automatic")) and body.get("reconciliation_status") != "completed"


def owes_trace(body: dict[str, Any]) -> bool:
    """Tell whether a payout may still get the number by which the receiving bank finds it."""
    trace = body.get("trace_id") or {}
    unsettled = trace.get("status") in {None, "pending"} and not trace.get("value")
    return unsettled and body.get("status") in _UNDER_WAY


def ask_again(body: dict[str, Any], now: datetime) -> datetime | None:
    """Return when to ask for a payout again, None when it owes nothing more."""
    created = moment(body.get("created")) or now
    age = max(now - created, timedelta(0))
    young = age < TRACE_LIMIT
    if not owes_reconciliation(body) and not (young and owes_trace(body)):
        return None
    return now + min(max(age / 4, _SHORTEST), _LONGEST if young else _LONGEST_AFTER_LIMIT)
