"""Readiness and deadlines: small objects with sharp edges."""

import asyncio
from datetime import timedelta

import pytest

from service.api._deadlines import require_time, time_left
from service.api._readiness import Readiness
from service.api._status import DeadlineTooShort


class Context:
    def __init__(self, remaining: float | None) -> None:
        self.remaining = remaining

    def time_remaining(self) -> float | None:
        return self.remaining


def test_ready_means_every_condition_holds() -> None:
    readiness = Readiness(["database", "worker"])
    seen = [readiness.missing]
    for condition, holds in (("worker", True), ("database", True), ("worker", False)):
        readiness.set(condition, holds)
        seen.append(readiness.missing)
    assert seen == [("database", "worker"), ("database",), (), ("worker",)]


def test_a_condition_nobody_announced_is_an_error() -> None:
    with pytest.raises(KeyError):
        Readiness(["database"]).set("databse", True)


async def test_a_change_wakes_every_waiter_once_it_differs() -> None:
    readiness = Readiness(["a", "b"])
    waiters = [asyncio.create_task(readiness.changed(("a", "b"))) for _ in range(3)]
    await asyncio.sleep(0)
    readiness.set("a", False)
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    readiness.set("a", True)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiters) == [("b",)] * 3
        assert await readiness.changed(()) == ("b",)


@pytest.mark.parametrize("remaining", [-1.0, 0.0, 0.0999])
def test_too_little_time_is_refused(remaining: float) -> None:
    with pytest.raises(DeadlineTooShort):
        require_time(Context(remaining))


@pytest.mark.parametrize(("remaining", "left"), [(0.1, 0.08), (1.0, 0.98), (None, None)])
def test_a_little_time_is_kept_back(remaining: float | None, left: float | None) -> None:
    assert require_time(Context(remaining)) == (None if left is None else timedelta(seconds=left))


def test_time_left_is_never_negative() -> None:
    assert time_left(Context(-5)) == timedelta(0)
