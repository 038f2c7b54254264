"""`python -m tests.bench`: what webhooks and commands cost, beside the floors below them, in one run on one machine.

Absolute figures belong to the machine; the shares are what to look at, because every server of a run had the same
minutes, the same load and the same PostgreSQL.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.console import Console

from deploy.demo.stack import START_SECONDS, Stack
from tests.bench.arrivals import BACKLOG, DISTINCT, HOT, LARGE, Arrivals, apart
from tests.bench.calls import measure_calls
from tests.bench.events import TYPES, moulds
from tests.bench.feed import measure_feed, measure_take_over
from tests.bench.meters import Postgres
from tests.bench.orders import Orders
from tests.bench.rates import NOTHING, ONE_BY_ONE, SERVICE, Load, Target, compare, expect_durable
from tests.bench.replicas import measure_replicas
from tests.bench.report import Report
from tests.bench.requests import WAYS, Requests

_LIBRARIES = ("uvicorn", "sqlalchemy", "asyncpg", "orjson", "stripe")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is sent."""

    events: dict[str, int]
    rounds: int
    memory_steps: tuple[int, ...]
    orders: int
    arrivals: int
    backlog: int
    mirrored: int
    replicas: int
    requests: int
    burst: int
    stream: int
    take_overs: int
    lease_seconds: float


FULL = Scale(
    events={SERVICE: 8_000, NOTHING: 12_000, ONE_BY_ONE: 4_000},
    rounds=3,
    memory_steps=(10_000, 50_000, 100_000),
    orders=60,
    arrivals=10_000,
    backlog=50_000,
    mirrored=1_000_000,
    replicas=3,
    requests=200,
    burst=300,
    stream=5_000,
    take_overs=5,
    lease_seconds=10,  # as it is by default
)
QUICK = Scale(
    events={SERVICE: 400, NOTHING: 400, ONE_BY_ONE: 400},
    rounds=1,
    memory_steps=(100, 200, 300),
    orders=5,
    arrivals=400,
    backlog=800,
    mirrored=5_000,
    replicas=2,
    requests=3,
    burst=10,
    stream=1_000,
    take_overs=1,
    lease_seconds=1,
)
CONNECTIONS = (16, 64)
REQUESTS_AN_ORDER = 5


def payment_events(stack: Stack) -> list[dict[str, Any]]:
    """Let one payment happen in the sandbox and return the events Stripe made of it."""
    client = stack.stripe()
    customer = client.v1.customers.create({"name": "Jenny Rosen", "email": "jenny.rosen@example.com"})
    client.v1.payment_intents.create(
        {
            "amount": 109_900,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "description": "Order 2026-000418, annual plan with onboarding",
            "shipping": {
                "name": "Jenny Rosen",
                "phone": "+14155550100",
                "address": {
                    "line1": "510 Townsend St",
                    "city": "San Francisco",
                    "postal_code": "94103",
                    "country": "US",
                },
            },
            "metadata": {
                "salesforce_record_id": "006000000000001AAA",
                "order_number": "2026-000418",
                "cart": "b1946ac92492d2347c6235b4d2611184",
                "campaign": "autumn-renewals-emea-and-americas",
                "sales_channel": "web",
                "cost_centre": "4100-EU-WEST",
                "contract": "CTR-2026-77120-A",
                "terms": "net 30 days, prices in US dollars without tax",
                "approved_by": "finance-operations@example.com",
                "landing_page": "https://shop.example.com/checkout/annual-plan?ref=autumn",
            },
        }
    )
    facts = stack.info["stripe"]
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer = httpx.get(facts["url"] + "/v1/events", params={"limit": 100}, auth=(facts["secret_key"], ""))
        events = [event for event in answer.raise_for_status().json()["data"] if event["type"] in TYPES]
        if len(events) == len(TYPES):
            return events
        time.sleep(0.05)
    raise TimeoutError("the sandbox did not make the payment's events")


@contextmanager
def floor(kind: str, name: str, stack: Stack, postgres: Postgres) -> Iterator[Target]:
    """Run one of the floors' servers."""
    ready = stack.folder / f"floor-{kind}"
    variables = {
        "BENCH_DATABASE_URL": postgres.url,
        "BENCH_ENTITY": stack.entity,
        "BENCH_WEBHOOK_SECRET": stack.webhook_secret,
    }
    command = [sys.executable, "-m", "tests.bench.floor", kind, str(ready)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | variables) as process:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"the floor {name!r} did not start")
            time.sleep(0.02)
        yield Target(name, int(ready.read_text()), psutil.Process(process.pid))


