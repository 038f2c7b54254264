"""One statement, over and over, each time a transaction by itself: the hottest path of the service.

A writer keeps a connection of its own with the statement prepared. PostgreSQL commits a single statement without being
told to, which saves three journeys; and it goes past SQLAlchemy's frame, which costs more than a small batch itself.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import DBAPIError

from service.db._sealed import bind_vault
from service.sealing import Vault

# SQLSTATE classes of a server that cannot work now: connection, resources, operator, system. It refused nothing.
_UNWELL = ("08", "53", "57", "58")
_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 60


class Writer:
    """Runs one statement; used by one task at a time. After any error it starts again with a new connection."""

    def __init__(self, dsn: str, statement: TextClause, vault: Vault) -> None:
        spoken = dialect()  # type: ignore[no-untyped-call]  # theirs
        bind_vault(spoken, vault)
        compiled = statement.compile(dialect=spoken)
        converters = {name: bind.type.dialect_impl(spoken) for name, bind in compiled.binds.items()}
        self._convert = {name: made for name, one in converters.items() if (made := one.bind_processor(spoken))}
        self._dsn = dsn
        self._sql = str(compiled)
        self._names = compiled.positiontup or []
        self._connection: Any = None
        self._prepared: Any = None

    async def write(self, parameters: Mapping[str, object]) -> tuple[Any, ...]:
        """Run the statement and return its one row: durable when this returns.

        Raises:
            sqlalchemy.exc.DBAPIError: the database refused it, or (`connection_invalidated`) cannot work now.
            OSError or TimeoutError: it does not answer.
        """
        try:
            if self._connection is None:
                await self._connect()
            values = dict(parameters) | {name: make(parameters[name]) for name, make in self._convert.items()}
            return tuple(await self._prepared.fetchrow(*[values[name] for name in self._names]))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            unwell = self._connection is None or self._connection.is_closed()
            unwell = unwell or str(getattr(error, "sqlstate", "")).startswith(_UNWELL)
            self.close()
            raise DBAPIError(self._sql, None, error, connection_invalidated=unwell) from error
        except BaseException:
            self.close()
            raise

    async def _connect(self) -> None:
        settings = {"application_name": "counterfoil", "jit": "off"}
        self._connection = await asyncpg.connect(
            self._dsn, timeout=_CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS, server_settings=settings
        )
        self._prepared = await self._connection.prepare(self._sql)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._prepared = None
