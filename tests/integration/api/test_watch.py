"""WatchPayments over sockets, before a real database: what is told, to whom, in which order; nothing is missed."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import grpc

from service.db import Database
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.history import feed
from service.history.feed import FeedFilter, Seen
from tests.integration.api.payments_door import OPPORTUNITY, info_of
from tests.integration.api.watched import START, Watch, payments_told, replica, told
from tests.support.waiting import until


async def ended(watch: Watch, seen: list[api.WatchPaymentsResponse] | None = None) -> grpc.aio.AioRpcError:
    """Read to the end, keeping what is `seen`; return how it ended."""
    try:
        while True:
            answer = await told(watch)
            if seen is not None:
                seen.append(answer)
    except grpc.aio.AioRpcError as error:
        return error


async def test_a_watch_begins_with_a_token_and_tells_what_changes(database_url: str) -> None:
    async with replica(database_url) as door:
        await door.pay(["pi_before"])
        watch = door.watch()
        beginning = await told(watch)
        assert not beginning.HasField("payment")
        assert beginning.resume_token
        await door.pay({"pi_1": 100})
        assert await payments_told(watch, 1) == [("pi_1", 100)]
        await door.pay({"pi_1": 100}, second=1)  # nothing new: told to nobody
        await door.pay({"pi_1": 250}, second=2)
        assert await payments_told(watch, 1) == [("pi_1", 250)]
        watch.cancel()


async def test_filters_let_pass_what_belongs_to_a_record_or_a_customer(database_url: str) -> None:
    async with replica(database_url) as door:
        of_record, of_customer = door.watch(record_id=OPPORTUNITY[:15]), door.watch(customer_id="cus_1")
        of_both = door.watch(record_id=OPPORTUNITY, customer_id="cus_1")
        for watch in (of_record, of_customer, of_both):
            await told(watch)
        await door.pay(["pi_neither"])
        await door.pay(["pi_record"], record=OPPORTUNITY)
        await door.pay(["pi_customer"], customer="cus_1")
        await door.pay(["pi_both"], record=OPPORTUNITY, customer="cus_1")
        assert [name for name, _ in await payments_told(of_record, 2)] == ["pi_record", "pi_both"]
        assert [name for name, _ in await payments_told(of_customer, 2)] == ["pi_customer", "pi_both"]
        assert [name for name, _ in await payments_told(of_both, 1)] == ["pi_both"]
        for watch in (of_record, of_customer, of_both):
            watch.cancel()


async def test_a_token_resumes_at_another_replica_after_a_restart(database_url: str) -> None:
    async with replica(database_url) as first:
        watch = first.watch()
        await told(watch)
        await first.pay({"pi_a": 1, "pi_b": 1})
        await payments_told(watch, 1)
        token = (await told(watch)).resume_token
        watch.cancel()
    async with replica(database_url) as second:
        await second.pay([f"pi_{number:03}" for number in range(250)], second=1)
        await second.pay({"pi_a": 2}, second=2)
        async with replica(database_url) as third:
            watch = third.watch(resume_token=token)
            missed = await payments_told(watch, 251)
            assert [name for name, _ in missed] == [*(f"pi_{number:03}" for number in range(250)), "pi_a"]
            assert missed[-1] == ("pi_a", 2)
            await second.pay({"pi_b": 3}, second=3)  # told by another process: LISTEN wakes this one
            assert await payments_told(watch, 1) == [("pi_b", 3)]
            watch.cancel()


async def test_a_heartbeat_moves_the_token_past_what_concerns_others(database_url: str) -> None:
    async with replica(database_url, heartbeat=0.1) as door:
        watch = door.watch(record_id=OPPORTUNITY)
        beginning = await told(watch)
        await door.pay(["pi_1"])
        while (await told(watch)).resume_token == beginning.resume_token:
            pass
        watch.cancel()


async def test_who_does_not_keep_up_is_told_so_and_misses_nothing(database_url: str) -> None:
    names = [f"pi_{number:04}" for number in range(1500)]
    async with replica(database_url, waiting=150, small_windows=True) as door:
        watch = door.watch()
        token = (await told(watch)).resume_token
        await door.pay(names)  # nobody reads meanwhile
        answers: list[api.WatchPaymentsResponse] = []
        error = await ended(watch, answers)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        token = answers[-1].resume_token if answers else token
        assert (info_of(error).reason, info_of(error).metadata["resume_token"]) == ("WATCHER_TOO_SLOW", token)
        seen = [answer.payment.payment_id for answer in answers]
        assert len(seen) < len(names)
        again = door.watch(resume_token=token)
        seen += [name for name, _ in await payments_told(again, len(names) - len(seen))]
        assert seen == names
        again.cancel()


async def test_a_stopping_service_ends_its_watchers_with_a_token(database_url: str) -> None:
    async with replica(database_url) as door:
        watch = door.watch()
        token = (await told(watch)).resume_token
        door.feed.close()
        stopping = asyncio.create_task(door.server.stop(timedelta(seconds=60)))
        error = await ended(watch)
        async with asyncio.timeout(30):  # well within the drain: nobody waits for watchers
            await stopping
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert (info_of(error).reason, info_of(error).metadata["resume_token"]) == ("OVERLOADED", token)


async def test_one_watcher_too_many_is_refused_until_another_leaves(database_url: str) -> None:
    async with replica(database_url, limit=1) as door:
        watch = door.watch()
        await told(watch)
        error = await ended(door.watch())
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
        watch.cancel()
        await until(lambda: door.feed.watchers == 0)
        again = door.watch()
        await told(again)
        again.cancel()


async def test_tokens_of_elsewhere_are_refused(database_url: str, database: Database) -> None:
    async with replica(database_url) as door:
        watch = door.watch()
        token = (await told(watch)).resume_token
        watch.cancel()
        error = await ended(door.watch(resume_token="B" + token[1:], record_id="006", customer_id="someone"))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert {"resume_token", "record_id", "customer_id"} <= set(str(error.details()).replace(":", " ").split())
        assert info_of(await ended(door.watch(entity="nobody"))).reason == "ENTITY_UNKNOWN"
        async with database.transaction() as tx:
            await tx.exec_driver_sql("UPDATE payment_feed SET id = id + 1")
        error = await ended(door.watch(resume_token=token))
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert info_of(error).reason == "RESUME_TOKEN_UNKNOWN"


async def test_a_restored_database_ends_the_watches_on_it(database_url: str) -> None:
    async with replica(database_url) as door:
        watch = door.watch()
        await told(watch)
        await door.pay({"pi_1": 1})
        await payments_told(watch, 1)
        async with door.database.transaction() as tx:
            await tx.exec_driver_sql("UPDATE payment_feed SET position = 0")
        assert info_of(await ended(watch)).reason == "RESUME_TOKEN_UNKNOWN"


async def test_a_place_is_visible_only_when_all_before_it_are(database: Database) -> None:
    """Writers that commit in any order, or not at all; a reader that follows by place sees every one that did."""
    committed: set[str] = set()
    seen: list[tuple[int, str]] = []
    chance = random.Random(22)  # noqa: S311  (a repeatable order)

    async def write(number: int) -> None:
        names = [f"pi_{number}_{part}" for part in range(3)]
        with suppress(ConnectionError):
            async with database.transaction() as tx:
                await feed.append(tx, [Seen("acme", name, None, None, "1") for name in names], now=START)
                await tx.exec_driver_sql(f"SELECT pg_sleep({chance.random() / 200})")
                gives_up(number)
            committed.update(names)

    def gives_up(number: int) -> None:
        if number % 7 == 0:
            raise ConnectionError

    async def read() -> None:
        async with database.read() as tx:
            after = seen[-1][0] if seen else 0
            found = await feed.changes(tx, FeedFilter(), after=after, limit=10)
            seen.extend((one.position, one.payment_id) for one in found)

    writing = [asyncio.create_task(write(number)) for number in range(60)]
    while not all(task.done() for task in writing):
        await read()
    await asyncio.gather(*writing)
    while len(seen) < len(committed):
        await read()
    assert {name for _, name in seen} == committed
    assert [place for place, _ in seen] == list(range(1, len(committed) + 1))
