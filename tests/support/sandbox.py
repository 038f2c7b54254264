"""Starts the sandbox as a process of its own, as a user would, and stops it cleanly.

It knows the command and its control plane and nothing of what the imitated vendors do.
"""

import json
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "deploy" / "salesforce" / "force-app"
START_S, STOP_S = 60, 20


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that listens; ``info`` is what it printed."""

    info: dict[str, Any]
    process: subprocess.Popen[Any]

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """Ask the control plane and return its JSON answer.

        Raises:
            httpx.HTTPStatusError: it refused.
        """
        answer = httpx.request(method, self.info["control"]["url"] + path, json=json, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stop(self) -> int:
        """Ask the process to end and return its exit code; kill it if it does not."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


def start_sandbox(state_dir: Path, metadata: Path | None = None) -> RunningSandbox:
    """Start ``counterfoil-sandbox serve`` on free ports and wait until everything listens.

    Raises:
        RuntimeError: it ended, or was not ready within a minute.
    """
    command = [sys.executable, "-m", "counterfoil_sandbox", "serve", "--state-dir", str(state_dir)]
    if metadata is not None:
        command += ["--metadata", str(metadata)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_S)
    line = process.stdout.readline() if readable else ""
    if not line:
        process.kill()
        process.stdout.close()
        raise RuntimeError(f"the sandbox did not start (exit code {process.wait()})")
    return RunningSandbox(json.loads(line), process)
