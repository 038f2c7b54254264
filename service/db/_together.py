"""One query for all who ask at the same time: a reader takes up everybody who waits, as the group commit does.

There is no timer: who asks alone is answered at the speed of one query. One reader makes the largest groups; others
help only while a query takes long. Nobody is answered from a query that began before he asked, so that whoever has just
written reads what he wrote.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_LIMIT = 100
_READERS = 3
_LONG_SECONDS = 0.05


class Together(Generic[K, V]):
    """Reads by key. `read` gets up to 100 different keys, and returns what it found of them.

    While a query takes longer than `long_seconds`, whoever asks does not wait for it.
    """

    def __init__(
        self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, long_seconds: float = _LONG_SECONDS
    ) -> None:
        self._read = read
        self._long = long_seconds
        self._began = 0.0
        self._waiting: deque[tuple[K, asyncio.Future[V | None]]] = deque()
        self._readers: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """Return what there is of a key, None if there is nothing.

        Raises:
            whatever `read` raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        self._waiting.append((key, answer))
        if not self._readers or (len(self._readers) < _READERS and loop.time() - self._began >= self._long):
            reader = asyncio.create_task(self._serve())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await answer

    async def _serve(self) -> None:
        while self._waiting:
            self._began = asyncio.get_running_loop().time()
            taken = [self._waiting.popleft() for _ in range(min(_LIMIT, len(self._waiting)))]
            asked = [(key, answer) for key, answer in taken if not answer.done()]  # else who asked has gone away
            try:
                found = await self._read(list(dict.fromkeys(key for key, _ in asked))) if asked else {}
            except Exception as error:  # noqa: BLE001  (each of them gets it)
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for key, answer in asked:
                if not answer.done():
                    answer.set_result(found.get(key))
