"""No secret is in the tree: every file that git knows is looked through for what keys look like."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# By their makers' own beginnings; what is too short or speaks of itself is an example and no key.
PATTERNS = {
    "Stripe live key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{20,}"),
    "Stripe test key": re.compile(r"\b[sr]k_test_[A-Za-z0-9]{24,}"),
    "webhook signing secret": re.compile(r"\bwhsec_[A-Za-z0-9]{32,}"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    "cloud access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    "Salesforce session": re.compile(r"\b00D[A-Za-z0-9]{12}![A-Za-z0-9._]{40,}"),
}
_PLANTED = (
    "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "rk_" + "test_" + "4eC39HqLyjWDarjtT1zdp7dc9",
    "whsec_" + "a1B2" * 8,
    "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIE" * 10,
    "AKIA" + "IOSFODNN7EXAMPLF",
    "ghp_" + "a1B2" * 9,
    "00D000000000001" + "!" + "AQ4A" * 12,
)


def found(text: str) -> list[str]:
    """Return what kinds of secret a text holds."""
    return [kind for kind, pattern in PATTERNS.items() if pattern.search(text)]


def test_there_is_none() -> None:
    command = [shutil.which("git") or "git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert len(paths) > 100
    texts = {path: path.read_text(errors="replace") for path in paths if path.is_file()}
    assert {str(path): kinds for path, text in texts.items() if (kinds := found(text))} == {}


@pytest.mark.parametrize("planted", _PLANTED, ids=list(PATTERNS))
def test_one_that_is_planted_is_found(planted: str) -> None:
    assert len(found(f"key = '{planted}'")) == 1
