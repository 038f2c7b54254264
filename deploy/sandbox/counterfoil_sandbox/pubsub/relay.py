"""A TCP relay in front of the gRPC server, so that a connection can really be cut.

grpc offers no way to drop one client's connection, and a status is not the same thing: a cut takes every stream of the
connection with it and leaves no trailers. The relay copies bytes and looks at none, so TLS passes through untouched.
"""

import asyncio
import socket
import struct
from contextlib import suppress

_CHUNK = 64 * 1024


class Relay:
    """Listens on a public port and passes each connection on to one local port."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._links: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; answers the port, which is a free one if ``port`` was 0."""
        self._server = await asyncio.start_server(self._accept, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, peer: str) -> bool:
        """Reset the connection which the server knows as ``peer`` ("ipv4:127.0.0.1:PORT"); False if it is not here."""
        client = self._links.get(int(peer.rpartition(":")[2]))
        if client is None:
            return False
        # Linger zero makes the kernel send a reset instead of an orderly close.
        client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.transport.abort()
        return True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._link(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        local_port = far_writer.get_extra_info("sockname")[1]
        self._links[local_port] = writer
        copies = [asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))]
        try:
            # gRPC never half-closes a connection, so the end of one direction is the end of both.
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._links[local_port]
            for copy in copies:
                copy.cancel()
            await asyncio.gather(*copies, return_exceptions=True)
            for side in (writer, far_writer):
                side.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
