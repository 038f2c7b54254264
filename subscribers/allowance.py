"""How many events Salesforce may still deliver to an org's subscribers, and who waits when they run short.

Platform events and changes of records share one allowance of 24 hours, and whoever has spent it hears nothing until it
frees itself. A change can wait, for 72 hours, and can be read from its record after that; a request can do neither. So
the last part of the allowance is kept for requests. Source: Platform Events Developer Guide, "Platform Event
Allocations".
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from service.config.changes import CHANGE_TOPICS
from service.errors import ConfigurationError, VendorError
from service.telemetry import log, stream_deliveries_left, stream_deliveries_limit

# Returns how many deliveries are left, and how many there are at all; None when that is not told.
Ask = Callable[[], Awaitable[tuple[int, int] | None]]
_ALL = 100


class Allowance:
    """The allowance of one org. `run` it until cancelled.

    Args:
        org: the org's name.
        ask: reads the allowance.
        reserve_percent: the part that is kept for requests.
        every: the time between two readings.
    """

    def __init__(self, org: str, ask: Ask, *, reserve_percent: int, every: timedelta) -> None:
        self._org = org
        self._ask = ask
        self._reserve_percent = reserve_percent
        self._every = every
        self._short = False

    def may_read(self, topic: str) -> bool:
        """Tell whether a topic may be read now."""
        return not (self._short and topic.startswith(CHANGE_TOPICS))

    async def run(self) -> None:
        """Read the allowance again and again; a reading that fails leaves things as they are."""
        while True:
            await self.step()
            await asyncio.sleep(self._every.total_seconds())

    async def step(self) -> None:
        """Read the allowance once."""
        try:
            told = await self._ask()
        except (VendorError, ConfigurationError) as error:
            log().warning("stream.allowance_unread", org=self._org, reason=error.reason)
            return
        if told is None:
            return
        left, most = told
        stream_deliveries_left.set(left, {"org": self._org})
        stream_deliveries_limit.set(most, {"org": self._org})
        short = left * _ALL < most * self._reserve_percent
        if short != self._short:
            say = log().error if short else log().info
            say("stream.allowance_short" if short else "stream.allowance_enough", org=self._org, left=left, most=most)
        self._short = short
