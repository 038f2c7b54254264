"""The roles a process can have. Each starts its parts in a task group, says when it is ready, and stops by draining."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from service import telemetry
from service.access import Gate
from service.api import (
    CustomerReader,
    CustomersService,
    GrpcServer,
    InvoiceReader,
    InvoicesService,
    OperationsService,
    PaymentFeed,
    PaymentReader,
    PaymentsService,
    ReconciliationService,
    RecordsService,
    RequestsService,
    WebServer,
    build_web_app,
)
from service.audit import Sealer
from service.bootstrap._identities import require_identities
from service.bootstrap._loops import Step, loop
from service.bootstrap._parts import Parts
from service.clients import SalesforceApi, Session, StripeApi
from service.commands import Acceptor, Tasks
from service.commands.changes import CatchUp, ChangeAcceptor, Rulebook
from service.config import Entity, Role
from service.currencies import reporting_of
from service.delivery import Deliverer, Reactor
from service.intake import Intake, StreamIntake
from service.maintenance import (
    CurrencyReader,
    DueWatch,
    FactWatch,
    Fetcher,
    Healer,
    Linker,
    Reconciler,
    Remapper,
    Retention,
)
from service.maintenance.backlog import BacklogWatch, PayoutWatch
from service.maintenance.failures import Failures
from service.maintenance.records import Records
from service.maintenance.runs import RunRunner, Runs
from service.projection import Projector
from subscribers import Allowance, Credentials, CredentialsValue, Supervisor, open_feed

# Above the queue's own limit, whose refusal says when to come back; each connection has one event under way.
_SPARE_CONNECTIONS = 256
_RETENTION_SECONDS = 3600.0
_FACTS_SECONDS = 60.0
_BACKLOG_SECONDS = 15.0
_PAYOUTS_SECONDS = 300.0
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


def _signing_secrets(name: str, entity: Entity) -> Callable[[], list[str]]:
    """Return what gives an entity's signing secrets as they are now."""
    watched = [
        ref.watched(f"entities.{name}.stripe.webhook_secrets.{index}", telemetry.tell_secret)
        for index, ref in enumerate(entity.stripe.webhook_secrets)
    ]
    return lambda: [secret.value() for secret in watched]


@asynccontextmanager
async def web(parts: Parts, spawn: Spawn) -> AsyncIterator[dict[str, Any]]:
    """Serve webhooks and health. On the way out: no new connection, then every event taken in is written."""
    settings = parts.settings
    intake = Intake(
        parts.database,
        parts.wakes,
        parts.clock,
        entities=parts.installation.entities,
        api_version=StripeApi.api_version,
        queue_limit=settings.intake_queue_limit,
        batch_limit=settings.intake_batch_limit,
    )
    writing = spawn(intake.run(), "intake")
    secrets = {
        name: _signing_secrets(name, entity)
        for name, entity in parts.installation.entities.items()
        if entity.stripe.webhook_secrets
    }
    app = build_web_app(intake, secrets, parts.readiness, parts.clock, settings)
    limit = settings.intake_queue_limit + _SPARE_CONNECTIONS
    server = WebServer(app, host=settings.web_host, port=settings.web_port, max_connections=limit)
    port = await server.start()
    try:
        yield {"web": f"http://{settings.web_host}:{port}"}
    finally:
        await server.stop(timedelta(seconds=settings.drain_seconds / 4))
        intake.close()
        await writing


@asynccontextmanager
async def grpc(parts: Parts, spawn: Spawn) -> AsyncIterator[dict[str, Any]]:
    """Serve the typed API. On the way out: watchers are told where to resume, calls under way finish."""
    require_identities(parts.settings, parts.installation)
    settings, stop = parts.settings, asyncio.Event()
    reader = PaymentReader(parts.database)
    heartbeat = timedelta(seconds=settings.watch_heartbeat_seconds)
    feed = PaymentFeed(reader, watchers_limit=settings.watchers_limit, heartbeat=heartbeat)
    payments = PaymentsService(parts.commands, reader, parts.installation.entities, feed)
    records = Records(parts.database, parts.installation)
    failures = Failures(parts.database, parts.clock, parts.installation)
    runs = Runs(parts.database, parts.wakes, parts.clock, parts.installation)
    entities = parts.installation.entities
    operations = OperationsService(records, failures, runs, parts.wakes, parts.clock, entities)
    others = (ReconciliationService(parts.database, entities), RecordsService(records, entities))
    gate = Gate(parts.installation.access, parts.clock)
    requests = RequestsService(parts.database, parts.commands, parts.approvals, entities)
    customers = CustomersService(parts.commands, CustomerReader(parts.database), entities)
    invoices = InvoicesService(parts.commands, InvoiceReader(parts.database), entities)
    server = GrpcServer([payments, customers, invoices, requests, operations, *others], parts.readiness, settings, gate)
    reading = spawn(loop("watch", feed.step, parts.wakes, "payments", stop, seconds=settings.poll_seconds), "watch")
    port = await server.start()
    try:
        yield {"grpc": f"{settings.grpc_host}:{port}"}
    finally:
        feed.close()
        operations.close()
        await server.stop(timedelta(seconds=settings.drain_seconds / 4))
        stop.set()
        await reading


