"""From a Payment_Request__e to Stripe: how soon the call is there, and what a request costs when many come.

The clock of a latency starts when the event is published and stops when Stripe's stand-in has received the call; what
the stand-in took to answer the calls before it is Stripe's own time and not counted. Salesforce's time is counted: the
record is read on the way. One request at a time, everything else at rest. The burst is the opposite: all at once, and
CPU counted until nothing is left to do, webhooks and records included.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import httpx
import psutil

from deploy.demo.outside import TOPIC_OBJECT, Salesforce
from deploy.demo.stack import Process, Stack
from tests.bench.meters import Postgres, Reading
from tests.bench.orders import PATIENCE_SECONDS, at_rest, until

_CARD = "pm_card_visa"
_AT_ONCE = 200  # records of one call of Salesforce's collections


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay: its method, whether the customer is there already, and the path of the call that decides it."""

    method: str
    known_customer: bool
    decisive: str


WAYS = {
    "hosted_checkout, new customer": Way("hosted_checkout", False, "/v1/checkout/sessions"),
    "off_session": Way("off_session", True, "/v1/payment_intents"),
}


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Milliseconds above Stripe's own time, from publishing to the first call and to the one that decides."""

    requests: int
    first_p50_ms: float
    first_p99_ms: float
    decisive_p50_ms: float
    decisive_p99_ms: float


@dataclass(frozen=True, slots=True)
class BurstFigures:
    """Many requests at once; CPU in milliseconds a request, with all that follows it."""

    requests: int
    seconds: float
    service_cpu_ms: float
    postgres_cpu_ms: float

    @property
    def rate(self) -> float:
        """Requests settled a second."""
        return self.requests / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of CPU of the service and PostgreSQL."""
        return 1000 / (self.service_cpu_ms + self.postgres_cpu_ms)


class Requests:
    """Asks for payments of new Opportunities by publishing events, in the way of one of `WAYS`."""

    def __init__(self, stack: Stack, service: Process, postgres: Postgres) -> None:
        self._control = stack.info["control"]["url"]
        self._entity = stack.entity
        self._postgres = postgres
        self._process = psutil.Process(service.process.pid)
        self._stripe = stack.stripe()
        self._salesforce = Salesforce(stack.info["salesforce"])
        self._http = httpx.Client(base_url=stack.info["salesforce"]["http_url"], timeout=PATIENCE_SECONDS)
        self._http.headers["Authorization"] = f"Bearer {self._salesforce.token}"

    def latency(self, way: Way, count: int) -> LatencyFigures:
        """Ask one at a time and look at Stripe's log.

        Raises:
            RuntimeError: a request was not carried out as its way says.
        """
        records = self._records(way, count + 2)
        for number, record in enumerate(records[:2]):  # the first of a process pay for its start
            self._settled(way, [record], f"warm-{way.method}-{number}")
        times = [self._one(way, record, f"latency-{way.method}-{n}") for n, record in enumerate(records[2:])]
        first, decisive = ([one[place] for one in times] for place in (0, 1))
        return LatencyFigures(count, median(first), _p99(first), median(decisive), _p99(decisive))

    def burst(self, way: Way, count: int) -> BurstFigures:
        """Ask for many payments at once, each of a record of its own."""
        records = self._records(way, count)
        self._rest()
        before = Reading.take(self._process, self._postgres)
        seconds = self._settled(way, records, f"burst-{way.method}")
        self._rest()
        spent = Reading.take(self._process, self._postgres) - before
        return BurstFigures(count, seconds, spent.server_cpu_s / count * 1e3, spent.postgres_cpu_s / count * 1e3)

    def _one(self, way: Way, record: str, version: str) -> tuple[float, float]:
        """Return how long one request took to its first call and to the decisive one, in milliseconds."""
        self._rest()
        began = time.time() * 1e3
        self._settled(way, [record], version)
        log = httpx.get(f"{self._control}/stripe/requests", timeout=PATIENCE_SECONDS).json()["requests"]
        calls = [one for one in log if one["began_ms"] >= began]
        place = next((n for n, one in enumerate(calls) if (one["method"], one["path"]) == ("POST", way.decisive)), None)
        if place is None:
            raise RuntimeError(f"Stripe was never asked for {way.decisive}")
        stripes = sum(one["at_ms"] - one["began_ms"] for one in calls[:place])
        return calls[0]["began_ms"] - began, calls[place]["began_ms"] - began - stripes

    def _settled(self, way: Way, records: Sequence[str], version: str) -> float:
        """Publish a request for each record; return after how many seconds the last of them was settled."""
        begun = time.perf_counter()
        for start in range(0, len(records), _AT_ONCE):
            self._publish(way, records[start : start + _AT_ONCE], version)
        settled = f"SELECT count(*) FROM commands WHERE business_version = '{version}' AND state = 'SUCCEEDED'"  # noqa: S608  (our words)
        until(lambda: self._postgres.number(settled) == len(records), PATIENCE_SECONDS + len(records))
        return time.perf_counter() - begun

    def _publish(self, way: Way, records: Sequence[str], version: str) -> None:
        wish = {"Operation__c": "create_payment", "Method__c": way.method, "Version__c": version}
        self._many(TOPIC_OBJECT, [wish | {"Record_Id__c": one, "Entity__c": self._entity} for one in records])

    def _records(self, way: Way, count: int) -> list[str]:
        """Make Opportunities, each of an Account of its own."""
        accounts = self._many("Account", [{"Name": f"Buyer {number}", **self._known(way)} for number in range(count)])
        sale = {"StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 120.5, "CurrencyIsoCode": "USD"}
        return self._many("Opportunity", [{**sale, "Name": "A sale", "AccountId": one} for one in accounts])

    def _known(self, way: Way) -> dict[str, str]:
        """Return what names the customer of an Account, who then has a saved card to be charged by default."""
        if not way.known_customer:
            return {}
        customer = self._stripe.v1.customers.create({"name": "Buyer"}).id
        card = self._stripe.v1.payment_methods.attach(_CARD, {"customer": customer}).id
        self._stripe.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
        return {"Stripe_Customer_Id__c": customer}

    def _many(self, sobject: str, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Create records, or publish events, 200 at a time; return their ids."""
        made: list[str] = []
        for start in range(0, len(rows), _AT_ONCE):
            typed = [{"attributes": {"type": sobject}, **row} for row in rows[start : start + _AT_ONCE]]
            answer = self._http.post("/services/data/v66.0/composite/sobjects", json={"records": typed})
            results = answer.raise_for_status().json()
            if not all(one["success"] for one in results):
                raise RuntimeError(f"Salesforce's stand-in refused a {sobject}: {results}")
            made += [one["id"] for one in results]
        return made

    def _rest(self) -> None:
        at_rest(self._control, self._postgres)

    def close(self) -> None:
        self._http.close()
        self._salesforce.close()


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[-1] if len(values) > 1 else values[0]
