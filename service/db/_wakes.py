"""Wake-ups: a loop that waits for rows is told at once, in this process directly and in others by LISTEN/NOTIFY.

A wake-up is a hint and never a promise: every waiter also looks by itself after a while, so a lost one costs seconds.
Notifications are sent apart from the transactions they speak of, because PostgreSQL lets only one committing
transaction at a time carry one: the first at once, those that follow it closely folded together.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress

import asyncpg

from service import telemetry
from service.db._dsn import plain_url

_CHANNEL = "counterfoil"
_FOLD_SECONDS = 0.02
_RECONNECT_SECONDS = 1.0
_PENDING_LIMIT = 1000


class Wakes:
    """Named signals between loops, in this process and between processes."""

    def __init__(self, url: str) -> None:
        self._dsn = plain_url(url)
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._pending: set[str] = set()
        self._due = asyncio.Event()

    def signal(self, topic: str) -> None:
        """Wake everybody who waits for `topic`. Call it after the commit it speaks of."""
        self._wake(topic)
        if len(self._pending) < _PENDING_LIMIT:
            self._pending.add(topic)
            self._due.set()

    async def wait(self, topic: str, seconds: float) -> None:
        """Return when `topic` is signalled, or after `seconds`."""
        with self.subscribed(topic) as event, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def subscribed(self, topic: str) -> "_Subscription":
        """Return a context that holds an event set by each signal: subscribe first, then look, then wait."""
        return _Subscription(self._waiters, topic)

    def _wake(self, topic: str) -> None:
        for event in self._waiters.get(topic, ()):
            event.set()

    async def run(self) -> None:
        """Send and receive until cancelled; a lost connection is opened again."""
        while True:
            try:
                await self._converse()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                telemetry.log().warning("wakes.disconnected", error=type(error).__name__)
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _converse(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30)
        try:
            await connection.add_listener(_CHANNEL, lambda _c, _p, _ch, topic: self._wake(str(topic)))
            # Whoever hears nothing would not miss it: a connection that ends is noticed by the next statement, now.
            connection.add_termination_listener(lambda _connection: self._due.set())
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(30):
                        await self._due.wait()
                self._due.clear()
                topics, self._pending = list(self._pending), set()
                # With nothing to send this still proves that the connection lives.
                await connection.execute("SELECT pg_notify($1, topic) FROM unnest($2::text[]) topic", _CHANNEL, topics)
                await asyncio.sleep(_FOLD_SECONDS)
        finally:
            with suppress(Exception):
                await connection.close(timeout=1)


class _Subscription:
    def __init__(self, waiters: dict[str, set[asyncio.Event]], topic: str) -> None:
        self._waiters = waiters
        self._topic = topic
        self._event = asyncio.Event()

    def __enter__(self) -> asyncio.Event:
        self._waiters[self._topic].add(self._event)
        return self._event

    def __exit__(self, *_exc: object) -> None:
        waiting = self._waiters[self._topic]
        waiting.discard(self._event)
        if not waiting:
            del self._waiters[self._topic]
