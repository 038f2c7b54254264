"""Several HTTP servers in one event loop, each on a socket bound beforehand so that its port is known.

Signals are the command's business, not a server's: the servers here never install handlers. The protocol hands the
connection to the application, because a fault may have to cut it without an answer, which ASGI has no word for.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, MutableMapping
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "counterfoil.transport"
SHUTDOWN_S = 2


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with the connection put into the scope's extensions."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Any] = {TRANSPORT: self.transport}
        self.scope["extensions"] = extensions


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # the command handles signals for all
        yield


def cut_connection(scope: MutableMapping[str, Any]) -> None:
    """Close the connection of a request at once, without an answer."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    transport.abort()


def bind(host: str, port: int) -> socket.socket:
    """Bind a TCP socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the host is not an address of this machine.
    """
    # The protocol is named because asyncio turns Nagle's delay off only where it is: 40 ms on every answer otherwise.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


def port_of(sock: socket.socket) -> int:
    """Return the port a socket is bound to."""
    port: int = sock.getsockname()[1]
    return port


class HttpServer:
    """One application on one bound socket, with or without TLS."""

    def __init__(self, app: ASGIApp, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        )
        self._sock = sock
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve until stopped; returns when connections are accepted.

        Raises:
            RuntimeError: the server ended before it was ready.
        """
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]))
        while not self._server.started:
            if self._task.done():
                raise RuntimeError("an HTTP server of the sandbox ended while it started") from self._task.exception()
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close the socket and wait for running requests, at most two seconds."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
