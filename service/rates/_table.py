"""Where each limit stands: one row, one moment, as in the generic cell rate algorithm (GCRA).

`free_at` is when the next turn that nobody has is due. Whoever leases turns moves it on by as many intervals; it never
stays further behind than what may come at once after a pause.
"""

from datetime import timedelta

from sqlalchemy import Column, DateTime, Interval, Table, Text, bindparam, text

from service.db import Transaction, metadata

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("free_at", DateTime(timezone=True), nullable=False),
)

_BURST = "clock_timestamp() - CAST(:burst AS interval)"
_INTERVALS = tuple(bindparam(name, type_=Interval()) for name in ("burst", "length", "patience"))
_LEASE = text(
    f"""
    INSERT INTO rate_limits AS known (scope, free_at) VALUES (:scope, {_BURST} + CAST(:length AS interval))
    ON CONFLICT (scope) DO UPDATE SET free_at = greatest(known.free_at, {_BURST}) + CAST(:length AS interval)
    WHERE known.free_at <= clock_timestamp() + CAST(:patience AS interval)
    RETURNING free_at - CAST(:length AS interval) - clock_timestamp() AS wait
    """  # noqa: S608  (ours)
).bindparams(*_INTERVALS)
_HOLD = text(
    """
    INSERT INTO rate_limits AS known (scope, free_at) VALUES (:scope, clock_timestamp() + CAST(:pause AS interval))
    ON CONFLICT (scope) DO UPDATE SET free_at = greatest(known.free_at, excluded.free_at)
    """
).bindparams(bindparam("pause", type_=Interval()))


async def lease(
    tx: Transaction, scope: str, *, length: timedelta, burst: timedelta, patience: timedelta
) -> timedelta | None:
    """Lease the turns of a length of time; return how far off its beginning is, negative for one that is past.

    None when the next free turn is further off than `patience`: nothing is leased then.
    """
    values = {"scope": scope, "length": length, "burst": burst, "patience": patience}
    wait: timedelta | None = (await tx.execute(_LEASE, values)).scalar_one_or_none()
    return wait


async def hold(tx: Transaction, scope: str, pause: timedelta) -> None:
    """Give no turn for a while."""
    await tx.execute(_HOLD, {"scope": scope, "pause": pause})
