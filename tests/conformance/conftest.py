"""One running sandbox for the tests of a session, with the project's Salesforce package deployed to its org."""

from collections.abc import Iterator

import pytest

from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0
