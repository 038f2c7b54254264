"""Changes for watchers, from a process of its own: the feed's own rows, so many a second, without what leads to them.

How fast webhooks become changes is measured elsewhere; here only the way from the feed to its watchers is looked at.
"""

import asyncio
import json
import sys
from itertools import count, cycle, islice
from typing import Any

import uvloop

from service.clock import SystemClock
from service.db import Wakes, open_database
from service.history.feed import Seen, append

_TICK_SECONDS = 0.02


async def work(job: dict[str, Any]) -> None:
    """Do one job: give `changes` payments (pairs of payment and record, in turn) a new place, `rate` a second."""
    clock, wakes, database = SystemClock(), Wakes(job["database"]), open_database(job["database"], pool_size=1)
    waking = asyncio.create_task(wakes.run())
    turns, numbers = cycle(job["payments"]), count()
    together, done = max(1, round(job["rate"] * _TICK_SECONDS)), 0
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while done < job["changes"]:
        seen = [
            Seen(job["entity"], payment, record, None, f"{job['mark']} {next(numbers)}")
            for payment, record in islice(turns, together)
        ]
        async with database.transaction() as tx:
            done += await append(tx, seen, now=clock.now())
        wakes.signal("payments")
        await asyncio.sleep(max(0.0, begun + done / job["rate"] - loop.time()))
    sys.stdout.write(json.dumps({"changes": done, "seconds": loop.time() - begun}) + "\n")
    waking.cancel()
    await database.close()


if __name__ == "__main__":
    uvloop.run(work(json.loads(sys.stdin.readline())))
