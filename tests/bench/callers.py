"""The client of the API's measurements, a process of its own: the same code for the service and for the echo server.

It reads one job (JSON) from its input, connects and calls once, says "ready", waits for a line, runs, and prints one
line of figures.
"""

import asyncio
import base64
import json
import sys
import time
from typing import Any

import grpc
import uvloop
from google.protobuf.message import Message

from service.gen.counterfoil.v1 import payments_service_pb2 as api

PATIENCE_SECONDS = 30.0
SERVICE = "/counterfoil.v1.PaymentsService/"


async def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: `calls` calls by `callers` callers on one connection, each of whom waits for its answer."""
    asks, answers = (getattr(api, f"{job['method']}{end}") for end in ("Request", "Response"))
    requests: list[Message] = [asks.FromString(base64.b64decode(one)) for one in job["requests"]]
    metadata = (("authorization", f"Bearer {job['token']}"),) if job["token"] else None
    latencies: list[float] = []
    async with grpc.aio.insecure_channel(job["address"]) as channel:
        call = channel.unary_unary(
            SERVICE + job["method"], request_serializer=asks.SerializeToString, response_deserializer=answers.FromString
        )
        first: Message = await call(requests[0], timeout=PATIENCE_SECONDS, metadata=metadata)
        await _tell("ready")
        numbers = iter(range(job["calls"]))

        async def caller() -> None:
            for number in numbers:
                begun = time.perf_counter()
                await call(requests[number % len(requests)], timeout=PATIENCE_SECONDS, metadata=metadata)
                latencies.append(time.perf_counter() - begun)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(job["callers"]):
                group.create_task(caller())
        seconds = time.perf_counter() - begun
    latencies.sort()
    return {
        "seconds": seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)] * 1e3,
        "answer": base64.b64encode(first.SerializeToString()).decode(),
    }


async def _tell(word: str) -> None:
    """Say a word and wait for a line."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(work(json.loads(sys.stdin.readline())))) + "\n")
