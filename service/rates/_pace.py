"""Turns at one account: each call waits for one of its endpoint and one of the account.

No second holds more turns than the limit: a fifth of them may come at once, the others come evenly. A process leases a
few turns while it uses them up, and one at a time when little is asked. Leased turns that
are not used in time are lost, which is on the safe side.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from service.db import Database
from service.rates._table import hold, lease

# The longest lease: more would keep other processes waiting for turns that this one may not use.
_LONGEST = timedelta(seconds=0.2)
# Of a limit, what may come at once after a pause, and what comes evenly.
_AT_ONCE, _EVENLY = 0.2, 0.8
_BURST = timedelta(seconds=_AT_ONCE / _EVENLY)
_IDLE_SECONDS = 1.0
# Beyond this a caller is better told to come back.
PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second, of the whole account and of each endpoint."""

    account: int
    endpoint: int


@dataclass(slots=True)
class _Scope:
    """One limit, as this process knows it; moments are of the event loop's clock."""

    name: str
    rate: int
    due_at: float = 0.0
    left: int = 0
    size: int = 1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=1 / (self.rate * _EVENLY))

    def next_turn(self, now: float) -> float | None:
        """Return the moment of the next leased turn that is still good, if there is one."""
        while self.left:
            due, self.left = self.due_at, self.left - 1
            self.due_at += self.interval.total_seconds()
            if due >= now - _BURST.total_seconds():
                return due
        return None


class Pace:
    """Turns at one account, shared with every other process by the database."""

    def __init__(self, database: Database, account: str, limits: Limits) -> None:
        self._database = database
        self._account = account
        self._limits = limits
        self._scopes: dict[str, _Scope] = {}

    async def turn(self, endpoint: str) -> timedelta | None:
        """Wait for a turn; return None, or how long to stay away when it is too far off.

        Args:
            endpoint: what Stripe limits by itself, such as "refund.create".
        """
        own = self._scope(f"{self._account}/{endpoint}", self._limits.endpoint)
        for scope in (own, self._scope(self._account, self._limits.account)):
            due = await self._next(scope)
            if due is None:
                return PATIENCE
            wait = due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
        return None

    async def hold(self, pause: timedelta) -> None:
        """Give the whole account no turn for a while, in no process: it said that it was asked too often."""
        self._scope(self._account, self._limits.account).left = 0
        async with self._database.transaction() as tx:
            await hold(tx, self._account, pause)

    def _scope(self, name: str, rate: int) -> _Scope:
        return self._scopes.setdefault(name, _Scope(name, rate))

    async def _next(self, scope: _Scope) -> float | None:
        loop = asyncio.get_running_loop()
        async with scope.lock:
            if (due := scope.next_turn(loop.time())) is not None:
                return due
            # Used up within what it was for: more is wanted. Lapsed: little is.
            busy = loop.time() - scope.due_at < _IDLE_SECONDS
            scope.size = min(scope.size * 2, max(1, _LONGEST // scope.interval)) if busy else 1
            async with self._database.transaction() as tx:
                wait = await lease(tx, scope.name, length=scope.interval * scope.size, burst=_BURST, patience=PATIENCE)
            if wait is None:
                return None
            scope.due_at, scope.left = loop.time() + wait.total_seconds(), scope.size
            return scope.next_turn(loop.time()) or loop.time()
