"""Reading the store of the configuration for a command."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from service import bootstrap
from service.config import Installation, load_installation, load_settings
from service.db import Transaction, open_database
from service.errors import CounterfoilError
from service.sealing import open_vault

T = TypeVar("T")
_EXIT_USAGE = 64  # EX_USAGE of sysexits.h


def read(config: Path | None, work: Callable[[Transaction, Installation], Awaitable[T]]) -> T:
    """Do `work` on one state of the database; a request that makes no sense ends with a sentence and code 64.

    Raises:
        ConfigurationError: a setting is wrong, or the database does not answer.
    """
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)

    async def run(url: str) -> T:
        database = open_database(url, pool_size=2, vault=open_vault(settings))
        try:
            async with database.read() as tx:
                return await work(tx, installation)
        finally:
            await database.close()

    try:
        with bootstrap.open_store(settings) as store:
            return asyncio.run(run(store.url))
    except CounterfoilError as error:
        if error.reason == "CONFIGURATION":
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"counterfoil: {error.message}", markup=False)
        raise SystemExit(_EXIT_USAGE) from None
