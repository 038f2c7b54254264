"""A PostgreSQL for the tests, and new databases in it that cost milliseconds: copies of one that is migrated."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from service.db import EmbeddedPostgres
from service.migrations import upgrade

URL_VARIABLE = "COUNTERFOIL_TEST_DATABASE_URL"
_TEMPLATE = f"counterfoil_template_{os.getpid()}"


def at_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _administer(url: str, statement: str, name: str, other: str = "") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(other or name)))


def empty_database(url: str) -> str:
    """Make a database without any table; return its URL. The caller drops it."""
    name = f"test_{uuid4().hex[:16]}"
    _administer(url, "CREATE DATABASE {0}", name)
    return at_database(url, name)


def fresh_database(url: str) -> str:
    """Make a migrated, empty database on the server of `postgres_url`; return its URL. The caller drops it."""
    name = f"test_{uuid4().hex[:16]}"
    _administer(url, "CREATE DATABASE {0} TEMPLATE {1}", name, _TEMPLATE)
    return at_database(url, name)


def drop_database(url: str, database_url: str) -> None:
    """Drop a database, whoever is still connected to it."""
    _administer(url, "DROP DATABASE IF EXISTS {0} WITH (FORCE)", str(make_url(database_url).database))


@contextmanager
def short_folder() -> Iterator[Path]:
    """Give a folder outside home folders with a short path: a Unix socket fits in it, and root may open it."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Give the URL of a PostgreSQL whose migrated template is ready: the one of the environment, or an embedded one."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        with _with_template(given):
            yield given
        return
    with short_folder() as folder:
        server = EmbeddedPostgres(folder)
        url = server.start()
        try:
            _hurry(url)
            with _with_template(url):
                yield url
        finally:
            server.stop()


def _hurry(url: str) -> None:
    """Do not wait for the disk: no test cuts the power of this machine, and a killed server loses nothing by it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def _with_template(url: str) -> Iterator[None]:
    _administer(url, "CREATE DATABASE {0}", _TEMPLATE)
    try:
        upgrade(at_database(url, _TEMPLATE))
        yield
    finally:
        _administer(url, "DROP DATABASE IF EXISTS {0} WITH (FORCE)", _TEMPLATE)