@asynccontextmanager
async def worker(parts: Parts, spawn: Spawn) -> AsyncIterator[dict[str, Any]]:
    """Accept events, carry out commands, project, deliver, fetch, prune. On the way out every step is finished."""
    settings, database, wakes, clock = parts.settings, parts.database, parts.wakes, parts.clock
    stop = asyncio.Event()
    lease = timedelta(seconds=settings.lease_seconds)
    tasks = Tasks(database.url, settings, clock, name=parts.holder)
    projector = _projector(parts)
    orgs = {name: entity.org for name, entity in parts.installation.entities.items()}
    reconciler = Reconciler(database, clock, orgs=orgs)
    fetcher = Fetcher(database, wakes, clock, stripe=parts.stripe, reconciler=reconciler, lease=lease)
    linker = Linker(database, wakes, clock, salesforce=parts.salesforce, installation=parts.installation, lease=lease)
    due = DueWatch(database, wakes, clock, parts.installation)
    healer = Healer(database, wakes, clock, parts.installation)
    retention = Retention(database, clock, settings)
    reader = CurrencyReader(database, wakes, clock, salesforce=parts.salesforce, installation=parts.installation)
    await reader.step()  # what is written before would be written again with its currency
    runner = _runner(parts, lease)
    remapper = Remapper(database, wakes, parts.installation)
    steps = (
        *_asked(parts),
        *_changes(parts),
        ("project", projector.step, "mirror", settings.poll_seconds),
        *(
            (f"deliver {name}", one.step, "outbox", settings.poll_seconds)
            for name, one in _deliverers(parts, lease).items()
        ),
        ("fetch", fetcher.step, "fetch", settings.poll_seconds),
        ("links", linker.step, "links", settings.poll_seconds),
        ("currencies", reader.step, "currencies", settings.poll_seconds),
        *_watches(parts),
        ("remap", remapper.step, "remap", _RETENTION_SECONDS),
        *((f"react {one.org}", one.step, "reactions", settings.poll_seconds) for one in _reactors(parts, lease)),
        ("runs", runner.step, "runs", settings.poll_seconds),
        ("sweeps", runner.schedule, "sweeps", _FACTS_SECONDS),
        ("heal", healer.step, "heal", _RETENTION_SECONDS),
        ("due", due.step, "due", _FACTS_SECONDS),
        ("audit", Sealer(database, clock).step, "audit", settings.poll_seconds),
        ("retention", retention.step, "retention", _RETENTION_SECONDS),
    )
    loops = [spawn(loop(name, step, wakes, topic, stop, seconds=seconds), name) for name, step, topic, seconds in steps]
    working = spawn(tasks.run(parts.commands.execute), "commands")
    try:
        yield {}
    finally:
        stop.set()
        working.cancel()
        # A call to a vendor that hangs may outlast the drain: what it was doing is safe in its row, under a lease.
        _, late = await asyncio.wait([*loops, working], timeout=settings.drain_seconds / 2)
        for task in late:
            task.cancel()


def _deliverers(parts: Parts, lease: timedelta) -> dict[str, Deliverer]:
    """Return what writes to each org."""
    return {
        name: Deliverer(
            parts.database,
            parts.wakes,
            parts.clock,
            org=name,
            salesforce=parts.salesforce[name],
            names=parts.installation.mappings.get(name, {}),
            terms=org.delivery,
            holder=parts.holder,
            lease=lease,
            call_timeout=timedelta(seconds=org.timeout_seconds),
            batch_limit=parts.settings.delivery_batch_limit,
            attempts_limit=parts.settings.delivery_attempts,
        )
        for name, org in parts.installation.orgs.items()
    }


def _changes(parts: Parts) -> Iterator[tuple[str, Step, str, float]]:
    """Yield what reads the changes of each org's records, and what reads them again after a gap."""
    database, wakes, clock, seconds = parts.database, parts.wakes, parts.clock, parts.settings.poll_seconds
    for name, api in parts.salesforce.items():
        book = Rulebook(name, parts.installation, api, parts.commands, clock)
        yield f"changes {name}", ChangeAcceptor(database, wakes, clock, book).step, "inbox", seconds
        yield f"catch up {name}", CatchUp(database, wakes, clock, book).step, "coverage", seconds


