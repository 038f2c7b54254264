"""When to try again: a pure decision, the same for every queue."""

from datetime import timedelta


def retry_delay(attempts: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the wait after the `attempts`-th failure (from 1): doubling from `first`, never above `longest`."""
    doublings = min(max(attempts - 1, 0), 30)
    return min(first * (1 << doublings), longest)
