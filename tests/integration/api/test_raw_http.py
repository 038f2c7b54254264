"""What clients that speak bad HTTP, or stop half-way, can do: nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from service.api import WebServer
from service.api._http_protocol import MAX_HEAD_BYTES
from service.errors import ConfigurationError
from tests.integration.api.web_door import LIMIT, WebDoor, event_body, open_web_door, signed

PATH = b"/webhooks/stripe/acme"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(door: WebDoor) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(door: WebDoor, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the server closes."""
    async with connected(door) as (reader, writer):
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 5)


def head(*headers: bytes, method: bytes = b"POST", path: bytes = PATH) -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"host: here", b"connection: close", *headers, b"", b""])


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def signature(body: bytes) -> bytes:
    return b"stripe-signature: " + signed(body)["stripe-signature"].encode()


async def test_a_chunked_body_is_put_together(door: WebDoor) -> None:
    body = event_body()
    request = head(signature(body), b"transfer-encoding: chunked") + chunked(body[:10], body[10:11], body[11:])
    assert (await exchange(door, request)).startswith(b"HTTP/1.1 200 ")
    assert len(door.intake.events) == 1


async def test_a_body_in_single_bytes_is_put_together(door: WebDoor) -> None:
    body = event_body()
    async with connected(door) as (reader, writer):
        for byte in head(signature(body), b"content-length: %d" % len(body)) + body:
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")


async def test_an_announced_length_over_the_limit_is_refused_before_the_body(door: WebDoor) -> None:
    answer = await exchange(door, head(b"content-length: %d" % (LIMIT + 1)))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_over_the_limit_is_refused_before_its_end(door: WebDoor) -> None:
    chunk = b"%x\r\n%b\r\n" % (1024, b"x" * 1024)
    answer = await exchange(door, head(b"transfer-encoding: chunked") + chunk * (LIMIT // 1024) + b"1\r\nx\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert door.intake.events == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_truncated_body_stores_nothing(door: WebDoor, framing: str) -> None:
    body = event_body()
    whole = (
        head(signature(body), b"content-length: %d" % len(body)) + body
        if framing == "length"
        else head(signature(body), b"transfer-encoding: chunked") + chunked(body)
    )
    async with connected(door) as (reader, writer):
        writer.write(whole[:-8])
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
    assert door.intake.events == []


async def test_a_sender_that_hangs_up_half_way_stores_nothing(door: WebDoor) -> None:
    body = event_body()
    async with connected(door) as (_reader, writer):
        writer.write(head(signature(body), b"content-length: %d" % len(body)) + body[:20])
        await writer.drain()
        writer.transport.abort()
    assert (await door.client.get("/healthz")).status_code == 200
    assert door.intake.events == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /webhooks/stripe/acme HTTP/9.9\r\n\r\n",
        b"POST http://[::1 HTTP/1.1\r\nhost: here\r\n\r\n",
        b"POST /\xff HTTP/1.1\r\nhost: here\r\n\r\n",
        head(b"content-length: -1"),
        head(b"content-length: 9999999999999999999999999"),
        head(b"content-length: 5", b"content-length: 6"),
        head(b"content-length: 5", b"transfer-encoding: chunked"),
        head(b"transfer-encoding: chunked") + b"zz\r\n",
        head(b"bad header: x"),
        head(b"no-colon"),
        head(b"x: " + b"a" * MAX_HEAD_BYTES * 2)[:-4],
        b"POST /" + b"a" * MAX_HEAD_BYTES * 2,
    ],
)
async def test_malformed_http_is_refused_and_harms_nobody(door: WebDoor, request_bytes: bytes) -> None:
    async with connected(door) as (reader, writer):
        writer.write(request_bytes)
        answer = await asyncio.wait_for(reader.readline(), 5)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert door.intake.events == []
    assert (await door.client.get("/healthz")).status_code == 200


async def test_percent_encoding_does_not_reach_another_entity(door: WebDoor) -> None:
    body = event_body()
    for path in (b"/webhooks/stripe/acme%2f", b"/webhooks/stripe/acme%0a", b"/webhooks/stripe/%00", b"/webhooks/../x"):
        request = head(signature(body), b"content-length: %d" % len(body), path=path) + body
        assert (await exchange(door, request)).startswith(b"HTTP/1.1 404 ")


async def test_pipelined_requests_are_answered_in_order(door: WebDoor) -> None:
    body = event_body()
    first = head(signature(body), b"content-length: %d" % len(body)).replace(b"connection: close\r\n", b"") + body
    answer = await exchange(door, first + head(method=b"GET", path=b"/healthz"))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.index(b"receipt") < answer.index(b"alive")


async def answered(door: WebDoor, status: int) -> None:
    """Ask until the answer has this status."""
    async with asyncio.timeout(5):
        while (await door.client.get("/healthz")).status_code != status:
            pass


async def test_too_many_connections_are_turned_away_and_come_back() -> None:
    door = await open_web_door(max_connections=2)
    try:
        async with connected(door), connected(door):
            await answered(door, 503)
        await answered(door, 200)
    finally:
        await door.close()


@pytest.mark.parametrize("sent", [b"", b"POST /webhooks/stripe/acme HTTP/1.1\r\nhost: he"])
async def test_a_head_that_does_not_end_in_time_loses_its_connection(sent: bytes) -> None:
    door = await open_web_door(head_timeout=timedelta(milliseconds=50))
    try:
        assert await exchange(door, sent) == b""
    finally:
        await door.close()


async def test_a_body_that_does_not_end_in_time_is_refused() -> None:
    door = await open_web_door(body_timeout=timedelta(milliseconds=50))
    try:
        answer = await exchange(door, head(b"content-length: 10") + b"{")
        assert answer.startswith(b"HTTP/1.1 408 ")
    finally:
        await door.close()


async def test_stopping_lets_a_request_finish_and_takes_no_new_one() -> None:
    door = await open_web_door()
    door.intake.release = asyncio.Event()
    body = event_body()
    asking = asyncio.create_task(door.client.post("/webhooks/stripe/acme", content=body, headers=signed(body)))
    await door.intake.entered.wait()
    stopping = asyncio.create_task(door.server.stop(timedelta(seconds=5)))
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        except OSError:
            break
        writer.close()
        await asyncio.sleep(0)
    door.intake.release.set()
    assert (await asking).status_code == 200
    await stopping
    await door.client.aclose()


async def test_a_request_that_outlives_the_drain_is_asked_to_come_again() -> None:
    door = await open_web_door()
    door.intake.release = asyncio.Event()
    body = event_body()
    asking = asyncio.create_task(door.client.post("/webhooks/stripe/acme", content=body, headers=signed(body)))
    await door.intake.entered.wait()
    await door.server.stop(timedelta(seconds=1))
    answer = await asking
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    await door.client.aclose()


async def test_a_taken_port_is_a_configuration_error(door: WebDoor) -> None:
    async def app(_scope: object, _receive: object, _send: object) -> None: ...

    second = WebServer(app, host="127.0.0.1", port=door.port, max_connections=8)
    with pytest.raises(ConfigurationError, match="cannot be listened on"):
        await second.start()
    await second.stop(timedelta(seconds=1))
