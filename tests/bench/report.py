"""The figures side by side, and beside what was aimed at."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console

from tests.bench import tables
from tests.bench.api import RpcFigures
from tests.bench.arrivals import DISTINCT, LARGE, ArrivalFigures
from tests.bench.calls import CallFigures
from tests.bench.crowds import CrowdFigures
from tests.bench.feed import FeedFigures, TakeOverFigures
from tests.bench.orders import OrderFigures
from tests.bench.rates import NOTHING, ONE_BY_ONE, SERVICE, Figures
from tests.bench.replicas import ReplicaFigures
from tests.bench.requests import BurstFigures, LatencyFigures
from tests.bench.sealing import SealingFigures
from tests.bench.tables import met

CPU_AIM = 0.30
RATE_AIM = 0.60
# With a large mirror, as a share of the rate with a small one.
LARGE_AIM = 0.90


@dataclass
class Report:
    """Everything one run found. `rates` by connections, then by server; `memory_mib` by events taken in so far."""

    machine: dict[str, Any]
    body_bytes: dict[str, int]
    rates: dict[int, dict[str, Figures]] = field(default_factory=dict)
    statements_a_commit: dict[str, float] = field(default_factory=dict)
    memory_mib: dict[int, float] = field(default_factory=dict)
    orders: dict[str, OrderFigures] = field(default_factory=dict)
    arrivals: dict[str, ArrivalFigures] = field(default_factory=dict)
    replicas: dict[int, ReplicaFigures] = field(default_factory=dict)
    stripe_calls: dict[str, CallFigures] = field(default_factory=dict)
    latency: dict[str, LatencyFigures] = field(default_factory=dict)
    burst: dict[str, BurstFigures] = field(default_factory=dict)
    feed: FeedFigures | None = None
    take_over: TakeOverFigures | None = None
    rpcs: dict[str, dict[str, RpcFigures]] = field(default_factory=dict)
    crowds: list[CrowdFigures] = field(default_factory=list)
    sealing: dict[str, SealingFigures] = field(default_factory=dict)

    def ratios(self, connections: int) -> tuple[float, float]:
        """Return CPU an event as a share of one insert each, and the rate as a share of no database."""
        seen = self.rates[connections]
        return seen[SERVICE].cpu_ms / seen[ONE_BY_ONE].cpu_ms, seen[SERVICE].rate / seen[NOTHING].rate

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        comparison = {
            connections: dict(zip(("cpu_share", "rate_share"), self.ratios(connections), strict=True))
            for connections in self.rates
        }
        aims = {"cpu_share_at_most": CPU_AIM, "rate_share_at_least": RATE_AIM}
        return asdict(self) | {"comparison": comparison, "aims": aims}

    def show(self, console: Console) -> None:
        """Print it for people."""
        console.print("  ".join(f"{name} {value}" for name, value in self.machine.items()), highlight=False)
        if self.arrivals:
            console.print(tables.arrivals(self.arrivals))
            share = self.arrivals[LARGE].rate / self.arrivals[DISTINCT].rate
            mirrored = tuple(f"{self.arrivals[name].mirrored:,}" for name in (LARGE, DISTINCT))
            console.print(
                f"rate with {mirrored[0]} mirrored objects: {share:.0%} of that with {mirrored[1]} "
                f"(aim: at least {LARGE_AIM:.0%}, {met(share >= LARGE_AIM)})"
            )
        if self.replicas:
            console.print(tables.replicas(self.replicas))
        if self.sealing:
            console.print(tables.sealing(self.sealing))
        if self.rpcs:
            console.print(tables.rpcs(self.rpcs))
            console.print(tables.crowds(self.crowds))
        if self.stripe_calls:
            console.print(tables.stripe_calls(self.stripe_calls))
            console.print(tables.requests(self.latency, self.burst))
        if self.feed is not None and self.take_over is not None:
            console.print(tables.stream(self.feed, self.take_over))
        if not self.rates:
            return
        console.print(f"bodies {self.body_bytes}", highlight=False)
        console.print(tables.rates(self.rates, self.statements_a_commit))
        for connections in self.rates:
            cpu, rate = self.ratios(connections)
            console.print(
                f"{connections} connections: CPU an event {cpu:.2f} of one insert each (aim: at most {CPU_AIM:.2f}, "
                f"{met(cpu <= CPU_AIM)}); rate {rate:.0%} of no database (aim: at least {RATE_AIM:.0%}, "
                f"{met(rate >= RATE_AIM)})"
            )
        sizes = ", ".join(f"{size:.1f} MiB after {count:,} events" for count, size in self.memory_mib.items())
        console.print(f"memory of the web process: {sizes}")
        console.print(tables.orders(self.orders))
