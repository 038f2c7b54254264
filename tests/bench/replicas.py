"""What more replicas bring: the same work for one, two and three worker processes that share one PostgreSQL.

One web process takes all webhooks, so that only the number of those who work on them differs. On a machine with fewer
cores than processes a replica more brings safety and no speed: the figures say which.
"""

from dataclasses import dataclass
from typing import Any

import psutil

from deploy.demo.stack import Process, Stack
from tests.bench.arrivals import Arrivals, apart
from tests.bench.meters import Postgres
from tests.bench.orders import Orders
from tests.bench.rates import SERVICE, Load, Target

_ROLES = ("worker", "subscriber", "grpc")


@dataclass(frozen=True, slots=True)
class ReplicaFigures:
    """One number of replicas: from webhook to Salesforce, and from Salesforce's request to its end in Stripe."""

    events_a_second: float
    requests_a_second: float


def measure_replicas(
    stack: Stack, postgres: Postgres, shapes: list[dict[str, Any]], *, events: int, requests: int, most: int
) -> dict[int, ReplicaFigures]:
    """Return the figures by number of replicas. Whatever ran of the service before is stopped first."""
    for earlier in stack.services:
        if earlier.running:
            earlier.stop()
    web = stack.start_service(["web"], name="web")
    door = Target(SERVICE, stack.web_port, psutil.Process(web.process.pid))
    load = Load(apart(shapes), path=f"/webhooks/stripe/{stack.entity}", secret=stack.webhook_secret, postgres=postgres)
    replicas: list[Process] = []
    found: dict[int, ReplicaFigures] = {}
    for number in range(1, most + 1):
        replicas.append(stack.start_service(_ROLES, name="replica"))
        postgres.clean()
        arrivals = Arrivals(stack, door, load, postgres)
        arrivals.measure(max(events // 10, 1))  # the first pass of a process pays for its start
        rate = arrivals.measure(events).rate
        orders = Orders(stack, replicas[0], postgres)
        try:
            found[number] = ReplicaFigures(rate, orders.burst(requests, f"replicas-{number}"))
        finally:
            orders.close()
    for process in (*replicas, web):
        process.stop()
    return found
