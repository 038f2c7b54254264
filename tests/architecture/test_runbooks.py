"""Every command in a runbook exists: its words, its options and their values are read by the command line itself."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from service.__main__ import app

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "deploy" / "runbooks").glob("*.md"))
# In a block a command is a line; in a sentence it stands between backticks.
_LINE = re.compile(r"^\s*(?:\$ )?(counterfoil [a-z].*)$", re.MULTILINE)
_INLINE = re.compile(r"`(?:kubectl exec \S+ -- )?(counterfoil [a-z][^`]*)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")


def commands() -> list[tuple[str, str]]:
    found = [
        (path.name, command)
        for path in [*RUNBOOKS, ROOT / "README.md", ROOT / "deploy" / "observability" / "README.md"]
        for block in re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
        for command in _LINE.findall(block)
    ]
    found += [
        (path.name, command) for path in RUNBOOKS for command in _INLINE.findall(path.read_text().replace("\n", " "))
    ]
    return sorted(set(found))


def test_there_are_commands() -> None:
    assert {name for name, _ in commands()} >= {"vendor-outage.md", "dead-letters.md", "key-rotation.md", "restore.md"}


@pytest.mark.parametrize(("runbook", "command"), commands(), ids=lambda value: str(value).replace("/", "-"))
def test_a_command_is_understood(runbook: str, command: str) -> None:
    del runbook
    arguments = shlex.split(command.partition(" > ")[0], comments=True)[1:]
    found: Any = get_command(app)
    while hasattr(found, "commands"):
        found = found.commands[arguments.pop(0)]
    # Parsed as a run would, up to the point where it would begin: a wrong word or option is an error here.
    found.make_context(found.name, arguments)


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in _LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_runbook_is_listed() -> None:
    listed = set(_LINK.findall((ROOT / "deploy" / "runbooks" / "README.md").read_text()))
    assert {path.name for path in RUNBOOKS} - {"README.md"} == listed
