"""Salesforce's Pub/Sub stream: how fast events are taken in and committed, and how soon another process goes on.

Only the subscriber runs while events are taken in: each batch and the position behind it are one commit. They wait in
Salesforce when it starts, so that its own pace is what is measured, beside that of the stand-in which sends them.
The take-over is of a holder that is killed: from then until an event published afterwards is committed by another.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import httpx
import psutil

from deploy.demo.outside import TOPIC_OBJECT, Salesforce
from deploy.demo.stack import Process, Stack
from tests.bench.meters import Postgres, Reading
from tests.bench.orders import PATIENCE_SECONDS, until

_TOPIC = f"/event/{TOPIC_OBJECT}"
_AT_ONCE = 200
_TAKEN = f"SELECT count(*) FROM inbox WHERE kind = '{_TOPIC}'"  # noqa: S608  (our own words)
_LEASE = "COUNTERFOIL_LEASE_SECONDS"


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """Events that waited in Salesforce, from the first that was committed to the last; CPU in milliseconds an event."""

    events: int
    rate: float
    service_cpu_ms: float
    postgres_cpu_ms: float
    commits: float


@dataclass(frozen=True, slots=True)
class TakeOverFigures:
    """From killing the holder until the next event was committed by another process, in seconds, by try."""

    lease_seconds: float
    seconds: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.seconds)


def measure_feed(stack: Stack, postgres: Postgres, events: int) -> FeedFigures:
    """Let events wait, and have a subscriber that knows its place take them in. Whatever ran before is stopped."""
    _stop(stack.services)
    reader = stack.start_service(["subscriber"], name="subscriber")
    _publish(stack, 1)
    before = postgres.number(_TAKEN)
    until(lambda: postgres.number(_TAKEN) > before)
    reader.stop()
    before = postgres.number(_TAKEN)
    _publish(stack, events)
    reader = stack.start_service(["subscriber"], name="subscriber")
    process = psutil.Process(reader.process.pid)
    until(lambda: postgres.number(_TAKEN) > before)
    begun, first = time.perf_counter(), postgres.number(_TAKEN) - before
    start = Reading.take(process, postgres)
    until(lambda: postgres.number(_TAKEN) - before >= events, PATIENCE_SECONDS + events / 100)
    seconds = time.perf_counter() - begun
    spent = Reading.take(process, postgres) - start
    reader.stop()
    postgres.clean()  # they asked for nothing
    counted = events - first
    return FeedFigures(
        events=counted,
        rate=counted / seconds,
        service_cpu_ms=spent.server_cpu_s / counted * 1e3,
        postgres_cpu_ms=spent.postgres_cpu_s / counted * 1e3,
        commits=spent.commits / counted,
    )


def measure_take_over(stack: Stack, postgres: Postgres, tries: int, *, lease_seconds: float) -> TakeOverFigures:
    """Kill the process that reads the stream, again and again, beside one that waits for it."""
    _stop(stack.services)
    stack.environment[_LEASE] = str(lease_seconds)
    readers = [stack.start_service(["subscriber"], name="reader") for _ in range(2)]
    found: list[float] = []
    try:
        for _ in range(tries):
            holder = _holder(postgres, readers)
            readers.remove(holder)
            before = postgres.number(_TAKEN)
            holder.kill()
            killed = time.perf_counter()
            _publish(stack, 1)
            until(lambda: postgres.number(_TAKEN) > before, PATIENCE_SECONDS + 3 * lease_seconds)  # noqa: B023  (at once)
            found.append(time.perf_counter() - killed)
            readers.append(stack.start_service(["subscriber"], name="reader"))
    finally:
        _stop(readers)
        del stack.environment[_LEASE]
    postgres.clean()
    return TakeOverFigures(lease_seconds, tuple(found))


def _holder(postgres: Postgres, readers: Sequence[Process]) -> Process:
    """Return who reads the stream: the number of its process is part of its name there."""

    def look() -> Process | None:
        holds = "SELECT count(*) FROM streams WHERE topic = '{}' AND holder LIKE '%:{}:%'"
        return next((one for one in readers if postgres.number(holds.format(_TOPIC, one.process.pid))), None)

    until(lambda: look() is not None)
    found = look()
    if found is None:
        raise RuntimeError("the stream has no holder that lasts")
    return found


def _stop(services: Sequence[Process]) -> None:
    for one in services:
        if one.running:
            one.stop()


def _publish(stack: Stack, events: int) -> None:
    """Publish events that ask for nothing that exists, 200 in a call."""
    salesforce = Salesforce(stack.info["salesforce"])
    headers = {"Authorization": f"Bearer {salesforce.token}"}
    url = stack.info["salesforce"]["http_url"] + "/services/data/v66.0/composite/sobjects"
    wish = {"attributes": {"type": TOPIC_OBJECT}, "Operation__c": "none", "Record_Id__c": "006000000000001AAA"}
    for start in range(0, events, _AT_ONCE):
        rows = [wish | {"Version__c": str(number)} for number in range(start, min(start + _AT_ONCE, events))]
        answer = httpx.post(url, json={"records": rows}, headers=headers, timeout=PATIENCE_SECONDS)
        if not all(one["success"] for one in answer.raise_for_status().json()):
            raise RuntimeError("Salesforce's stand-in took an event for none")
    salesforce.close()
