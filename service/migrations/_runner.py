"""Applies migrations: one migrator at a time, no statement that waits for a lock for long."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from service.db import metadata
from service.errors import ConfigurationError

_LOCK = 0x0C0F  # one migrator at a time, for the whole database
_MIN_SERVER = 150_000
_LOCK_TIMEOUT = "10s"
_TIMEOUTS = {"statement_timeout": "10min", "idle_in_transaction_session_timeout": "10min"}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _connect(url: str) -> Connection:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise ConfigurationError(
            "COUNTERFOIL_DATABASE_URL", "the database does not answer", "Check host, port, user and password"
        ) from error
    if int(connection.scalar(text("SHOW server_version_num")) or 0) < _MIN_SERVER:
        connection.close()
        raise ConfigurationError("COUNTERFOIL_DATABASE_URL", "this PostgreSQL is too old", "Use PostgreSQL 15 or later")
    return connection


def upgrade(url: str, revision: str = "head", *, lock_timeout: str = _LOCK_TIMEOUT) -> list[str]:
    """Bring the database at `url` up to `revision`; return the numbers applied, in order.

    Waits for another migrator to finish first, and at most `lock_timeout` for a table that somebody else holds.

    Raises:
        ConfigurationError: the database does not answer or is older than PostgreSQL 15.
    """
    with _connect(url) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        for name, value in (_TIMEOUTS | {"lock_timeout": lock_timeout}).items():
            connection.execute(text(f"SET {name} = '{value}'"))
        connection.commit()
        before = _applied(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
        done = _applied(connection) - before
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()
    return sorted(done)


def pending(url: str) -> list[str]:
    """Return the numbers that the database at `url` still lacks, in order.

    Raises:
        ConfigurationError: the database does not answer or is older than PostgreSQL 15.
    """
    with _connect(url) as connection:
        done = _applied(connection)
    scripts = ScriptDirectory.from_config(_config())
    return sorted({script.revision for script in scripts.walk_revisions()} - done)


def server_version(url: str) -> str:
    """Return the version of the PostgreSQL at `url`, such as "18.1".

    Raises:
        ConfigurationError: as `pending`.
    """
    with _connect(url) as connection:
        return str(connection.scalar(text("SHOW server_version"))).split()[0]


def _applied(connection: Connection) -> set[str]:
    head = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if head is None:
        return set()
    return {script.revision for script in scripts.iterate_revisions(head, "base")}


def run_environment(connection: Connection) -> None:
    """Serve Alembic's `env.py`: one transaction a step, compared with the rooms' tables."""
    from alembic import context  # noqa: PLC0415  (a proxy that exists only while Alembic runs)

    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
