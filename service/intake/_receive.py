"""Group commit: concurrent webhooks share one transaction, and each is answered when it is durable.

Requests queue; a writer takes what is there, and a second one helps when many wait. There is no timer, so an idle
system answers at the speed of one insert, and a busy one commits ever larger batches. A batch the database refuses is
written one by one, so that one poisoned event fails alone.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from service import inbox, telemetry
from service.clock import Clock
from service.config import Entity, entity_of
from service.db import Database, Wakes, Writer
from service.domain import Observation
from service.errors import Overloaded
from service.inbox import InboxRow
from service.intake._prepare import prepare
from service.intake._stripe_event import StripeEvent
from service.mirror.sights import OBSERVE, OBSERVE_TYPES, OBSERVED, observe_parameters

_WRITERS = 2
_GAVE_WAY = ("40001", "40P01")  # serialization_failure, deadlock_detected
# How many must wait before another writer joins one that writes: below it, a larger next batch is worth more.
_WORTH_ANOTHER = 32
# One statement, so that an event and what it shows are one transaction and one journey: the keys of the new events, and
# what became of the sights.
_STORE = text(
    f"WITH recorded AS ({inbox.RECORD}), observed AS ({OBSERVE}) "  # noqa: S608  (both are the rooms' own)
    f"SELECT ARRAY(SELECT ARRAY[source, account, event_id] FROM recorded), {OBSERVED} FROM observed"
).bindparams(*inbox.RECORD_TYPES, *OBSERVE_TYPES)


class Receipt(StrEnum):
    """What became of an event."""

    NEW = "new"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


_Prepared = tuple[InboxRow, list[Observation]]


def _answered(error: Exception) -> bool:
    """Tell whether the database lives and refused what it was given: then each event is tried alone."""
    return isinstance(error, DBAPIError) and not error.connection_invalidated


class Intake:
    """Takes webhooks in. `run` must be running; `close` refuses new ones and lets the waiting ones finish."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        entities: Mapping[str, Entity],
        api_version: str,
        queue_limit: int,
        batch_limit: int,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._entities = entities
        self._api_version = api_version
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._queue: deque[tuple[_Prepared, asyncio.Future[Receipt]]] = deque()
        self._due = asyncio.Event()
        self._writing = 0
        self._closed = False

    async def receive(self, event: StripeEvent) -> Receipt:
        """Store an event and what it shows; durable when this returns. A duplicate is a quiet success.

        Raises:
            Overloaded: the queue is full, the service is stopping, or the database does not take it now.
        """
        if self._closed or len(self._queue) >= self._queue_limit:
            raise Overloaded("the service is stopping" if self._closed else "too many events are waiting")
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        owner = entity_of(self._entities, event.entity, event.account)
        entity, now = self._entities[event.entity], self._clock.now()
        self._queue.append((prepare(event, entity, owner, api_version=self._api_version, now=now), done))
        if self._worth_writing():
            self._due.set()
        return await done

    def close(self) -> None:
        """Refuse new events; `run` returns when the waiting ones are written."""
        self._closed = True
        self._due.set()

    async def run(self) -> None:
        """Write until closed."""
        async with asyncio.TaskGroup() as writers:
            for _ in range(_WRITERS):
                writers.create_task(self._write())

    async def _write(self) -> None:
        writer = self._database.writer(_STORE)
        while await self._work_comes():
            self._writing += 1
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_limit))]
            await self._settle(writer, taken)
            self._writing -= 1
        writer.close()

    def _worth_writing(self) -> bool:
        return len(self._queue) >= (_WORTH_ANOTHER if self._writing else 1)

    async def _work_comes(self) -> bool:
        """Return True when there is work for one more writer, False when there is none and no more will come."""
        while not self._worth_writing():
            if self._closed and not self._queue:
                self._due.set()  # for the other writers to end, too
                return False
            self._due.clear()
            await self._due.wait()
        return True

    async def _settle(self, writer: Writer, taken: Sequence[tuple[_Prepared, asyncio.Future[Receipt]]]) -> None:
        try:
            outcomes: list[Receipt | Exception] = list(await self._insist(writer, [prepared for prepared, _ in taken]))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            if len(taken) > 1 and _answered(error):
                outcomes = [await self._store_alone(writer, prepared) for prepared, _ in taken]
            else:
                outcomes = [error] * len(taken)
        for (_, done), outcome in zip(taken, outcomes, strict=True):
            if done.done():
                continue  # the sender went away; it will send again and find a duplicate
            if isinstance(outcome, Exception):
                telemetry.log().error("intake.failed", error=type(outcome).__name__)
                done.set_exception(Overloaded("the event could not be stored now"))
            else:
                done.set_result(outcome)

    async def _store_alone(self, writer: Writer, prepared: _Prepared) -> Receipt | Exception:
        try:
            return (await self._insist(writer, [prepared]))[0]
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            return error

    async def _insist(self, writer: Writer, batch: Sequence[_Prepared]) -> list[Receipt]:
        """Store, once more where the database took us for the one to give way."""
        try:
            return await self._store(writer, batch)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _GAVE_WAY:
                raise
        return await self._store(writer, batch)

    async def _store(self, writer: Writer, batch: Sequence[_Prepared]) -> list[Receipt]:
        observations = (seen for _, sights in batch for seen in sights)
        parameters = inbox.record_parameters([row for row, _ in batch])
        parameters |= observe_parameters(observations, now=self._clock.now())
        keys, changed, fetch = await writer.write(parameters)
        fresh = {tuple(key) for key in keys}
        telemetry.intake_batch.record(len(batch))
        if changed:
            self._wakes.signal("mirror")
        if fetch:
            self._wakes.signal("fetch")
        now = self._clock.now()
        return [self._receipt(row, fresh, now) for row, _ in batch]

    @staticmethod
    def _receipt(row: InboxRow, fresh: set[tuple[str, ...]], now: datetime) -> Receipt:
        key = (row.source, row.account, row.event_id)
        if key not in fresh:
            return Receipt.DUPLICATE
        fresh.discard(key)  # the same event twice in one batch: the second is the duplicate
        telemetry.events_recorded.add(1, {"source": row.source, "kind": row.kind})
        if row.occurred_at is not None:
            # Stripe tells whole seconds, and its clock is not ours.
            delay = max((now - row.occurred_at).total_seconds(), 0.0)
            telemetry.event_delay.record(delay, {"entity": row.account})
        return Receipt.QUARANTINED if row.state is inbox.State.QUARANTINED else Receipt.NEW
