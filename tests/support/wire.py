"""HTTP as bytes on a socket: what is sent is sent as it is, and the answer is only as much as its status."""

import asyncio
from collections.abc import Mapping

PATIENCE = 30


def request(path: bytes, headers: Mapping[bytes, bytes], body: bytes, method: bytes = b"POST") -> bytes:
    """Return a request that is well framed, whatever its parts say."""
    head = [method + b" " + path + b" HTTP/1.1", b"host: here", b"content-length: %d" % len(body)]
    head += [name + b": " + value for name, value in headers.items()]
    return b"\r\n".join([*head, b"", body])


class Wire:
    """One connection to a port of this machine, made anew when the other side closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> int:
        """Send a whole request; return the status of the answer."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._exchange(raw)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()  # closed between two requests, as a server may: this one goes out on a new connection
            async with asyncio.timeout(PATIENCE):
                return await self._exchange(raw)

    async def throw(self, raw: bytes) -> int | None:
        """Send bytes and hang up; return the status of the answer, None where there is none."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(raw)
                writer.write_eof()
                answer = await reader.read()
        except ConnectionError:
            return None
        finally:
            writer.close()
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else None

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, raw: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(raw)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        await reader.readexactly(int(headers.get(b"content-length", b"0")))
        if headers.get(b"connection") == b"close":
            self.close()
        return int(head[9:12])
