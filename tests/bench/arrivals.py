"""From webhook to Salesforce record: how fast everything stands there, and how many calls that took.

The clock starts with the first webhook and stops when nothing is left to project or to deliver. Fetches from Stripe are
not waited for: the copies of a payment name balance transactions that Stripe's imitation does not know.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.demo.stack import Stack
from tests.bench.meters import Postgres
from tests.bench.rates import Load, Target

DISTINCT, HOT = "distinct records", "one hot record"
_CONNECTIONS = 64
_LONGEST_SECONDS = 600
_PAUSE_SECONDS = 0.1
# The payment that the copies are made of names a record that no org has, and is refused as it should be.
_MOULD = "006000000000001AAA"
_LEFT = f"""
    SELECT (SELECT count(*) FROM mirror WHERE dirty)
         + (SELECT count(*) FROM outbox WHERE state = 'waiting' AND lane <> '{_MOULD}')
"""  # noqa: S608  (our own words)
_REFUSED = f"SELECT count(*) FROM outbox WHERE state <> 'delivered' AND lane <> '{_MOULD}'"  # noqa: S608  (our own words)


@dataclass(frozen=True, slots=True)
class ArrivalFigures:
    """One pass."""

    events: int
    seconds: float
    calls: int
    records: int

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

    def measure(self, events: int, *, hot: bool) -> ArrivalFigures:
        """Send events and wait until everything they mean is delivered.

        Raises:
            TimeoutError: it is not within ten minutes.
            RuntimeError: a record was refused.
        """
        calls, records = self._calls(), self._records()
        begun = time.monotonic()
        self._load.run(self._target, connections=_CONNECTIONS, events=events, hot=hot)
        while self._postgres.number(_LEFT):
            if time.monotonic() - begun > _LONGEST_SECONDS:
                raise TimeoutError("not everything was delivered")
            time.sleep(_PAUSE_SECONDS)
        seconds = time.monotonic() - begun
        if self._postgres.number(_REFUSED):
            raise RuntimeError("a record was refused")
        return ArrivalFigures(events, seconds, self._calls() - calls, self._records() - records)

    def _calls(self) -> int:
        requests = json.loads(httpx.get(f"{self._control}/salesforce/requests", timeout=30).content)["requests"]
        return sum(request["path"].startswith("/services/data/") for request in requests)

    def _records(self) -> int:
        return self._postgres.number("SELECT count(*) FROM outbox WHERE state = 'delivered'")
