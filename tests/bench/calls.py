"""How many calls of Stripe's each kind of request takes, counted on the log of Stripe's stand-in.

The same counting is a test (tests/integration/commands/test_calls.py), so that none creeps in; here it is shown beside
what it costs.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.stack import Stack
from service.db import open_database
from service.migrations import upgrade
from tests.integration.commands.invoicing import open_desk
from tests.integration.commands.kinds import KINDS
from tests.support.postgres import drop_database, empty_database
from tests.support.sandbox import RunningSandbox


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The calls of one kind, in order, and why there is none to leave out."""

    calls: tuple[str, ...]
    why: str


def measure_calls(stack: Stack, postgres_url: str) -> dict[str, CallFigures]:
    """Carry out one request of each kind, in a database of its own.

    Raises:
        RuntimeError: the sandbox does not run.
    """
    if stack.sandbox is None:
        raise RuntimeError("start the sandbox first")
    url = empty_database(postgres_url)
    try:
        upgrade(url)
        return asyncio.run(_counted(RunningSandbox(stack.info, stack.sandbox.process), url))
    finally:
        drop_database(postgres_url, url)


async def _counted(vendors: RunningSandbox, url: str) -> dict[str, CallFigures]:
    database = open_database(url, pool_size=3)
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with open_desk(vendors, database, url, Path(folder)) as desk:
                return {kind.name: CallFigures(tuple(await kind.made(desk)), kind.why) for kind in KINDS}
    finally:
        await database.close()
