"""A dry run from the command line: the parts are put together, one request is gone through, nothing is written."""

import asyncio
from pathlib import Path

from service.api import Readiness
from service.bootstrap._parts import build
from service.bootstrap._store import open_store
from service.clock import SystemClock
from service.commands import Request
from service.commands.preview import Preview
from service.config import load_installation, load_settings
from service.sealing import open_vault


def preview(config: Path | None, request: Request) -> Preview:
    """Tell what a request would ask of Stripe.

    Raises:
        CounterfoilError: the request, a setting or a vendor is not as it should be.
    """
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)

    async def run(url: str) -> Preview:
        parts = build(settings, installation, url, Readiness(()), SystemClock(), vault=open_vault(settings))
        try:
            return await parts.commands.preview(request)
        finally:
            await parts.close()

    with open_store(settings) as store:
        return asyncio.run(run(store.url))
