"""When a statement that does not add up is made once more: Stripe's list may have lacked something. Pure.

It is made again after ten seconds, and then after four times as long each time, a day at most: eight times in all,
which takes about a day and a half. Until the new one is whole the old one stays. What it says after that is for a
person to look into.
The rule and its numbers are ours: Stripe documents no delay between reconciliation and list.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from service.domain import Statement, moment, retry_delay

_LIMIT = 8
_FIRST, _LONGEST = timedelta(seconds=10), timedelta(days=1)
_KEPT = ("lines", "limits", "rule", "since", "tries")


def closing(known: Mapping[str, Any], statement: Statement, payout: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is noted beside the lines of a statement that was just made: `tries`, and when it is made `again`.

    Args:
        known: the statement's body as it was.
        statement: what it says now.
        payout: the payout's body.
        now: the present.
    """
    tries = int(known.get("tries") or 0) + 1
    amount, currency = int(payout.get("amount") or 0), str(payout.get("currency") or "").upper()
    if not statement.difference(amount, currency) and not statement.foreign(currency):
        return {"tries": tries}
    found = {"tries": tries, "since": known.get("since") or int(now.timestamp())}
    if tries > _LIMIT:
        return found
    return found | {"again": int((now + retry_delay(2 * tries - 1, first=_FIRST, longest=_LONGEST)).timestamp())}


def again_at(known: Mapping[str, Any]) -> datetime | None:
    """Return when a statement is made again, None for never."""
    return moment(known.get("again"))


def anew(known: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a statement's body at the start of making it again: what it said stays until it says something else."""
    return {name: known[name] for name in _KEPT if name in known} | {"started": int(now.timestamp())}
