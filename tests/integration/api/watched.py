"""A replica of the gRPC door that tells changes of payments, before a real database; and what makes such changes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from service import mirror
from service.access import Gate
from service.api import GrpcServer, PaymentFeed, PaymentReader, PaymentsService, Readiness
from service.bootstrap._loops import loop
from service.clock import SystemClock
from service.config import Settings
from service.db import Database, Wakes, open_database
from service.domain import Evidence, Observation, canonical
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.gen.counterfoil.v1 import payments_service_pb2_grpc
from service.projection import Projector
from tests.integration.api.payments_door import MemoryCommands
from tests.integration.api.stored import installation

START = datetime(2026, 11, 23, tzinfo=UTC)
SMALL_WINDOWS = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))
Watch = grpc.aio.UnaryStreamCall[api.WatchPaymentsRequest, api.WatchPaymentsResponse]


@dataclass
class Replica:
    """One process's door. `pay` makes changes, as its worker would."""

    database: Database
    wakes: Wakes
    server: GrpcServer
    port: int
    feed: PaymentFeed
    projector: Projector
    stub: payments_service_pb2_grpc.PaymentsServiceStub

    async def pay(self, payments: Mapping[str, int] | Sequence[str], *, second: int = 0, **known: Any) -> None:
        """Have payment intents seen with an amount each, or of 100; told when this returns."""
        amounts = payments if isinstance(payments, Mapping) else dict.fromkeys(payments, 100)
        at = START + timedelta(seconds=second)
        seen = [_intent(name, amount, at, **known) for name, amount in amounts.items()]
        async with self.database.transaction() as tx:
            await mirror.observe(tx, seen, now=at)
        while await self.projector.step():
            pass

    def watch(self, **request: str) -> Watch:
        call: Watch = self.stub.WatchPayments(api.WatchPaymentsRequest(**({"entity": "acme"} | request)))
        return call


def _intent(name: str, amount: int, at: datetime, *, record: str | None = None, customer: str | None = None) -> Any:
    body = {"id": name, "object": "payment_intent", "amount": amount, "currency": "usd", "status": "processing"}
    return Observation(
        "acme",
        "payment_intent",
        name,
        canonical(body | {"customer": customer}),
        at,
        Evidence.EVENT,
        record_id=record,
        created_at=START,
    )


@asynccontextmanager
async def replica(
    url: str,
    *,
    heartbeat: float = 15,
    limit: int = 10,
    waiting: int = 1000,
    small_windows: bool = False,
    port: int = 0,
) -> AsyncIterator[Replica]:
    database, wakes, clock, known = open_database(url, pool_size=5), Wakes(url), SystemClock(), installation()
    reader, stop = PaymentReader(database), asyncio.Event()
    feed = PaymentFeed(reader, watchers_limit=limit, heartbeat=timedelta(seconds=heartbeat), waiting_limit=waiting)
    payments = PaymentsService(MemoryCommands(), reader, known.entities, feed)
    server = GrpcServer([payments], Readiness(()), Settings(grpc_port=port), Gate(None, clock))
    target = f"localhost:{(port := await server.start())}"
    waking = asyncio.create_task(wakes.run())
    reading = asyncio.create_task(loop("watch", feed.step, wakes, "payments", stop, seconds=1))
    projector = Projector(database, wakes, clock, entities=known.entities, batch_limit=200)
    try:
        async with grpc.aio.insecure_channel(target, options=SMALL_WINDOWS if small_windows else ()) as channel:
            stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
            yield Replica(database, wakes, server, port, feed, projector, stub)
    finally:
        feed.close()
        await server.stop(timedelta(seconds=5))
        stop.set()
        waking.cancel()
        await asyncio.wait([waking, reading])
        await database.close()


async def told(watch: Watch) -> api.WatchPaymentsResponse:
    """Return the next message, heartbeats included; fail when none comes."""
    async with asyncio.timeout(20):
        answer = await watch.read()
    assert isinstance(answer, api.WatchPaymentsResponse), "the stream has ended"
    return answer


async def payments_told(watch: Watch, count: int) -> list[tuple[str, int]]:
    """Return the next payments and their amounts."""
    found: list[tuple[str, int]] = []
    while len(found) < count:
        answer = await told(watch)
        if answer.HasField("payment"):
            found.append((answer.payment.payment_id, answer.payment.amount.amount_minor))
    return found
