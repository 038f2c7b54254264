"""The tables a report prints, one for each part of the bench."""

from collections.abc import Iterable, Mapping

from rich.table import Table

from tests.bench.api import ECHO, JWT, PAGE, RpcFigures
from tests.bench.arrivals import DISTINCT, HOT, LARGE, ArrivalFigures
from tests.bench.calls import CallFigures
from tests.bench.crowds import CrowdFigures
from tests.bench.feed import FeedFigures, TakeOverFigures
from tests.bench.orders import OrderFigures
from tests.bench.rates import SERVICE, Figures
from tests.bench.replicas import ReplicaFigures
from tests.bench.requests import BurstFigures, LatencyFigures
from tests.bench.sealing import SealingFigures

# Calls to Salesforce for 1,000 events.
CALLS_AIM = {DISTINCT: 8, HOT: 2, LARGE: 8}
# Calls a second, as a share of a bare server's.
CALL_AIM = 0.50


def met(holds: bool) -> str:
    """Say whether an aim was reached."""
    return "met" if holds else "missed"


def rates(seen_at: Mapping[int, Mapping[str, Figures]], statements_a_commit: Mapping[str, float]) -> Table:
    """Webhooks: rates, latency and CPU of each server."""
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
    for connections, servers in seen_at.items():
        for name, seen in servers.items():
            statements = seen.commits * statements_a_commit.get(name, 0.0)
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


def orders(figures: Mapping[str, OrderFigures]) -> Table:
    """What one command costs until it is settled."""
    table = Table("asked by", "p50 ms", "p95 ms", "service CPU ms", title="One command, until settled")
    for name, seen in figures.items():
        table.add_row(name, f"{seen.wall_p50_ms:.1f}", f"{seen.wall_p95_ms:.1f}", f"{seen.cpu_ms:.1f}")
    table.caption = "CPU with all that follows: Stripe's call, its webhooks, the records written to Salesforce"
    return table


def rpcs(figures: Mapping[str, Mapping[str, RpcFigures]]) -> Table:
    """Calls of the gRPC API beside a bare server's."""
    columns = ("method", "server", "calls/s", "of the bare server", "aim", "p50 ms", "p99 ms", "server CPU ms/call")
    table = Table(*columns, title="Calls of the gRPC API")
    for method, servers in figures.items():
        floor = servers[ECHO].rate
        for name, seen in servers.items():
            share = seen.rate / floor
            aim = f"at least {CALL_AIM:.0%}: {met(share >= CALL_AIM)}" if name == SERVICE else ""
            told = (f"{seen.p50_ms:.2f}", f"{seen.p99_ms:.2f}", f"{seen.cpu_ms:.3f}")
            table.add_row(method, name, f"{seen.rate:,.0f}", "" if name == ECHO else f"{share:.0%}", aim, *told)
        table.add_section()
    table.caption = (
        f"{ECHO}: reads the request and sends an answer of the same size, without a database; {JWT}: each call "
        f"with a token (ES256); ListPayments: pages of {PAGE}; CreatePayment: repeated, answered from what was done"
    )
    return table


def crowds(figures: Iterable[CrowdFigures]) -> Table:
    """What watchers cost."""
    columns = ("watchers", "on each record", "changes/s", "messages", "messages/s", "lag p50 ms", "lag p99 ms")
    table = Table(*columns, "server CPU", "memory before MiB", "memory MiB", title="WatchPayments")
    for seen in figures:
        told = (f"{seen.changes_a_second:,.0f}", f"{seen.messages:,}", f"{seen.messages_a_second:,.0f}")
        lags = (f"{seen.p50_ms:.1f}", f"{seen.p99_ms:.1f}", f"{seen.cpu_share:.0%}")
        memory = (f"{seen.memory_before_mib:.0f}", f"{seen.memory_mib:.0f}")
        table.add_row(f"{seen.watchers:,}", str(seen.shared_by), *told, *lags, *memory)
    table.caption = "lag: from a change's commit to its message at the watcher; CPU: share of one core"
    return table