def measure_webhooks(
    report: Report, stack: Stack, postgres: Postgres, scale: Scale, shapes: list[dict[str, Any]]
) -> None:
    """Fill in rates, statements and memory: one web process, as a user starts it, and the two floors."""
    report.body_bytes = {json.loads(shape["body"])["type"]: len(shape["body"]) for shape in shapes}
    service = stack.start_service(["web"])
    load = Load(shapes, path=f"/webhooks/stripe/{stack.entity}", secret=stack.webhook_secret, postgres=postgres)
    ours = Target(SERVICE, stack.web_port, psutil.Process(service.process.pid))
    with (
        floor("nothing", NOTHING, stack, postgres) as nothing,
        floor("insert", ONE_BY_ONE, stack, postgres) as one_by_one,
    ):
        targets = (ours, nothing, one_by_one)
        for target in targets:
            load.run(target, connections=max(CONNECTIONS), events=scale.events[target.name] // 4)
        for connections in CONNECTIONS:
            report.rates[connections] = compare(
                load, targets, postgres, connections=connections, events=scale.events, rounds=scale.rounds
            )
        for target in (ours, one_by_one):
            report.statements_a_commit[target.name] = load.statements_a_commit(target, connections=64, events=400)
    service.stop()
    measure_memory(report, load, stack, postgres, scale)


def measure_memory(report: Report, load: Load, stack: Stack, postgres: Postgres, scale: Scale) -> None:
    """Send a fresh web process ever more events and look at its resident memory."""
    service = stack.start_service(["web"])
    target = Target(SERVICE, stack.web_port, psutil.Process(service.process.pid))
    postgres.clean()
    sent = 0
    for total in scale.memory_steps:
        load.run(target, connections=64, events=total - sent, presigned=False)
        sent = total
        report.memory_mib[total] = target.process.memory_info().rss / 2**20
    expect_durable(postgres, sent)
    service.stop()
    postgres.clean()


def measure_orders(report: Report, stack: Stack, postgres: Postgres, scale: Scale) -> None:
    """Fill in what a command costs: all roles in one process."""
    orders = Orders(stack, stack.start_service(), postgres)
    try:
        report.orders["gRPC CreatePayment"] = orders.over_grpc(scale.orders)
        report.orders["Salesforce event"] = orders.by_event(scale.orders)
    finally:
        orders.close()


def measure_arrivals(
    report: Report, stack: Stack, postgres: Postgres, scale: Scale, shapes: list[dict[str, Any]]
) -> None:
    """Fill in what it takes until everything stands in Salesforce: new records, one that never rests, an outage."""
    for earlier in stack.services:
        if earlier.running:
            earlier.stop()
    service = stack.start_service()
    postgres.clean()
    load = Load(apart(shapes), path=f"/webhooks/stripe/{stack.entity}", secret=stack.webhook_secret, postgres=postgres)
    arrivals = Arrivals(stack, Target(SERVICE, stack.web_port, psutil.Process(service.process.pid)), load, postgres)
    arrivals.measure(scale.arrivals // 10)  # the first pass of a process pays for its start
    report.arrivals[DISTINCT] = arrivals.measure(scale.arrivals)
    report.arrivals[HOT] = arrivals.measure(scale.arrivals, hot=True)
    report.arrivals[BACKLOG] = arrivals.drain(scale.backlog)
    arrivals.grow(scale.mirrored)
    report.arrivals[LARGE] = arrivals.measure(scale.arrivals)
    service.stop()


def measure_requests(report: Report, stack: Stack, postgres: Postgres, scale: Scale) -> None:
    """Fill in the way from Salesforce to Stripe: its calls, latency and cost, and the stream that it begins with."""
    for earlier in stack.services:
        if earlier.running:
            earlier.stop()
    report.calls = measure_calls(stack, postgres.url)
    service = stack.start_service()
    requests = Requests(stack, service, postgres)
    try:
        for name, way in WAYS.items():
            report.latency[name] = requests.latency(way, scale.requests)
            report.burst[name] = requests.burst(way, scale.burst)
    finally:
        requests.close()
    report.feed = measure_feed(stack, postgres, scale.stream)
    report.take_over = measure_take_over(stack, postgres, scale.take_overs, lease_seconds=scale.lease_seconds)


def run(scale: Scale, folder: Path, *, only: str | None) -> Report:
    """Measure everything in one run, or only one part of it."""
    with Postgres(folder / "data") as postgres, Stack(folder, database_url=postgres.url) as stack:
        machine = {"python": platform.python_version(), "postgresql": postgres.version, "cores": os.cpu_count()}
        report = Report(machine | {name: version(name) for name in _LIBRARIES}, {})
        stack.start_sandbox()
        shapes = moulds(payment_events(stack))
        if only == "replicas":
            report.replicas = measure_replicas(
                stack,
                postgres,
                shapes,
                events=scale.arrivals,
                requests=scale.orders * REQUESTS_AN_ORDER,
                most=scale.replicas,
            )
            return report
        if only is None:
            measure_webhooks(report, stack, postgres, scale, shapes)
            measure_orders(report, stack, postgres, scale)
        if only != "requests":
            measure_arrivals(report, stack, postgres, scale, shapes)
        if only != "arrivals":
            measure_requests(report, stack, postgres, scale)
        return report


def main(
    quick: Annotated[bool, typer.Option("--quick", help="A few hundred events: proves that it works.")] = False,
    arrivals: Annotated[
        bool, typer.Option("--arrivals", help="Only this: from webhook to Salesforce record, and calls for it.")
    ] = False,
    replicas: Annotated[
        bool, typer.Option("--replicas", help="Only this: one, two and three workers on one PostgreSQL.")
    ] = False,
    requests: Annotated[
        bool, typer.Option("--requests", help="Only this: from Salesforce's event to Stripe's call, and the stream.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure webhooks and commands, beside their floors."""
    parts = {"arrivals": arrivals, "replicas": replicas, "requests": requests}
    only = next((name for name, wanted in parts.items() if wanted), None)
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as folder:
        report = run(QUICK if quick else FULL, Path(folder), only=only)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    report.show(Console(width=None if sys.stdout.isatty() else 170))


if __name__ == "__main__":
    typer.run(main)
