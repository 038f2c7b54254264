"""Many watchers in a process of its own: each a WatchPayments call, spread over a few connections.

It reads one job (JSON) from its input, says "ready" when each of them has heard a sign of life, and prints one line of
figures once so many messages have come, or none for a while. The lag is from a change's own time to its message, by the
one clock of this machine.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

import grpc
import uvloop

from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.gen.counterfoil.v1 import payments_service_pb2_grpc

SILENCE_SECONDS = 15.0
_NANOS = 1_000_000_000


class Crowd:
    """Watchers, and when each of their messages came and how late."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._joined = asyncio.Semaphore(0)
        self._told = asyncio.Event()
        self.came: list[tuple[float, float]] = []

    async def watch(self, channel: grpc.aio.Channel, record: str) -> None:
        """Watch one record."""
        stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
        request = api.WatchPaymentsRequest(entity=self._job["entity"], record_id=record)
        joined = False
        async for answer in stub.WatchPayments(request):
            if answer.HasField("payment"):
                now = time.time()
                changed = answer.change_time
                self.came.append((now, now - changed.seconds - changed.nanos / _NANOS))
                if len(self.came) == self._job["messages"]:
                    self._told.set()
            elif not joined:
                joined = True
                self._joined.release()

    async def all_here(self) -> None:
        """Return when each has heard a sign of life."""
        for _ in self._job["records"]:
            await self._joined.acquire()

    async def all_told(self) -> None:
        """Return when all messages have come, or none for a while."""
        seen = -1
        while seen < len(self.came) < self._job["messages"]:
            seen = len(self.came)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), SILENCE_SECONDS)


async def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: a watcher for each of `records`."""
    crowd = Crowd(job)
    # Else channels to one address share a connection.
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [grpc.aio.insecure_channel(job["address"], options=options) for _ in range(job["connections"])]
    watching = [
        asyncio.create_task(crowd.watch(channels[number % len(channels)], record))
        for number, record in enumerate(job["records"])
    ]
    await crowd.all_here()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await crowd.all_told()
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)
    for channel in channels:
        await channel.close()
    came, lags = sorted(when for when, _ in crowd.came), sorted(lag for _, lag in crowd.came)
    return {
        "messages": len(came),
        "seconds": came[-1] - came[0],
        "p50_ms": lags[len(lags) // 2] * 1e3,
        "p99_ms": lags[min(len(lags) - 1, len(lags) * 99 // 100)] * 1e3,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(work(json.loads(sys.stdin.readline())))) + "\n")
