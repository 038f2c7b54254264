"""Many watchers at once: what is told them, how late, and what that costs the server.

Changes are put into the feed itself, so many a second. A change of a payment that is not read before its next one is
folded into it, so fewer messages than changes would show that the server did not keep up.
"""

import time
from dataclasses import dataclass

from deploy.demo.stack import Process, Stack
from service.domain import normalise_salesforce_id
from tests.bench.api import ApiScale, payments_of
from tests.bench.helpers import helper, server_of
from tests.bench.meters import Postgres, cpu_seconds

# How many watchers look at the same record.
SHARED_BY = (1, 10)
_CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class CrowdFigures:
    """One crowd. The lag is from a change's commit to its message; the CPU a share of one core."""

    watchers: int
    shared_by: int
    changes_a_second: float
    messages: int
    messages_a_second: float
    p50_ms: float
    p99_ms: float
    cpu_share: float
    memory_before_mib: float
    memory_mib: float


def measure_crowds(stack: Stack, postgres: Postgres, scale: ApiScale) -> list[CrowdFigures]:
    """Return figures for watchers of a record each, and for several on each record, each time by a new server."""
    found = []
    for shared_by in SHARED_BY:
        service = stack.start_service(["grpc"], name="grpc")
        found.append(_measure(stack, postgres, service, scale, shared_by))
        service.stop()
    return found


def _measure(stack: Stack, postgres: Postgres, service: Process, scale: ApiScale, shared_by: int) -> CrowdFigures:
    server = server_of(service)
    records = [normalise_salesforce_id(f"006{number:012d}") for number in range(scale.watchers // shared_by)]
    payments = payments_of(postgres)[: scale.watchers]
    changing = {
        "database": postgres.url,
        "entity": stack.entity,
        "payments": [(payment, records[number % len(records)]) for number, payment in enumerate(payments)],
        "rate": scale.changes_a_second,
        "changes": scale.changes,
        "mark": f"shared by {shared_by}",
    }
    watching = {
        "address": server.address,
        "entity": stack.entity,
        "records": records * shared_by,
        "connections": _CONNECTIONS,
        "messages": scale.changes * shared_by,
    }
    empty = server.process.memory_info().rss / 2**20
    with helper("watchers", watching) as crowd:
        crowd.hear()
        spent, begun = cpu_seconds(server.process), time.monotonic()
        with helper("changing", changing) as feeder:
            made = feeder.result()
        told = crowd.result()
        share = (cpu_seconds(server.process) - spent) / (time.monotonic() - begun)
    memory = server.process.memory_info().rss / 2**20
    return CrowdFigures(
        watchers=len(records) * shared_by,
        shared_by=shared_by,
        changes_a_second=made["changes"] / made["seconds"],
        messages=told["messages"],
        messages_a_second=told["messages"] / told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        cpu_share=share,
        memory_before_mib=empty,
        memory_mib=memory,
    )
