"""What every test may ask for: one PostgreSQL a session, one migrated database a test."""

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from service.db import Database, open_database
from tests.support.postgres import drop_database, fresh_database, running_postgres

# A busy machine is no fault of the code: speed is measured in tests/bench, and asserted nowhere.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The server: COUNTERFOIL_TEST_DATABASE_URL, or an embedded one. Make databases in it with `fresh_database`."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A migrated, empty database for one test."""
    url = fresh_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened."""
    it = open_database(database_url, pool_size=5)
    yield it
    await it.close()
