"""Rates: how many requests a second an account may be asked, shared by every process.

Owns the table `rate_limits`. Verbs: take a turn, hold back. A turn is a moment; moments are leased from PostgreSQL, a
few at once while there is much to do, so that a process asks it a handful of times a second at most. Calls no vendor.
Refuses a turn that is too far off, instead of letting callers pile up.
"""

from service.rates._pace import Limits, Pace

__all__ = ["Limits", "Pace"]
