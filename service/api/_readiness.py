"""What must hold before callers should come here, as one small object that whoever starts and stops things flips.

`/readyz` and the gRPC health service both read it, so that the two doors never disagree. It refuses conditions nobody
announced: a mistyped name would otherwise keep the service unready for ever.
"""

import asyncio
from collections.abc import Iterable


class Readiness:
    """A fixed set of named conditions, none of which holds at first. Belongs to one event loop."""

    def __init__(self, conditions: Iterable[str]) -> None:
        self._holds = dict.fromkeys(conditions, False)
        self._change = asyncio.Event()

    @property
    def missing(self) -> tuple[str, ...]:
        """The conditions that do not hold, in the order they were announced; empty means ready."""
        return tuple(name for name, holds in self._holds.items() if not holds)

    def set(self, condition: str, holds: bool) -> None:
        """Flip one condition and wake everybody who waits for a change.

        Raises:
            KeyError: the condition was not announced.
        """
        if self._holds[condition] == holds:
            return
        self._holds[condition] = holds
        self._change.set()
        self._change = asyncio.Event()

    async def changed(self, seen: tuple[str, ...]) -> tuple[str, ...]:
        """Wait until `missing` differs from `seen`, and return it."""
        while self.missing == seen:
            await self._change.wait()
        return self.missing
