"""`python -m tests.bench`: what webhooks, commands and calls cost, beside the floors below them, in one run.

Absolute figures belong to the machine; the shares are what to look at, because every server of a run had the same
minutes, the same load and the same PostgreSQL.
"""

import json
import os
import platform
import sys
import tempfile
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console

from deploy.demo.stack import Stack
from tests.bench.api import measure_rpcs
from tests.bench.arrivals import BACKLOG, DISTINCT, HOT, LARGE, Arrivals, apart
from tests.bench.calls import measure_calls
from tests.bench.crowds import measure_crowds
from tests.bench.events import moulds
from tests.bench.feed import measure_feed, measure_take_over
from tests.bench.meters import Postgres
from tests.bench.orders import Orders
from tests.bench.rates import SERVICE, Load, Target
from tests.bench.replicas import measure_replicas
from tests.bench.report import Report
from tests.bench.requests import WAYS, Requests
from tests.bench.scale import FULL, QUICK, Scale
from tests.bench.sealing import measure_sealing
from tests.bench.webhooks import measure_webhooks, payment_events

_LIBRARIES = ("uvicorn", "sqlalchemy", "asyncpg", "orjson", "stripe", "grpcio")
REQUESTS_AN_ORDER = 5


class Part(StrEnum):
    """What is measured."""

    ALL = "all"
    ARRIVALS = "arrivals"
    REPLICAS = "replicas"
    REQUESTS = "requests"
    API = "api"
    ENCRYPTION = "encryption"


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
    report.stripe_calls = measure_calls(stack, postgres.url)
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


def measure_api(report: Report, stack: Stack, postgres: Postgres, scale: Scale, shapes: list[dict[str, Any]]) -> None:
    """Fill in what calls cost and what watchers cost."""
    report.rpcs = measure_rpcs(stack, postgres, apart(shapes), scale.api)
    report.crowds = measure_crowds(stack, postgres, scale.api)
    postgres.clean()


def run(scale: Scale, folder: Path, part: Part) -> Report:
    """Measure everything in one run, or one part of it."""
    with Postgres(folder / "data") as postgres, Stack(folder, database_url=postgres.url) as stack:
        machine = {"python": platform.python_version(), "postgresql": postgres.version, "cores": os.cpu_count()}
        report = Report(machine | {name: version(name) for name in _LIBRARIES}, {})
        stack.start_sandbox()
        shapes = moulds(payment_events(stack))
        if part is Part.ALL:
            measure_webhooks(report, stack, postgres, scale, shapes)
            measure_orders(report, stack, postgres, scale)
        if part in {Part.ALL, Part.API}:
            measure_api(report, stack, postgres, scale, shapes)
        if part in {Part.ALL, Part.ARRIVALS}:
            measure_arrivals(report, stack, postgres, scale, shapes)
        if part in {Part.ALL, Part.REQUESTS}:
            measure_requests(report, stack, postgres, scale)
        if part is Part.ENCRYPTION:
            report.sealing = measure_sealing(stack, postgres, scale, shapes)
        if part is Part.REPLICAS:
            asked = scale.orders * REQUESTS_AN_ORDER
            report.replicas = measure_replicas(
                stack, postgres, shapes, events=scale.arrivals, requests=asked, most=scale.replicas
            )
        return report


def main(
    *,
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
    api: Annotated[
        bool, typer.Option("--api", help="Only this: calls of the gRPC API beside a bare server, and watchers.")
    ] = False,
    encryption: Annotated[
        bool, typer.Option("--encryption", help="Only this: webhooks with and without encryption at rest.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure webhooks, commands and calls, beside their floors."""
    chosen = {Part.ARRIVALS: arrivals, Part.REPLICAS: replicas, Part.REQUESTS: requests, Part.API: api}
    chosen[Part.ENCRYPTION] = encryption
    part = next((name for name, wanted in chosen.items() if wanted), Part.ALL)
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as folder:
        report = run(QUICK if quick else FULL, Path(folder), part)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    report.show(Console(width=None if sys.stdout.isatty() else 170))


if __name__ == "__main__":
    typer.run(main)