def _projector(parts: Parts) -> Projector:
    """Return what turns the mirror into records."""
    return Projector(
        parts.database,
        parts.wakes,
        parts.clock,
        entities=parts.installation.entities,
        batch_limit=parts.settings.projection_batch_limit,
        mappings=parts.installation.mappings,
        reactions={name: org.reactions for name, org in parts.installation.orgs.items()},
        reporting=reporting_of(parts.installation),
    )


def _runner(parts: Parts, lease: timedelta) -> RunRunner:
    """Return what carries sweeps and backfills out."""
    return RunRunner(
        parts.database,
        parts.wakes,
        parts.clock,
        stripe=parts.stripe,
        installation=parts.installation,
        lease=lease,
        sweep_every=timedelta(hours=parts.settings.sweep_hours),
    )


def _asked(parts: Parts) -> Iterator[tuple[str, Step, str, float]]:
    """Yield what takes requests and decisions in, and what ends those that nobody decided."""
    acceptor = Acceptor(parts.database, parts.wakes, parts.installation, parts.commands, parts.approvals)
    yield "accept", acceptor.step, "inbox", parts.settings.poll_seconds
    yield "expire", parts.approvals.expire, "approvals", _FACTS_SECONDS


def _watches(parts: Parts) -> list[tuple[str, Step, str, float]]:
    """Return what only looks and tells: a name, the look, what wakes it, and how often."""
    entities = list(parts.installation.entities)
    facts = FactWatch(parts.database, parts.clock, entities=entities)
    backlog = BacklogWatch(parts.database, parts.clock, parts.installation, salesforce=parts.salesforce)
    payouts = PayoutWatch(parts.database, entities=entities)
    return [
        ("facts", facts.step, "facts", _FACTS_SECONDS),
        ("backlog", backlog.step, "backlog", _BACKLOG_SECONDS),
        ("payouts", payouts.step, "payouts", _PAYOUTS_SECONDS),
    ]


def _reactors(parts: Parts, lease: timedelta) -> list[Reactor]:
    """Return what reacts in the orgs that have rules for it."""
    return [
        Reactor(
            parts.database,
            parts.clock,
            org=name,
            salesforce=parts.salesforce[name],
            holder=parts.holder,
            lease=lease,
        )
        for name, org in parts.installation.orgs.items()
        if org.reactions
    ]


def shared_credentials(org: SalesforceApi) -> Credentials:
    """Give the stream the same session that REST uses, so that all of an org shares one sign-in."""
    issued: dict[str, Session] = {}

    async def credentials(refused: CredentialsValue | None) -> CredentialsValue:
        session = await org.session(refresh_after=issued.get(refused.access_token) if refused else None)
        issued.clear()
        issued[session.access_token] = session
        return CredentialsValue(session.access_token, session.instance_url, session.org_id)

    return credentials


@asynccontextmanager
async def subscriber(parts: Parts, spawn: Spawn) -> AsyncIterator[dict[str, Any]]:
    """Read Salesforce's streams. On the way out the leases are given up, so that another process goes on at once."""
    intake = StreamIntake(parts.database, parts.wakes, parts.clock)
    lease = timedelta(seconds=parts.settings.lease_seconds)
    feeds = {
        name: open_feed(name, org, shared_credentials(parts.salesforce[name]))
        for name, org in parts.installation.orgs.items()
    }
    reading: list[asyncio.Task[None]] = []
    for name, org in parts.installation.orgs.items():
        allowance = Allowance(
            name,
            parts.salesforce[name].event_deliveries,
            reserve_percent=org.pubsub.reserve_percent,
            every=timedelta(seconds=org.pubsub.limits_refresh_seconds),
        )
        reading.append(spawn(allowance.run(), f"allowance {name}"))
        for topic in org.topics:
            supervisor = Supervisor(
                intake,
                feeds[name],
                parts.clock,
                org=name,
                topic=topic,
                holder=parts.holder,
                lease=lease,
                may_read=partial(allowance.may_read, topic),
            )
            reading.append(spawn(supervisor.run(), f"stream {name} {topic}"))
    try:
        yield {}
    finally:
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
        for feed in feeds.values():
            await feed.close()


ROLES = {Role.WEB: web, Role.GRPC: grpc, Role.WORKER: worker, Role.SUBSCRIBER: subscriber}
# Doors close before what stands behind them; started the other way round.
ORDER = (Role.WORKER, Role.SUBSCRIBER, Role.GRPC, Role.WEB)
