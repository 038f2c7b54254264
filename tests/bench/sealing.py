"""What encryption at rest costs: two web processes, with and without a keyring, turn by turn on one PostgreSQL."""

import base64
import os
from dataclasses import dataclass
from typing import Any

import psutil

from deploy.demo.stack import Stack
from tests.bench.meters import Postgres
from tests.bench.rates import SERVICE, Figures, Load, Target, expect_durable, middle
from tests.bench.scale import Scale

PLAIN, SEALED = "plain", "encrypted"
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class SealingFigures:
    """One way: what its webhooks cost, and the disk of inbox and mirror, in bytes an event."""

    figures: Figures
    bytes_an_event: float


def measure_sealing(
    stack: Stack, postgres: Postgres, scale: Scale, shapes: list[dict[str, Any]]
) -> dict[str, SealingFigures]:
    """Return the medians of both ways.

    Raises:
        RuntimeError: an event answered 200 is not stored, or not in the form it should have.
    """
    keyring = stack.folder / "keys.yaml"
    key = base64.b64encode(os.urandom(32)).decode()
    keyring.write_text(f"keys: [{{id: bench, since: '2026-01-01T00:00:00Z', key: {key}}}]\n")
    events = scale.events[SERVICE]
    passes: dict[str, list[Figures]] = {PLAIN: [], SEALED: []}
    sizes: dict[str, float] = {}
    targets = [_target(stack, PLAIN, {}), _target(stack, SEALED, {"COUNTERFOIL_ENCRYPTION_KEYS_FILE": str(keyring)})]
    load = Load(shapes, path=f"/webhooks/stripe/{stack.entity}", secret=stack.webhook_secret, postgres=postgres)
    for target in targets:
        load.run(target, connections=_CONNECTIONS, events=events // 4)
    for _ in range(scale.rounds):
        for target in targets:
            postgres.clean()
            passes[target.name].append(load.run(target, connections=_CONNECTIONS, events=events))
            expect_durable(postgres, events)
            sizes[target.name] = _stored_as(postgres, target.name) / events
    return {name: SealingFigures(middle(seen), sizes[name]) for name, seen in passes.items()}


def _target(stack: Stack, name: str, environment: dict[str, str]) -> Target:
    usual = stack.environment
    stack.environment = {**usual, **environment}
    try:
        service = stack.start_service(["web"], name=name, web_port=0)
    finally:
        stack.environment = usual
    return Target(name, int(service.info["web"].rpartition(":")[2]), psutil.Process(service.process.pid))


def _stored_as(postgres: Postgres, name: str) -> int:
    """Return the bytes on disk."""
    plain = postgres.number("SELECT count(*) FROM inbox WHERE payload NOT LIKE 'cf1.bench.%'")
    if (plain == 0) is not (name == SEALED):
        raise RuntimeError(f"{plain} events are not encrypted")
    return postgres.number("SELECT pg_total_relation_size('inbox') + pg_total_relation_size('mirror')")
