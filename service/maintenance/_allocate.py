"""Which transactions a payout took that Stripe cannot list: our rule, stated here and labelled wherever it shows. Pure.

The rule is first in, first out: what became available first is paid out first. Earlier payouts took theirs before; a
transaction may be split between two payouts, and its fee goes with the first part. What was not available when the
payout was made is not in it. If that is less than the payout, the rest stays a difference.
Source: docs.stripe.com/payouts/reconciliation (Stripe cannot say what a manual or instant payout holds).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Movement:
    """One balance transaction, in minor units.

    Attributes:
        taken_minor: what known payouts took of its net.
        untouched: no known payout took any of it.
        is_payout: another payout that left the balance and of which nothing is known.
    """

    transaction_id: str
    category: str
    currency: str
    fee_minor: int
    net_minor: int
    taken_minor: int
    untouched: bool
    is_payout: bool
    available_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a movement that a payout took."""

    movement: Movement
    fee_minor: int
    net_minor: int


@dataclass(slots=True)
class _Waiting:
    movement: Movement
    left: int
    first: bool


def allocate(movements: Iterable[Movement], *, needed_minor: int, until: datetime) -> list[Share]:
    """Return what a payout made at `until`, which took `needed_minor` from the balance, took of which movement."""
    known = [one for one in movements if one.available_at <= until]
    queue: deque[_Waiting] = deque()
    for one in sorted(known, key=lambda one: (one.available_at, one.created_at, one.transaction_id)):
        left = one.net_minor - one.taken_minor
        if one.is_payout and left < 0:
            for _ in _take(queue, -left):
                pass  # they went with the other payout
        elif left or one.untouched:
            queue.append(_Waiting(one, left, one.untouched))
    return list(_take(queue, needed_minor))


def _take(queue: deque[_Waiting], needed: int) -> Iterator[Share]:
    while queue and needed > 0:
        head = queue[0]
        part = min(head.left, needed)
        yield Share(head.movement, head.movement.fee_minor if head.first else 0, part)
        needed -= part
        head.first = False
        if part == head.left:
            queue.popleft()
        else:
            head.left -= part
