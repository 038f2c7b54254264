"""What a restarted PostgreSQL costs, and how loops in different processes wake each other."""

import asyncio
from contextlib import suppress

import asyncpg
from sqlalchemy import text

from service.db import EmbeddedPostgres, Wakes, open_database
from service.errors import Overloaded
from service.intake import Receipt
from service.migrations import upgrade
from tests.support.events import event, intent, running_intake
from tests.support.postgres import short_folder
from tests.support.waiting import until


async def test_a_restarted_database_loses_nothing_that_was_acknowledged() -> None:
    with short_folder() as folder:
        server = EmbeddedPostgres(folder)
        url = server.start()
        upgrade(url)
        database = open_database(url, pool_size=3)
        wakes = Wakes(url)
        listening = asyncio.create_task(wakes.run())
        acknowledged: set[str] = set()
        refused: list[str] = []

        async def send(number: int) -> None:
            try:
                receipt = await intake.receive(event(f"evt_{number}", intent(f"pi_{number}")))
            except Overloaded:
                refused.append(f"evt_{number}")
            else:
                assert receipt is Receipt.NEW
                acknowledged.add(f"evt_{number}")

        async with running_intake(database) as intake:
            await send(1)
            await asyncio.to_thread(server.stop)
            await send(2)
            assert refused == ["evt_2"]
            assert server.start() == url
            number = 3
            while len(acknowledged) < 5:
                await send(number)
                number += 1
            # A connection that died with the server is noticed by the first statement on it, and replaced.
            assert len(refused) <= 1 + 3
        with wakes.subscribed("anything") as woken:
            other = await asyncpg.connect(url)
            async with asyncio.timeout(10):
                while not woken.is_set():  # the listener comes back by itself, and long before its next statement
                    await other.execute("SELECT pg_notify('counterfoil', 'anything')")
            await other.close()
        async with database.read() as tx:
            stored = {row.event_id for row in await tx.execute(text("SELECT event_id FROM inbox"))}
        assert acknowledged <= stored
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await database.close()
        server.stop()


async def test_a_signal_reaches_the_loops_of_another_process(database_url: str) -> None:
    here, there = Wakes(database_url), Wakes(database_url)
    running = [asyncio.create_task(wakes.run()) for wakes in (here, there)]
    with there.subscribed("mirror") as woken, there.subscribed("outbox") as other, here.subscribed("mirror") as own:
        here.signal("mirror")
        assert own.is_set()  # at once in its own process, with or without a database
        # The other may not be listening yet: a lost signal is allowed, and repeated ones arrive.
        async with asyncio.timeout(10):
            while not woken.is_set():
                here.signal("mirror")
                await asyncio.sleep(0.01)
        assert not other.is_set()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_thousand_signals_are_folded(database_url: str) -> None:
    wakes = Wakes(database_url)
    running = asyncio.create_task(wakes.run())
    heard: list[str] = []
    connection = await asyncpg.connect(database_url)
    await connection.add_listener("counterfoil", lambda *call: heard.append(str(call[-1])))
    with wakes.subscribed("mirror"):
        for _ in range(1000):
            wakes.signal("mirror")
        await until(lambda: heard)
    assert set(heard) == {"mirror"}
    assert len(heard) < 10
    await connection.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_waiting_ends_by_itself(database_url: str) -> None:
    await asyncio.wait_for(Wakes(database_url).wait("nothing", 0.01), 5)


async def test_an_end_at_the_moment_of_a_signal_is_an_end(database_url: str) -> None:
    wakes, connection = Wakes(database_url), await asyncpg.connect(database_url)
    running = asyncio.create_task(wakes.run())
    with wakes.subscribed("heard") as heard:
        while not heard.is_set():  # from here on it listens, with nothing to send
            await connection.execute("NOTIFY counterfoil, 'heard'")
    await connection.close()
    wakes.signal("mirror")
    running.cancel()
    ended, _ = await asyncio.wait([running], timeout=10)
    assert ended
    assert running.cancelled()
