"""What the supervisor's tests share: a clock that remembers pauses, a run that ends, and what the database holds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import text

from service.db import Database
from subscribers import Pauses, Supervisor

Make = Callable[..., Supervisor]
ORG = "main"
LEASE = timedelta(seconds=5)
PAUSES = Pauses(
    first=timedelta(milliseconds=2),
    longest=timedelta(milliseconds=12),
    slow=timedelta(milliseconds=30),
    alarm=timedelta(milliseconds=60),
)


class Watch:
    """A clock without chance that remembers the pauses it was asked to spread."""

    def __init__(self) -> None:
        self.pauses: list[timedelta] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        return uuid4()

    def jitter(self, span: timedelta) -> timedelta:
        self.pauses.append(span * 2)
        return timedelta()


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(supervisor.run())
    try:
        yield task
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Stored:
    """What the database holds of one topic."""

    def __init__(self, database: Database, topic: str) -> None:
        self.database = database
        self.topic = topic

    async def rows(self, query: str) -> list[Any]:
        async with self.database.read() as tx:
            return list((await tx.execute(text(query), {"topic": self.topic})).all())

    async def position(self) -> bytes | None:
        found = await self.rows("SELECT position FROM streams WHERE topic = :topic")
        return bytes(found[0].position) if found and found[0].position else None

    async def holder(self) -> str | None:
        found = await self.rows("SELECT holder FROM streams WHERE topic = :topic")
        return found[0].holder if found else None

    async def numbers(self) -> list[float]:
        found = await self.rows("SELECT payload FROM inbox WHERE kind = :topic ORDER BY object_id")
        return [float(orjson.loads(row.payload)["Number__c"]) for row in found]

    async def reach(self, wanted: list[float], seconds: float = 20) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while (found := await self.numbers()) != wanted:
            assert asyncio.get_running_loop().time() < deadline, found
            await asyncio.sleep(0.01)
