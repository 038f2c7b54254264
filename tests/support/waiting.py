"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL_SECONDS = 0.005


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as `condition` is true; fail the test when it is not within `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"still false after {seconds} s"
        await asyncio.sleep(INTERVAL_SECONDS)


async def eventually(question: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    """Return as soon as `question` is answered with true; fail the test when it is not within `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await question():
        assert asyncio.get_running_loop().time() < deadline, f"still false after {seconds} s"
        await asyncio.sleep(INTERVAL_SECONDS * 10)