def replicas(figures: Mapping[int, ReplicaFigures]) -> Table:
    """Several workers on one PostgreSQL."""
    table = Table(box=None, pad_edge=False)
    for heading in ("replicas", "webhook to record, events/s", "request to Stripe, requests/s"):
        table.add_column(heading, justify="right")
    for number, seen in figures.items():
        table.add_row(str(number), f"{seen.events_a_second:,.0f}", f"{seen.requests_a_second:,.1f}")
    return table


def sealing(figures: Mapping[str, SealingFigures]) -> Table:
    """Webhooks with and without encryption at rest."""
    cost = ("web CPU ms", "PostgreSQL CPU ms", "bytes on disk an event")
    table = Table("stored", "events/s", "p50 ms", "p99 ms", *cost, title="Encryption at rest, 64 connections")
    for name, seen in figures.items():
        speed = (f"{seen.figures.rate:,.0f}", f"{seen.figures.p50_ms:.1f}", f"{seen.figures.p99_ms:.1f}")
        cpu = (f"{seen.figures.server_cpu_ms:.3f}", f"{seen.figures.postgres_cpu_ms:.3f}")
        table.add_row(name, *speed, *cpu, f"{seen.bytes_an_event:,.0f}")
    return table


def stripe_calls(figures: Mapping[str, CallFigures]) -> Table:
    """Calls of Stripe for each kind of request."""
    table = Table("kind of request", "calls", "which", "why", title="Calls of Stripe for one request")
    for name, seen in figures.items():
        table.add_row(name, str(len(seen.calls)), "\n".join(seen.calls), seen.why)
    return table


def requests(latency: Mapping[str, LatencyFigures], burst: Mapping[str, BurstFigures]) -> Table:
    """From a Salesforce event to Stripe's call."""
    late = ("first p50 ms", "first p99 ms", "decisive p50 ms", "decisive p99 ms")
    cost = ("requests/s", "service CPU ms", "PostgreSQL CPU ms", "requests/CPU second")
    table = Table("request", *late, *cost, title="From a Salesforce event to Stripe's call")
    for name, seen in latency.items():
        times = (seen.first_p50_ms, seen.first_p99_ms, seen.decisive_p50_ms, seen.decisive_p99_ms)
        all_at_once = burst[name]
        spent = (all_at_once.service_cpu_ms, all_at_once.postgres_cpu_ms, all_at_once.per_cpu_second)
        table.add_row(name, *(f"{value:.1f}" for value in (*times, all_at_once.rate, *spent)))
    table.caption = (
        "latency: one at a time, from publishing until Stripe has the call, less Stripe's own answers on the way; "
        "the rest: many at once, CPU with all that follows"
    )
    return table


def stream(feed: FeedFigures, taken: TakeOverFigures) -> str:
    """The Pub/Sub stream: its rate, and who follows a killed reader."""
    return (
        f"Pub/Sub stream: {feed.rate:,.0f} events/s committed, {feed.service_cpu_ms:.2f} ms of CPU an event "
        f"and {feed.postgres_cpu_ms:.2f} ms of PostgreSQL's, {feed.commits:.3f} commits\n"
        f"take-over from a killed reader: {taken.middle:.1f} s, at most {max(taken.seconds):.1f} s, "
        f"with a lease of {taken.lease_seconds:g} s"
    )


def arrivals(figures: Mapping[str, ArrivalFigures]) -> Table:
    """From webhook to Salesforce record."""
    columns = ("events", "count", "seconds", "events/s", "calls", "calls/1,000", "aim", "new records", "memory MiB")
    table = Table(*columns, title="From webhook to Salesforce record, everything in one process")
    for name, seen in figures.items():
        most = CALLS_AIM.get(name)
        aim = "" if most is None else f"at most {most}: {met(seen.calls_per_thousand <= most)}"
        told = (f"{seen.seconds:.1f}", f"{seen.rate:,.0f}", str(seen.calls), f"{seen.calls_per_thousand:.1f}")
        table.add_row(name, str(seen.events), *told, aim, str(seen.records), f"{seen.memory_mib:.0f}")
    table.caption = (
        "distinct: four events of each payment, which is a record of its own and names none of Salesforce's; "
        "backlog: from the end of the outage on; calls: to Salesforce's API, looking around included; memory: of "
        "the one process"
    )
    return table
