"""How many calls of Stripe's each kind of request takes: no more than it has to, and none by surprise."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.commands import OPERATIONS
from service.db import Database
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.integration.commands.kinds import KINDS, Kind
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(
    org: RunningSandbox, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[InvoiceDesk]:
    async with open_desk(org, database, database_url, tmp_path) as it:
        yield it


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_each_kind_takes_these_calls_and_no_other(desk: InvoiceDesk, kind: Kind) -> None:
    assert await kind.made(desk) == list(kind.calls)


def test_every_operation_has_its_calls_counted() -> None:
    assert {kind.operation for kind in KINDS} == set(OPERATIONS)
