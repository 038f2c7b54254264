"""Time and fresh identifiers come from here, so that tests and simulations can hold them in their hand.

No other module may ask the machine for the time or for randomness.
"""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol

_FIRST_LINGER, _LONGEST_LINGER = timedelta(seconds=0.1), timedelta(seconds=1)


class Clock(Protocol):
    """What the service needs to know about time and chance."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""

    def new_id(self) -> uuid.UUID:
        """Return an identifier nobody has used."""

    def jitter(self, span: timedelta) -> timedelta:
        """Return a random part of `span`, so that many waiters do not wake together."""


class SystemClock:
    """The machine's own clock and chance."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> uuid.UUID:
        """Return a random identifier."""
        return uuid.uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        """Return a random part of `span`."""
        return span * random.random()  # noqa: S311  (spreads waiters; guards nothing)


def next_linger(linger: timedelta, *, found: int, room: int) -> timedelta:
    """Return how long to hold the next call back, so that it carries more; `linger` was the wait before this one.

    Nothing was found: the next thing goes at once. There was no more room: waiting makes a call no fuller.
    """
    if not found or found >= room:
        return timedelta()
    return min(max(linger * 2, _FIRST_LINGER), _LONGEST_LINGER)
