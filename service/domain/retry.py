"""When to try again, and how long to wait for company: pure decisions, the same for every queue."""

from datetime import timedelta

_FIRST_LINGER, _LONGEST_LINGER = timedelta(seconds=0.1), timedelta(seconds=1)


def retry_delay(attempts: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the wait after the `attempts`-th failure (from 1): doubling from `first`, never above `longest`."""
    doublings = min(max(attempts - 1, 0), 30)
    return min(first * (1 << doublings), longest)


def next_linger(linger: timedelta, *, found: int, room: int) -> timedelta:
    """Return how long to hold the next call back, so that it carries more; `linger` was the wait before this one.

    Nothing was found: the next thing goes at once. There was no more room: waiting makes a call no fuller.
    """
    if not found or found >= room:
        return timedelta()
    return min(max(linger * 2, _FIRST_LINGER), _LONGEST_LINGER)
