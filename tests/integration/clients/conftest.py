"""Both vendors, imitated by a process of its own; and an org that answers exactly as a test says."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.clients import SalesforceApi
from service.clock import Clock
from tests.integration.clients.org_server import FakeTime, OrgServer, org
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox
from tests.support.scripted_vendor import Reply, vendor


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(sandbox_process: RunningSandbox) -> Iterator[RunningSandbox]:
    yield sandbox_process
    sandbox_process.control("DELETE", "/stripe/faults")
    sandbox_process.control("DELETE", "/salesforce/faults")
    sandbox_process.control("DELETE", "/pubsub/faults")


@pytest.fixture
async def server() -> AsyncIterator[OrgServer]:
    async with vendor(lambda _: Reply()) as it:
        yield OrgServer(it)


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def api(server: OrgServer, tmp_path: Path, clock: Clock) -> SalesforceApi:
    return SalesforceApi("main", org(server.vendor.url, tmp_path), clock)
