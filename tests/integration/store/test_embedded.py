import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from service.db import EmbeddedPostgres
from tests.support.postgres import short_folder

HOLDER = """
import sys, time
from pathlib import Path
from service.db import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(600)
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the server of a folder, and return it when it does."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    process.stdout.close()
    return process


def test_it_is_found_again_after_a_kill_and_stops_with_its_last_living_holder() -> None:
    with short_folder() as folder:
        running = folder / "postgres" / "postmaster.pid"
        killed = holder(folder)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        postmaster = running.read_text().splitlines()[0]

        server = EmbeddedPostgres(folder)
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert running.read_text().splitlines()[0] == postmaster, "the same server"
        server.stop()
        assert not running.exists()


def test_it_goes_on_while_another_process_uses_it() -> None:
    with short_folder() as folder:
        running = folder / "postgres" / "postmaster.pid"
        server = EmbeddedPostgres(folder)
        server.start()
        other = holder(folder)
        server.stop()
        assert running.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        again = EmbeddedPostgres(folder)
        again.start()
        again.stop()
        assert not running.exists()
