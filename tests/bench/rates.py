"""Webhooks per second and what each costs: the service and its two floors, turn by turn in one run."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

import psutil

from tests.bench.meters import Postgres, Reading

SERVICE, NOTHING, ONE_BY_ONE = "service", "no database", "insert each"


@dataclass(frozen=True, slots=True)
class Target:
    """A server to load."""

    name: str
    port: int
    process: psutil.Process


@dataclass(frozen=True, slots=True)
class Figures:
    """One pass, or the median of several. CPU in milliseconds an event, latency in milliseconds."""

    rate: float
    server_cpu_ms: float
    postgres_cpu_ms: float
    commits: float
    p50_ms: float
    p99_ms: float
    generator_cpu_ms: float

    @property
    def cpu_ms(self) -> float:
        return self.server_cpu_ms + self.postgres_cpu_ms


def middle(passes: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(**{field.name: median(getattr(one, field.name) for one in passes) for field in fields(Figures)})


class Load:
    """Fresh payments from pass to pass, sent by a process of its own."""

    def __init__(self, moulds: list[dict[str, Any]], *, path: str, secret: str, postgres: Postgres) -> None:
        self._job = {"moulds": moulds, "path": path, "secret": secret}
        self._postgres = postgres
        self._next = 0

    def run(
        self, target: Target, *, connections: int, events: int, presigned: bool = True, hot: bool = False
    ) -> Figures:
        """Send `events` events of new payments.

        Raises:
            RuntimeError: one was not answered 200, or the generator failed.
        """
        job = self._job | {"port": target.port, "connections": connections, "events": events, "presigned": presigned}
        job["hot"] = hot
        job["first"], self._next = self._next, self._next + events
        command = [sys.executable, "-m", "tests.bench.load"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as generator:
            assert generator.stdin is not None
            assert generator.stdout is not None
            generator.stdin.write(json.dumps(job) + "\n")
            generator.stdin.flush()
            generator.stdout.readline()
            before = Reading.take(target.process, self._postgres)
            generator.stdin.write("go\n")
            generator.stdin.flush()
            line = generator.stdout.readline()
            spent = Reading.take(target.process, self._postgres) - before
        result = json.loads(line or '{"statuses": "none: the generator failed"}')
        if result["statuses"] != {"200": events}:
            raise RuntimeError(f"{target.name} answered {result['statuses']} to {events} events")
        return Figures(
            rate=events / result["seconds"],
            server_cpu_ms=spent.server_cpu_s / events * 1e3,
            postgres_cpu_ms=spent.postgres_cpu_s / events * 1e3,
            commits=spent.commits / events,
            p50_ms=result["p50_ms"],
            p99_ms=result["p99_ms"],
            generator_cpu_ms=result["generator_cpu_s"] / events * 1e3,
        )

    def statements_a_commit(self, target: Target, *, connections: int, events: int) -> float:
        """Return how many statements the server sends for each commit, counted in PostgreSQL's log."""
        self._postgres.log_statements(True)
        try:
            self.run(target, connections=connections, events=events // 4)  # every connection has seen the setting
            statements, commits = self._postgres.statements_logged(), self._postgres.commits()
            self.run(target, connections=connections, events=events)
            commits = self._postgres.commits() - commits
            return (self._postgres.statements_logged() - statements) / commits if commits else 0.0
        finally:
            self._postgres.log_statements(False)


def compare(
    load: Load, targets: Sequence[Target], postgres: Postgres, *, connections: int, events: dict[str, int], rounds: int
) -> dict[str, Figures]:
    """Load each target in turn, `rounds` times over, and return the medians; what the service took in is durable.

    Raises:
        RuntimeError: an event the service answered 200 is not in the database.
    """
    passes: dict[str, list[Figures]] = {target.name: [] for target in targets}
    for _ in range(rounds):
        for target in targets:
            postgres.clean()
            passes[target.name].append(load.run(target, connections=connections, events=events[target.name]))
            if target.name == SERVICE:
                expect_durable(postgres, events[SERVICE])
    return {name: middle(seen) for name, seen in passes.items()}


def expect_durable(postgres: Postgres, events: int) -> None:
    """Compare what is stored with what was sent.

    Raises:
        RuntimeError: an event is missing, or none of the objects is mirrored.
    """
    stored = postgres.number("SELECT count(*) FROM inbox WHERE state = 'handled'")
    mirrored = postgres.number("SELECT count(*) FROM mirror WHERE body IS NOT NULL")
    if stored != events or not mirrored:
        raise RuntimeError(f"of {events} events answered 200, {stored} are stored, and {mirrored} objects mirrored")
