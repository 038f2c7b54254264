"""Transactions. No other module commits or rolls back, and none holds a transaction across a call to a vendor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import MetaData, TextClause, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.db._dsn import plain_url
from service.db._sealed import bind_vault
from service.db._writer import Writer
from service.sealing import Vault

Transaction = AsyncConnection

# Each room declares its own tables on it; the migrations are compared with it in the tests.
metadata = MetaData()


class Database:
    """A pool of connections, handed out as transactions."""

    def __init__(self, engine: AsyncEngine, url: str, vault: Vault) -> None:
        self._engine = engine
        self.url = url
        self.vault = vault

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction: committed when the block ends, rolled back when it raises."""
        async with self._engine.connect() as connection, connection.begin():
            yield connection

    def writer(self, statement: TextClause) -> Writer:
        """Return a connection of its own, outside the pool, that runs this one statement over and over."""
        return Writer(plain_url(self.url), statement, self.vault)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction that sees one state of the database throughout and changes nothing."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Transaction]:
        """Give a connection without a transaction: for a single statement that reads, in a third of the journeys."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    async def ping(self) -> None:
        """Prove that the database answers.

        Raises:
            sqlalchemy.exc.SQLAlchemyError or OSError: it does not.
        """
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def open_database(url: str, *, pool_size: int, vault: Vault | None = None) -> Database:
    """Return a database for a `postgresql://` URL; connects when first used. Without a vault nothing is sealed.

    A dead connection is noticed when it is taken from the pool, so a restarted PostgreSQL costs no failed work.
    """
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=False,
        connect_args={
            "timeout": 10,
            "command_timeout": 60,
            "server_settings": {"application_name": "counterfoil", "jit": "off"},
        },
    )
    vault = vault or Vault()
    bind_vault(engine.dialect, vault)
    return Database(engine, url, vault)
