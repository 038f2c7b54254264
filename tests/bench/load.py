"""The load generator, a process of its own: keep-alive connections, one request at a time on each, nothing pipelined.

Bare sockets and one selector, because every microsecond it spends is taken from the same cores. It reads one job (JSON)
from its input, makes and signs all requests, says "ready", waits for a line, runs, and prints one line of figures.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.events import hot_requests, paid, requests

SILENCE_SECONDS = 30


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    sent_ns: int = 0
    answer: bytes = b""


def _complete(answer: bytes) -> bool:
    head, gap, body = answer.partition(b"\r\n\r\n")
    if not gap:
        return False
    _, _, rest = head.lower().partition(b"content-length:")
    return len(body) >= int(rest.split(b"\r\n", 1)[0])


def _send(connection: _Connection, request: bytes) -> None:
    connection.answer = b""
    connection.sent_ns = time.perf_counter_ns()
    if connection.sock.send(request) != len(request):
        raise RuntimeError("the socket's buffer does not hold one request")


def _connect(port: int, count: int) -> list[_Connection]:
    connections = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        connections.append(_Connection(sock))
    return connections


def drive(work: Iterator[bytes], *, port: int, count: int) -> tuple[float, list[int], dict[str, int]]:
    """Send everything; return the seconds it took, each latency in nanoseconds, and how often each status came."""
    latencies: list[int] = []
    statuses: dict[str, int] = {}
    connections = _connect(port, count)
    with selectors.DefaultSelector() as selector:
        begun = time.perf_counter()
        busy = 0
        for connection, request in zip(connections, work, strict=False):
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            _send(connection, request)
            busy += 1
        while busy:
            readable = selector.select(SILENCE_SECONDS)
            if not readable:
                raise TimeoutError("the server fell silent")
            for key, _ in readable:
                connection = key.data
                part = connection.sock.recv(65536)
                if not part:
                    raise ConnectionError("the server closed a connection")
                connection.answer += part
                if not _complete(connection.answer):
                    continue
                latencies.append(time.perf_counter_ns() - connection.sent_ns)
                status = connection.answer[9:12].decode()
                statuses[status] = statuses.get(status, 0) + 1
                request = next(work, b"")
                if request:
                    _send(connection, request)
                else:
                    busy -= 1
        seconds = time.perf_counter() - begun
    for connection in connections:
        connection.sock.close()
    return seconds, latencies, statuses


def _quantile(ordered: list[int], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6


def main() -> None:
    """Do one job."""
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    shapes, count = job["moulds"], job["events"]
    where = {"path": job["path"], "secret": job["secret"], "first": job["first"]}
    work = hot_requests(paid(shapes), **where, count=count) if job["hot"] else requests(shapes, **where, count=count)
    if job["presigned"]:
        work = iter(list(work))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    before = time.process_time()
    seconds, latencies, statuses = drive(work, port=job["port"], count=job["connections"])
    spent = time.process_time() - before
    latencies.sort()
    figures = {
        "seconds": seconds,
        "statuses": statuses,
        "p50_ms": _quantile(latencies, 0.50),
        "p99_ms": _quantile(latencies, 0.99),
        "generator_cpu_s": spent,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
