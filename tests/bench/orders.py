"""What one command costs: asked over gRPC, and asked by a Salesforce event, with all that follows it.

All roles run in one process, against the sandbox. The wall time ends when the command is settled; the CPU is the
service's alone, counted until its write-backs are delivered and Stripe's webhooks for it are taken in.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import grpc
import httpx
import psutil

from deploy.demo.stack import Process, Stack
from service.gen.counterfoil.v1 import payments_service_pb2, payments_service_pb2_grpc
from tests.bench.meters import Postgres, cpu_seconds

VERSION = "v66.0"
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """Wall time in milliseconds (asked until settled), CPU of the service in milliseconds a command."""

    wall_p50_ms: float
    wall_p95_ms: float
    cpu_ms: float


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as a condition holds.

    Raises:
        TimeoutError: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not settled within {seconds} s")
        time.sleep(_LOOK_SECONDS)


def at_rest(control: str, postgres: Postgres) -> None:
    """Return when nothing is under way: no webhook, no changed object, no record that waits."""
    httpx.post(f"{control}/stripe/webhooks/flush", timeout=PATIENCE_SECONDS)
    busy = (
        "SELECT (SELECT count(*) FROM mirror WHERE dirty) + (SELECT count(*) FROM notes) "
        "+ (SELECT count(*) FROM outbox WHERE state = 'waiting')"
    )
    until(lambda: postgres.number(busy) == 0)


class Orders:
    """Asks for payments one after the other."""

    def __init__(self, stack: Stack, service: Process, postgres: Postgres) -> None:
        self._stack = stack
        self._postgres = postgres
        self._process = psutil.Process(service.process.pid)
        self._grpc = service.info["grpc"]
        facts = stack.info["salesforce"]
        self._salesforce = httpx.Client(base_url=facts["http_url"], timeout=PATIENCE_SECONDS)
        form = {name: facts[name] for name in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
        token = self._salesforce.post("/services/oauth2/token", data=form).raise_for_status().json()["access_token"]
        self._salesforce.headers["Authorization"] = f"Bearer {token}"
        query = {"q": "SELECT Id FROM Opportunity WHERE IsClosed = false AND CurrencyIsoCode = 'USD'"}
        found = self._salesforce.get(f"/services/data/{VERSION}/query", params=query).raise_for_status().json()
        self._records = [record["Id"] for record in found["records"]]

    def over_grpc(self, count: int) -> OrderFigures:
        """Ask with CreatePayment, which answers when the payment intent exists."""
        with grpc.insecure_channel(self._grpc) as channel:
            stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)

            def ask(record: str, version: str) -> None:
                request = payments_service_pb2.CreatePaymentRequest(
                    entity=self._stack.entity,
                    record_id=record,
                    unconfirmed=payments_service_pb2.Unconfirmed(),
                    version=version,
                )
                answer = stub.CreatePayment(request, timeout=PATIENCE_SECONDS)
                if not answer.payment.payment_intent_id or answer.replayed:
                    raise RuntimeError("the service answered without a new payment intent")

            return self._measure(ask, count, "grpc")

    def pages(self, count: int) -> list[payments_service_pb2.CreatePaymentRequest]:
        """Have payment pages made, and return the requests: asked again, they are answered from what was done."""
        requests = [
            payments_service_pb2.CreatePaymentRequest(
                entity=self._stack.entity,
                record_id=self._records[number % len(self._records)],
                hosted_checkout=payments_service_pb2.HostedCheckout(),
                version=f"page-{number}",
                request_id=f"page-{number}",
            )
            for number in range(count)
        ]
        with grpc.insecure_channel(self._grpc) as channel:
            stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
            for request in requests:
                stub.CreatePayment(request, timeout=PATIENCE_SECONDS)
        self._rest()
        return requests

    def by_event(self, count: int) -> OrderFigures:
        """Ask by publishing Payment_Request__e, and watch the ledger."""

        def ask(record: str, version: str) -> None:
            self._publish(record, version)
            settled = f"SELECT count(*) FROM commands WHERE business_version = '{version}' AND state = 'SUCCEEDED'"  # noqa: S608  (our words)
            until(lambda: self._postgres.number(settled) == 1)

        return self._measure(ask, count, "event")

    def burst(self, count: int, word: str) -> float:
        """Publish many requests at once; return how many a second were settled, from the first to the last."""
        begun = time.perf_counter()
        for number in range(count):
            self._publish(self._records[number % len(self._records)], f"{word}-{number}")
        settled = f"SELECT count(*) FROM commands WHERE business_version LIKE '{word}-%' AND state = 'SUCCEEDED'"  # noqa: S608  (our words)
        until(lambda: self._postgres.number(settled) == count, PATIENCE_SECONDS + count)
        rate = count / (time.perf_counter() - begun)
        self._rest()
        return rate

    def _publish(self, record: str, version: str) -> None:
        event: dict[str, Any] = {
            "Operation__c": "create_payment",
            "Record_Id__c": record,
            "Method__c": "unconfirmed",
            "Version__c": version,
            "Entity__c": self._stack.entity,
        }
        path = f"/services/data/{VERSION}/sobjects/Payment_Request__e"
        self._salesforce.post(path, json=event).raise_for_status()

    def _measure(self, ask: Callable[[str, str], None], count: int, word: str) -> OrderFigures:
        for number in range(2):
            ask(self._records[0], f"{word}-warm-{number}")
        self._rest()
        walls = []
        before = cpu_seconds(self._process)
        for number in range(count):
            begun = time.perf_counter()
            ask(self._records[number % len(self._records)], f"{word}-{number}")
            walls.append((time.perf_counter() - begun) * 1e3)
        self._rest()
        spent = cpu_seconds(self._process) - before
        return OrderFigures(median(walls), quantiles(walls, n=20)[-1], spent / count * 1e3)

    def _rest(self) -> None:
        at_rest(self._stack.info["control"]["url"], self._postgres)

    def close(self) -> None:
        self._salesforce.close()
