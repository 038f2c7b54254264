"""The HTTP server around the web door: bound when `start` returns, drained when `stop` returns.

uvicorn with httptools, because h11 doubles the cost of a webhook. It runs in the event loop it is started in (bootstrap
chooses uvloop) and leaves signals to the process it lives in.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from service.api._http_protocol import HEAD_TIMEOUT, BoundedHttpProtocol
from service.errors import ConfigurationError

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 30


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens and lets the process keep its signal handlers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(
            "COUNTERFOIL_WEB_HOST",
            f"{host} cannot be listened on ({error.strerror})",
            "Use one of this machine's addresses",
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            "COUNTERFOIL_WEB_PORT",
            f"{host}:{port} cannot be listened on ({error.strerror})",
            "Free the port or choose another",
        ) from error
    listener.setblocking(False)
    return listener


class WebServer:
    """One HTTP server. `max_connections` beyond which a request is answered 503 without reaching the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        max_connections: int,
        head_timeout: timedelta = HEAD_TIMEOUT,
    ) -> None:
        self._host = host
        self._port = port
        config = uvicorn.Config(
            app,
            http=partial(BoundedHttpProtocol, head_timeout=head_timeout),  # type: ignore[arg-type]  # only called
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=max_connections,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; return the bound port, which is the configured one unless that is 0.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        listener = _bind(self._host, self._port)
        self._serving = asyncio.create_task(self._server.serve([listener]), name="web-server")
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._serving.done():
            await self._serving
        port: int = listener.getsockname()[1]
        return port

    async def stop(self, drain: timedelta) -> None:
        """Take no new connection, let requests under way finish for at most `drain`, then end the rest with 503."""
        if self._serving is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, round(drain.total_seconds()))
        self._server.should_exit = True
        await self._serving
        if self._server.server_state.tasks:
            await asyncio.wait(set(self._server.server_state.tasks))
        for connection in list(self._server.server_state.connections):
            connection.transport.close()
        self._serving = None
