"""One world a module: the vendors and a database of its own."""

from collections.abc import Iterator

import pytest

from tests.simulation.world import World, running_world
from tests.support.postgres import drop_database, fresh_database, short_folder


@pytest.fixture(scope="module")
def world(postgres_url: str) -> Iterator[World]:
    url = fresh_database(postgres_url)
    with short_folder() as folder, running_world(folder, url) as it:
        yield it
    drop_database(postgres_url, url)
