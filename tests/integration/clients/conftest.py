"""Both vendors, imitated by a process of its own."""

from collections.abc import Iterator

import pytest

from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox


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
