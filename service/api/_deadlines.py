"""How long there is for a call: the caller's deadline, less what the answer needs to get back in time."""

from datetime import timedelta
from typing import Protocol

from service.api._status import DeadlineTooShort

# Work begun with less than this cannot end in time; it would only be thrown away.
MINIMUM = timedelta(milliseconds=100)
# Kept back, so that the caller hears from us what timed out instead of from its own clock.
SHAVE = timedelta(milliseconds=20)


class HasDeadline(Protocol):
    """The part of grpc's servicer context that is needed here."""

    def time_remaining(self) -> float | None:
        """Return the seconds left, or None without a deadline."""


def time_left(context: HasDeadline) -> timedelta | None:
    """Return the time for the work (never negative), or None when the caller set no deadline."""
    remaining = context.time_remaining()
    if remaining is None:
        return None
    return max(timedelta(seconds=remaining) - SHAVE, timedelta(0))


def require_time(context: HasDeadline) -> timedelta | None:
    """Return the time for the work, or None when the caller set no deadline.

    Raises:
        DeadlineTooShort: less than `MINIMUM` remains.
    """
    left = time_left(context)
    if left is not None and left + SHAVE < MINIMUM:
        raise DeadlineTooShort("Less than 100 ms remain until the deadline: set a later one.")
    return left
