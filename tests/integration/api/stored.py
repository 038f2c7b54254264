"""Both doors before the real rooms and a real database, without workers: what a door accepts stays as it was stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import grpc
import httpx
from sqlalchemy import text

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
    Readiness,
    ReconciliationService,
    RequestsService,
    WebServer,
    build_web_app,
)
from service.clients import StripeApi
from service.clock import SystemClock
from service.commands import Commands, Steps
from service.commands.approvals import Approvals
from service.config import Entity, Installation, JwtBearer, Org, SecretRef, Settings, StripeAccount
from service.db import Database, Wakes, open_database
from service.gen.counterfoil.v1 import payments_service_pb2_grpc
from service.intake import Intake
from service.maintenance.failures import Failures
from service.maintenance.records import Records
from service.maintenance.runs import Runs

SECRET = "whsec_stored"
_UNUSED = SecretRef(env="COUNTERFOIL_TEST_UNUSED")


def installation() -> Installation:
    account = StripeAccount(livemode=False, secret_key=_UNUSED, webhook_secrets=(_UNUSED,))
    entity = Entity(org="main", stripe=account)
    org = Org(
        org_id="00D000000000001AAA",
        is_sandbox=True,
        login_url="https://localhost",
        auth=JwtBearer(flow="jwt_bearer", client_id="app", username="integration@example.com", private_key=_UNUSED),
    )
    other = entity.model_copy(update={"customer_field": "Other_Customer_Id__c"})
    return Installation(version=1, orgs={"main": org}, entities={"acme": entity, "other": other})


@dataclass
class StoredDoors:
    """Both doors, and the database behind them."""

    database: Database
    intake: Intake
    web: httpx.AsyncClient
    stub: payments_service_pb2_grpc.PaymentsServiceStub
    channel: grpc.aio.Channel
    server: GrpcServer
    operations: OperationsService

    async def scalar(self, statement: str, **values: object) -> object:
        async with self.database.read() as tx:
            return await tx.scalar(text(statement), values)


@asynccontextmanager
async def open_stored_doors(url: str) -> AsyncIterator[StoredDoors]:
    database, wakes, clock, known = open_database(url, pool_size=5), Wakes(url), SystemClock(), installation()
    intake = Intake(
        database,
        wakes,
        clock,
        entities=known.entities,
        api_version=StripeApi.api_version,
        queue_limit=100,
        batch_limit=20,
    )
    steps = Steps(database=database, wakes=wakes, clock=clock, installation=known, stripe={}, terms={})
    settings, readiness = Settings(grpc_port=0), Readiness(())
    app = build_web_app(intake, dict.fromkeys(known.entities, lambda: (SECRET,)), readiness, clock, settings)
    web = WebServer(app, host="127.0.0.1", port=0, max_connections=200)
    reader = PaymentReader(database)
    feed = PaymentFeed(reader, watchers_limit=settings.watchers_limit, heartbeat=timedelta(seconds=15))
    commands = Commands(steps, attempts_limit=3)
    operations = OperationsService(
        Records(database, known),
        Failures(database, clock, known),
        Runs(database, wakes, clock, known),
        wakes,
        clock,
        known.entities,
    )
    services = (
        PaymentsService(commands, reader, known.entities, feed),
        CustomersService(commands, CustomerReader(database), known.entities),
        InvoicesService(commands, InvoiceReader(database), known.entities),
        RequestsService(database, commands, Approvals(database, wakes, clock), known.entities),
        ReconciliationService(database, known.entities),
        operations,
    )
    server = GrpcServer(services, readiness, settings, Gate(None, SystemClock()))
    waking, writing = asyncio.create_task(wakes.run()), asyncio.create_task(intake.run())
    address = f"http://127.0.0.1:{await web.start()}"
    limits = httpx.Limits(max_connections=100)
    channel = grpc.aio.insecure_channel(f"localhost:{await server.start()}")
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=20) as client, channel:
        stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
        yield StoredDoors(database, intake, client, stub, channel, server, operations)
    await server.stop(timedelta(seconds=1))
    await web.stop(timedelta(seconds=1))
    intake.close()
    await writing
    waking.cancel()
    await asyncio.wait([waking])
    await database.close()
