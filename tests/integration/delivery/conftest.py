"""The sandbox's org, fresh for each test, and a database to deliver from."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.clients import SalesforceApi
from service.clock import SystemClock
from service.db import Database, Wakes
from tests.support.delivery import Line, ShiftedClock, org_settings
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def line(sandbox: RunningSandbox, database: Database) -> AsyncIterator[Line]:
    sandbox.control("POST", "/reset")
    clock = ShiftedClock()
    api = SalesforceApi("main", org_settings(sandbox), SystemClock())
    yield Line(database, sandbox, clock, Wakes(database.url), api)
    api.close()
