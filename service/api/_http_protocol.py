"""uvicorn's fast HTTP protocol with limits on a request's head, which neither it nor its parser has.

Without them one connection could fill the memory with a header that never ends, or hold its place for ever by sending
a byte now and then. It refuses nothing else: bodies are limited where they are read.
"""

import asyncio
from datetime import timedelta
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32_768
HEAD_TIMEOUT = timedelta(seconds=10)


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection, whose request heads are at most `MAX_HEAD_BYTES` long and complete within `head_timeout`."""

    def __init__(self, *args: Any, head_timeout: timedelta = HEAD_TIMEOUT, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_seconds = head_timeout.total_seconds()
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start the clock of the first head."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and end the connection when the head is still open beyond its limit."""
        counted = self._in_head
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes = self._head_bytes + len(data) if counted else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("Request head too large.")
        elif self._head_timer is None:
            self._arm()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head ends."""
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(self._head_seconds, self.transport.close)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
