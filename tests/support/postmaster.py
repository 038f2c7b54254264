"""A PostgreSQL server that a test may take down as a crash or a failover does, and bring up again.

It is stopped in immediate mode: every connection breaks at once, and the next start recovers from the log
(www.postgresql.org/docs/current/server-shutdown.html).
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from service.db import EmbeddedPostgres
from service.migrations import upgrade

_SECONDS = 60
_PAUSE_SECONDS = 0.02


@dataclass
class Postmaster:
    """The server. `command` is how it is started, `data` its folder, whose owner it runs as."""

    url: str
    command: list[str]
    data: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        owner = self.data.stat()
        with (self.data / "test.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, user=owner.st_uid, group=owner.st_gid, cwd="/", process_group=0
            )
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.data / "test.log").read_text()[-2000:]
                time.sleep(_PAUSE_SECONDS)  # between two looks
            else:
                return

    def crash(self) -> None:
        """Take it down in immediate mode: nobody is waited for, nothing is written."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Take it down in good order."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, how)
            self.process.wait(_SECONDS)


@contextmanager
def running_postmaster(folder: Path) -> Iterator[Postmaster]:
    """Give a server of its own below `folder`, with a migrated database."""
    embedded = EmbeddedPostgres(folder)
    url = embedded.start()
    try:
        upgrade(url)
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
            assert row is not None
        data = Path(str(row[0]))
        # The server writes down how it was started.
        command = shlex.split((data / "postmaster.opts").read_text())
    finally:
        embedded.stop()
    server = Postmaster(url, command, data)
    server.start()
    try:
        yield server
    finally:
        server.stop()
