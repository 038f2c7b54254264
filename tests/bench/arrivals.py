"""From webhook to Salesforce record: how fast everything stands there, how many calls that took, and what memory.

The clock starts with the first webhook and stops when nothing is left to project or to deliver. Fetches from Stripe are
not waited for: the copies of a payment name balance transactions that Stripe's imitation does not know.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.demo.stack import Stack
from tests.bench.meters import Postgres
from tests.bench.rates import Load, Target

DISTINCT, HOT = "distinct records", "one hot record"
BACKLOG, LARGE = "backlog after an outage", "distinct records, large mirror"
_CONNECTIONS = 64
_LONGEST_SECONDS = 600
_PAUSE_SECONDS = 0.1
# The payment that the copies are made of names a record that no org has, and is refused as it should be.
_MOULD = "006000000000001AAA"
_LEFT = f"""
    SELECT (SELECT count(*) FROM mirror WHERE dirty) + (SELECT count(*) FROM notes)
         + (SELECT count(*) FROM outbox WHERE state = 'waiting' AND lane <> '{_MOULD}')
"""  # noqa: S608  (our own words)
_AT_REST = "fetch_at IS NULL AND fetch_error IS NULL"
_UNREAD = "SELECT (SELECT count(*) FROM mirror WHERE dirty) + (SELECT count(*) FROM notes)"
_REFUSED = f"SELECT count(*) FROM outbox WHERE state <> 'delivered' AND lane <> '{_MOULD}'"  # noqa: S608  (our own words)


@dataclass(frozen=True, slots=True)
class ArrivalFigures:
    """One pass."""

    events: int
    seconds: float
    calls: int
    records: int
    memory_mib: float
    mirrored: int

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def calls_per_thousand(self) -> float:
        """Calls to Salesforce for 1,000 events."""
        return self.calls * 1000 / self.events


def apart(shapes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return moulds whose payments belong to no record of the customer's, and so not together."""
    return [shape | {"body": shape["body"].replace("salesforce_record_id", "not_a_record_of_ours")} for shape in shapes]


class Arrivals:
    """A running service, and the two vendors' imitations around it."""

    def __init__(self, stack: Stack, target: Target, load: Load, postgres: Postgres) -> None:
        self._control = stack.info["control"]["url"]
        self._target = target
        self._load = load
        self._postgres = postgres

    def measure(self, events: int, *, hot: bool = False) -> ArrivalFigures:
        """Send events and wait until everything they mean is delivered.

        Raises:
            TimeoutError: it is not within ten minutes.
            RuntimeError: a record was refused.
        """
        with self._measured(events) as found:
            self._load.run(self._target, connections=_CONNECTIONS, events=events, hot=hot)
            self._wait(_LEFT)
        return found[0]

    def drain(self, events: int) -> ArrivalFigures:
        """Send events while Salesforce is out; measure from its return until everything they mean is delivered."""
        fault = {"fault": "status", "status": 503, "times": -1}
        httpx.post(f"{self._control}/salesforce/faults", json=fault).raise_for_status()
        self._load.run(self._target, connections=_CONNECTIONS, events=events)
        self._wait(_UNREAD)
        with self._measured(events) as found:
            httpx.delete(f"{self._control}/salesforce/faults").raise_for_status()
            self._wait(_LEFT)
        return found[0]

    def grow(self, objects: int) -> None:
        """Fill mirror and outbox with copies of what is there at rest until so many objects are mirrored.

        What was asked of Stripe in vain is not copied: an installation at rest asks for nothing.
        """
        there = self._postgres.number(f"SELECT count(*) FROM mirror WHERE {_AT_REST}")  # noqa: S608  (our own words)
        self._postgres.multiply("mirror", ("object_id", "parent_id", "linked_id"), objects // there, where=_AT_REST)
        self._postgres.multiply("outbox", ("key", "lane", "parent_key"), objects // there)
        self._postgres.write_out()

    @contextmanager
    def _measured(self, events: int) -> Iterator[list[ArrivalFigures]]:
        found: list[ArrivalFigures] = []
        calls, records, begun = self._calls(), self._records(), time.monotonic()
        yield found
        seconds = time.monotonic() - begun
        if self._postgres.number(_REFUSED):
            raise RuntimeError("a record was refused")
        memory = self._target.process.memory_info().rss / 2**20
        mirrored = self._postgres.number("SELECT count(*) FROM mirror")
        found.append(
            ArrivalFigures(events, seconds, self._calls() - calls, self._records() - records, memory, mirrored)
        )

    def _wait(self, left: str) -> None:
        begun = time.monotonic()
        while self._postgres.number(left):
            if time.monotonic() - begun > _LONGEST_SECONDS:
                raise TimeoutError("not everything was delivered")
            time.sleep(_PAUSE_SECONDS)

    def _calls(self) -> int:
        requests = json.loads(httpx.get(f"{self._control}/salesforce/requests", timeout=30).content)["requests"]
        return sum(request["path"].startswith("/services/data/") for request in requests)

    def _records(self) -> int:
        return self._postgres.number("SELECT count(*) FROM outbox WHERE state = 'delivered'")
