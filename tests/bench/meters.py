"""What things cost: CPU of a process, CPU and transactions of a whole PostgreSQL, statements by its own log."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import psycopg

from service.db import EmbeddedPostgres

# One line each for a simple query and for the execution of a prepared one; parsing and binding are not statements.
_STATEMENT = re.compile(rb"LOG:  (statement|execute [^:]+): ")


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time a process and the children it has buried have used so far."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


class Postgres:
    """The embedded server of one folder, with a connection of our own to look at it."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder)
        self._folder = folder / "postgres"
        self.url = ""

    def __enter__(self) -> Self:
        self.url = self._server.start()
        self._postmaster = psutil.Process(int((self._folder / "postmaster.pid").read_text().split("\n", 1)[0]))
        self._connection = psycopg.connect(self.url, autocommit=True)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()
        self._server.stop()

    @property
    def version(self) -> str:
        return str(self._connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]  # one row

    def number(self, query: str) -> int:
        """Return the one number a query answers."""
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def texts(self, query: str) -> list[str]:
        """Return the first column of what a query answers."""
        return [str(row[0]) for row in self._connection.execute(query.encode())]

    def cpu_seconds(self) -> float:
        """Return the CPU time of the postmaster and everything it ever started."""
        return cpu_seconds(self._postmaster) + sum(cpu_seconds(child) for child in self._postmaster.children())

    def commits(self) -> int:
        """Return a count that grows by one with each transaction that writes: exact at once, unlike the statistics."""
        return self.number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")

    def clean(self) -> None:
        """Empty what events fill, and write everything out, so that no pass pays for the one before."""
        self._connection.execute("TRUNCATE inbox, mirror, notes, links, routes, statuses, outbox")
        self.write_out()

    def write_out(self) -> None:
        """Write everything out, so that no pass pays for what came before."""
        self._connection.execute("CHECKPOINT")

    def multiply(self, table: str, names: tuple[str, ...], times: int, *, where: str = "true") -> None:
        """Copy the rows of a table `times` times, each copy with names of its own, and count the rows anew."""
        columns = self._connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
            [table],
        )
        known = [str(row[0]) for row in columns]
        copied = [f"{name} || '_' || copy" if name in names else name for name in known]
        self._connection.execute(
            f"INSERT INTO {table} ({', '.join(known)}) "  # noqa: S608  (our own tables)
            f"SELECT {', '.join(copied)} FROM {table}, generate_series(1, {times}) AS copy WHERE {where}".encode()
        )
        self._connection.execute(f"VACUUM ANALYZE {table}".encode())

    def log_statements(self, wanted: bool) -> None:
        self._connection.execute(f"ALTER SYSTEM SET log_statement = '{'all' if wanted else 'none'}'".encode())
        self._connection.execute("SELECT pg_reload_conf()")

    def statements_logged(self) -> int:
        return len(_STATEMENT.findall((self._folder / "log").read_bytes()))


@dataclass(frozen=True, slots=True)
class Reading:
    """The meters at one moment."""

    server_cpu_s: float
    postgres_cpu_s: float
    commits: int

    @classmethod
    def take(cls, server: psutil.Process, postgres: Postgres) -> Self:
        return cls(cpu_seconds(server), postgres.cpu_seconds(), postgres.commits())

    def __sub__(self, earlier: "Reading") -> "Reading":
        return Reading(
            self.server_cpu_s - earlier.server_cpu_s,
            self.postgres_cpu_s - earlier.postgres_cpu_s,
            self.commits - earlier.commits,
        )
