"""The two floors: the service's own web door, with nothing behind it, or with one insert and one commit an event.

Everything in front is the real thing (server, routing, limits, signature, reading the event), so the difference to the
service is what storing costs, and the difference between the floors is what storing costs when done the plain way.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import uvloop
from sqlalchemy import insert

from service.api import Readiness, WebServer, build_web_app
from service.clock import SystemClock
from service.config import Settings
from service.db import Database, open_database
from service.inbox import State
from service.inbox._rows import table
from service.intake import Intake, Receipt, StripeEvent


class Nothing(Intake):
    """Answers at once and keeps nothing."""

    def __init__(self) -> None:
        pass

    async def receive(self, event: StripeEvent) -> Receipt:  # noqa: ARG002  (that is the point)
        return Receipt.NEW


class OneByOne(Intake):
    """One transaction with one insert for each event, through SQLAlchemy Core as its tutorial shows it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = SystemClock()

    async def receive(self, event: StripeEvent) -> Receipt:
        row = {
            "source": "stripe",
            "account": event.entity,
            "event_id": event.event_id,
            "kind": event.kind,
            "object_id": event.subject_id,
            "payload": event.payload,
            "state": State.HANDLED.value,
            "occurred_at": event.created,
            "received_at": self._clock.now(),
        }
        async with self._database.transaction() as tx:
            await tx.execute(insert(table), row)
        return Receipt.NEW


async def _serve(kind: str, ready: Path) -> None:
    settings = Settings(web_port=0)
    database = open_database(os.environ["BENCH_DATABASE_URL"], pool_size=settings.database_pool_size)
    intake = Nothing() if kind == "nothing" else OneByOne(database)
    secret = [os.environ["BENCH_WEBHOOK_SECRET"]]
    secrets = {os.environ["BENCH_ENTITY"]: lambda: secret}
    app = build_web_app(intake, secrets, Readiness([]), SystemClock(), settings)
    server = WebServer(app, host=settings.web_host, port=0, max_connections=2048)
    partial = ready.with_suffix(".partial")
    partial.write_text(str(await server.start()))
    partial.replace(ready)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it lets go
    await server.stop(timedelta(seconds=1))
    await database.close()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))
