"""Who asks at the same time is answered by one query, and nobody by one that began before he asked."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from service.db import Together
from tests.support.waiting import until


class Shelf:
    """What is read from: each query waits until it is released."""

    def __init__(self) -> None:
        self.content = {"a": 1, "b": 2}
        self.queries: list[list[str]] = []
        self.releases: list[asyncio.Event] = []
        self.fails: Exception | None = None

    async def read(self, keys: Sequence[str]) -> Mapping[str, int]:
        found = {key: self.content[key] for key in keys if key in self.content}
        self.queries.append(list(keys))
        release = asyncio.Event()
        self.releases.append(release)
        await release.wait()
        if self.fails is not None:
            raise self.fails
        return found

    async def began(self, count: int) -> None:
        await until(lambda: len(self.queries) == count)

    async def release(self) -> None:
        for one in self.releases:
            one.set()


async def test_those_who_wait_share_a_query() -> None:
    shelf = Shelf()
    together = Together(shelf.read, long_seconds=0)
    first = [asyncio.create_task(together.get("a")) for _ in range(2)]
    await shelf.began(1)
    later = [asyncio.create_task(together.get(key)) for key in ("b", "b", "none")]
    await shelf.began(2)
    await shelf.release()
    assert await asyncio.gather(*first, *later) == [1, 1, 2, 2, None]
    assert shelf.queries == [["a"], ["b", "none"]]


async def test_who_asks_meanwhile_is_in_the_next_query() -> None:
    shelf = Shelf()
    together = Together(shelf.read, long_seconds=60)
    asked = [asyncio.create_task(together.get("a"))]
    await shelf.began(1)
    asked += [asyncio.create_task(together.get(key)) for key in ("a", "b")]
    await asyncio.sleep(0)
    assert shelf.queries == [["a"]]
    await shelf.release()
    await shelf.began(2)
    await shelf.release()
    assert await asyncio.gather(*asked) == [1, 1, 2]
    assert shelf.queries == [["a"], ["a", "b"]]


async def test_nobody_is_answered_from_a_query_that_began_before_he_asked() -> None:
    shelf = Shelf()
    together = Together(shelf.read, long_seconds=0)
    early = asyncio.create_task(together.get("a"))
    await shelf.began(1)
    shelf.content["a"] = 10
    late = asyncio.create_task(together.get("a"))
    await shelf.began(2)
    await shelf.release()
    assert (await early, await late) == (1, 10)


async def test_a_failure_is_told_to_those_it_concerns_and_the_next_query_is_made() -> None:
    shelf = Shelf()
    together = Together(shelf.read, long_seconds=0)
    shelf.fails = OSError("down")
    asked = [asyncio.create_task(together.get(key)) for key in ("a", "b")]
    await shelf.began(1)
    await shelf.release()
    for one in asked:
        with pytest.raises(OSError, match="down"):
            await one
    shelf.fails = None
    again = asyncio.create_task(together.get("a"))
    await shelf.began(2)
    await shelf.release()
    assert await again == 1


async def test_who_goes_away_is_not_asked_for() -> None:
    shelf = Shelf()
    together = Together(shelf.read, long_seconds=60)
    busy = asyncio.create_task(together.get("a"))
    await shelf.began(1)
    gone, stays = (asyncio.create_task(together.get(key)) for key in ("gone", "b"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    await shelf.release()
    await shelf.began(2)
    await shelf.release()
    assert (await busy, await stays) == (1, 2)
    assert shelf.queries == [["a"], ["b"]]
