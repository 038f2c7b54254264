"""A loop over rows: step while there is work, then sleep until woken. A passing fault costs a pause, nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from service import telemetry
from service.db import Wakes
from service.errors import Unreadable

Step = Callable[[], Awaitable[int]]
# What cannot be opened needs a person, who puts its key back: nothing ends for it, and the others go on.
PASSING = (Unreadable, SQLAlchemyError, psycopg.Error, OSError, TimeoutError)
_FAULT_SECONDS = 1.0
_UNREADABLE_SECONDS = 30.0


async def sleep_until(stop: asyncio.Event, seconds: float) -> None:
    """Return when `stop` is set, or after `seconds`."""
    await _first(stop, asyncio.Event(), seconds)


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def loop(name: str, step: Step, wakes: Wakes, topic: str, stop: asyncio.Event, *, seconds: float) -> None:
    """Run `step` until `stop` is set; when it finds nothing, wait for `topic` or at most `seconds`.

    Every step is whole: `stop` ends the loop between steps, never inside one.
    """
    with wakes.subscribed(topic) as woken:
        while not stop.is_set():
            woken.clear()
            try:
                done = await step()
            except PASSING as error:
                telemetry.log().error("loop.fault", loop=name, error=type(error).__name__)
                lasting = isinstance(error, Unreadable)
                await sleep_until(stop, _UNREADABLE_SECONDS if lasting else _FAULT_SECONDS)
                continue
            if not done:
                await _first(woken, stop, seconds)
