"""Webhooks: rates, statements and memory of the web process, beside the two floors below it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil

from deploy.demo.stack import START_SECONDS, Stack
from tests.bench.events import TYPES
from tests.bench.meters import Postgres
from tests.bench.rates import NOTHING, ONE_BY_ONE, SERVICE, Load, Target, compare, expect_durable
from tests.bench.report import Report
from tests.bench.scale import Scale

CONNECTIONS = (16, 64)


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
