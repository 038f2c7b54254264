"""The figures side by side, and beside what was aimed at."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.api import ECHO, JWT, PAGE, CallFigures
from tests.bench.arrivals import DISTINCT, HOT, LARGE, ArrivalFigures
from tests.bench.crowds import CrowdFigures
from tests.bench.orders import OrderFigures
from tests.bench.rates import NOTHING, ONE_BY_ONE, SERVICE, Figures
from tests.bench.replicas import ReplicaFigures

CPU_AIM = 0.30
RATE_AIM = 0.60
# Calls to Salesforce for 1,000 events.
CALLS_AIM = {DISTINCT: 8, HOT: 2, LARGE: 8}
# With a large mirror, as a share of the rate with a small one.
LARGE_AIM = 0.90
# Calls a second, as a share of a bare server's.
CALL_AIM = 0.50


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
    calls: dict[str, dict[str, CallFigures]] = field(default_factory=dict)
    crowds: list[CrowdFigures] = field(default_factory=list)

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
            console.print(self._arrival_table())
            share = self.arrivals[LARGE].rate / self.arrivals[DISTINCT].rate
            mirrored = tuple(f"{self.arrivals[name].mirrored:,}" for name in (LARGE, DISTINCT))
            console.print(
                f"rate with {mirrored[0]} mirrored objects: {share:.0%} of that with {mirrored[1]} "
                f"(aim: at least {LARGE_AIM:.0%}, {_met(share >= LARGE_AIM)})"
            )
        if self.replicas:
            console.print(self._replica_table())
        if self.calls:
            console.print(self._call_table())
            console.print(self._crowd_table())
        if not self.rates:
            return
        console.print(f"bodies {self.body_bytes}", highlight=False)
        console.print(self._rate_table())
        for connections in self.rates:
            cpu, rate = self.ratios(connections)
            console.print(
                f"{connections} connections: CPU an event {cpu:.2f} of one insert each (aim: at most {CPU_AIM:.2f}, "
                f"{_met(cpu <= CPU_AIM)}); rate {rate:.0%} of no database (aim: at least {RATE_AIM:.0%}, "
                f"{_met(rate >= RATE_AIM)})"
            )
        sizes = ", ".join(f"{size:.1f} MiB after {count:,} events" for count, size in self.memory_mib.items())
        console.print(f"memory of the web process: {sizes}")
        console.print(self._order_table())

    def _rate_table(self) -> Table:
        speed = ("connections", "server", "events/s", "p50 ms", "p99 ms")
        costs = (
            "server CPU ms",
            "PostgreSQL CPU ms",
            "sum ms",
            "commits/event",
            "statements/event",
            "generator CPU ms",
        )
        table = Table(*speed, *costs, title="Webhooks, durable when answered (CPU is for each event)")
        for connections, servers in self.rates.items():
            for name, seen in servers.items():
                statements = seen.commits * self.statements_a_commit.get(name, 0.0)
                cells: tuple[str, ...] = (f"{seen.rate:,.0f}", f"{seen.p50_ms:.2f}", f"{seen.p99_ms:.2f}")
                cpu = (seen.server_cpu_ms, seen.postgres_cpu_ms, seen.cpu_ms)
                cells += tuple(f"{value:.3f}" for value in (*cpu, seen.commits, statements, seen.generator_cpu_ms))
                table.add_row(str(connections), name, *cells)
            table.add_section()
        table.caption = (
            "commits: transactions that wrote, by PostgreSQL's own counter; statements: those of each commit, counted "
            "in its log in a pass apart, BEGIN and COMMIT included"
        )
        return table

    def _order_table(self) -> Table:
        table = Table("asked by", "p50 ms", "p95 ms", "service CPU ms", title="One command, until settled")
        for name, seen in self.orders.items():
            table.add_row(name, f"{seen.wall_p50_ms:.1f}", f"{seen.wall_p95_ms:.1f}", f"{seen.cpu_ms:.1f}")
        table.caption = "CPU with all that follows: Stripe's call, its webhooks, the records written to Salesforce"
        return table

    def _call_table(self) -> Table:
        columns = ("method", "server", "calls/s", "of the bare server", "aim", "p50 ms", "p99 ms", "server CPU ms/call")
        table = Table(*columns, title="Calls of the gRPC API")
        for method, servers in self.calls.items():
            floor = servers[ECHO].rate
            for name, seen in servers.items():
                share = seen.rate / floor
                aim = f"at least {CALL_AIM:.0%}: {_met(share >= CALL_AIM)}" if name == SERVICE else ""
                figures = (f"{seen.p50_ms:.2f}", f"{seen.p99_ms:.2f}", f"{seen.cpu_ms:.3f}")
                table.add_row(method, name, f"{seen.rate:,.0f}", "" if name == ECHO else f"{share:.0%}", aim, *figures)
            table.add_section()
        table.caption = (
            f"{ECHO}: reads the request and sends an answer of the same size, without a database; {JWT}: each call "
            f"with a token (ES256); ListPayments: pages of {PAGE}; CreatePayment: repeated, answered from what was done"
        )
        return table

    def _crowd_table(self) -> Table:
        columns = ("watchers", "on each record", "changes/s", "messages", "messages/s", "lag p50 ms", "lag p99 ms")
        table = Table(*columns, "server CPU", "memory before MiB", "memory MiB", title="WatchPayments")
        for seen in self.crowds:
            told = (f"{seen.changes_a_second:,.0f}", f"{seen.messages:,}", f"{seen.messages_a_second:,.0f}")
            lags = (f"{seen.p50_ms:.1f}", f"{seen.p99_ms:.1f}", f"{seen.cpu_share:.0%}")
            memory = (f"{seen.memory_before_mib:.0f}", f"{seen.memory_mib:.0f}")
            table.add_row(f"{seen.watchers:,}", str(seen.shared_by), *told, *lags, *memory)
        table.caption = "lag: from a change's commit to its message at the watcher; CPU: share of one core"
        return table

    def _replica_table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("replicas", "webhook to record, events/s", "request to Stripe, requests/s"):
            table.add_column(heading, justify="right")
        for number, figures in self.replicas.items():
            table.add_row(str(number), f"{figures.events_a_second:,.0f}", f"{figures.requests_a_second:,.1f}")
        return table

    def _arrival_table(self) -> Table:
        columns = ("events", "count", "seconds", "events/s", "calls", "calls/1,000", "aim", "new records", "memory MiB")
        table = Table(*columns, title="From webhook to Salesforce record, everything in one process")
        for name, seen in self.arrivals.items():
            most = CALLS_AIM.get(name)
            aim = "" if most is None else f"at most {most}: {_met(seen.calls_per_thousand <= most)}"
            figures = (f"{seen.seconds:.1f}", f"{seen.rate:,.0f}", str(seen.calls), f"{seen.calls_per_thousand:.1f}")
            table.add_row(name, str(seen.events), *figures, aim, str(seen.records), f"{seen.memory_mib:.0f}")
        table.caption = (
            "distinct: four events of each payment, which is a record of its own and names none of Salesforce's; "
            "backlog: from the end of the outage on; calls: to Salesforce's API, looking around included; memory: of "
            "the one process"
        )
        return table


def _met(holds: bool) -> str:
    return "met" if holds else "missed"
