"""Processes that help to measure: each reads its job from its input, and answers by lines."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deploy.demo.stack import START_SECONDS, Process


@dataclass(frozen=True, slots=True)
class Server:
    """A gRPC server to ask."""

    address: str
    process: psutil.Process


def server_of(service: Process) -> Server:
    """Return the gRPC server of a service process."""
    return Server(service.info["grpc"], psutil.Process(service.process.pid))


@contextmanager
def echo(folder: Path, answers: dict[str, str]) -> Iterator[Server]:
    """Run the echo server, which answers each method with the message given (base64)."""
    given, ready = folder / "answers.json", folder / "echo.ready"
    given.write_text(json.dumps(answers))
    command = [sys.executable, "-m", "tests.bench.echo", str(given), str(ready)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError("the echo server did not start")
            time.sleep(0.02)
        yield Server(f"127.0.0.1:{ready.read_text()}", psutil.Process(process.pid))


class Helper:
    """A running helper."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def say(self, line: str) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Return its next line.

        Raises:
            RuntimeError: it ended without one; it has told why on its own.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} failed")
        return line

    def result(self) -> Any:
        """Return its next line, which is JSON."""
        return json.loads(self.hear())


@contextmanager
def helper(module: str, job: dict[str, Any]) -> Iterator[Helper]:
    """Run a helper with its job."""
    command = [sys.executable, "-m", f"tests.bench.{module}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        started = Helper(process)
        started.say(json.dumps(job))
        yield started
