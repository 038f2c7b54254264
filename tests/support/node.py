"""What the tests need of Node: packages installed once into .make/, and run there beside a copy of our files.

They are wanted, not needed: where there is no Node, or npm cannot reach its registry, the tests that ask for them are
skipped with the reason. The repository itself is never written to.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.salesforce_metadata import SOURCE

_MADE = Path(__file__).parents[2] / ".make"
_MINIMUM = (20, 19)
_INSTALL_SECONDS, _RUN_SECONDS = 240, 240
_FILES = (
    "package.json",
    "package-lock.json",
    "jest.config.js",
    "eslint.config.js",
    "check-apex.mjs",
    "sfdx-project.json",
)


def salesforce_workspace() -> Path:
    """Return a folder with a fresh copy of the Salesforce package and its tools; skip where that cannot be."""
    return workspace("salesforce-node", SOURCE, _FILES, ("force-app", "jest-mocks"))


def workspace(name: str, source: Path, files: Sequence[str], folders: Sequence[str] = ()) -> Path:
    """Return a folder with a fresh copy of some of `source`, and what its lock names; skip where that cannot be."""
    if shutil.which("npm") is None or (found := _version()) < _MINIMUM:
        pytest.skip("no Node 20.19 or later with npm here")
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = _MADE / name / f"{lock}-{found[0]}"
    folder.mkdir(parents=True, exist_ok=True)
    for each in folders:
        shutil.rmtree(folder / each, ignore_errors=True)
        shutil.copytree(source / each, folder / each)
    for each in files:
        shutil.copy(source / each, folder / each)
    ready = folder / "node_modules" / ".ready"
    if not ready.exists():
        _install(folder)
        ready.touch()
    return folder


def _install(folder: Path) -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end within {_INSTALL_SECONDS} seconds")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        assert "EUSAGE" not in done.stderr, "package-lock.json does not fit package.json: run npm install"
        pytest.skip(f"npm ci failed: {' '.join(errors[:2]) or done.stderr[-200:]}")


def _version() -> tuple[int, ...]:
    node = shutil.which("node")
    if node is None:
        return (0, 0)
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True, timeout=60).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2]) or (0, 0)


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Run a command of the workspace; return its exit code, and what it said."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=_RUN_SECONDS)
    return done.returncode, done.stdout + done.stderr
