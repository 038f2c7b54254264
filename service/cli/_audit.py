"""`counterfoil audit`: prove the log of changes, export it, and print the head to keep aside."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from service import audit
from service.audit import Fault, Head, Link, Verifier
from service.cli._store import read
from service.config import Installation
from service.db import Transaction
from service.errors import ConfigurationError

_EXIT_DATA = 65  # EX_DATAERR of sysexits.h
audit_app = typer.Typer(
    help="The audit log: what was asked, approved, done and delivered, by whom; chained, so that meddling shows.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")]


@audit_app.command()
def head(config: ConfigOption = None) -> None:
    """Print the head, SEQ:HASH: kept elsewhere, it proves later that nothing before it was changed or cut off."""

    async def work(tx: Transaction, _: Installation) -> Head:
        return await audit.head(tx)

    typer.echo(str(read(config, work)))


@audit_app.command()
def export(
    after: Annotated[int, typer.Option(min=0, help="Only entries after this place.")] = 0,
    config: ConfigOption = None,
) -> None:
    """Print the sealed log as JSON lines: place, hash, the hash before, and the entry."""

    async def work(tx: Transaction, _: Installation) -> None:
        before = audit.GENESIS
        async for link in audit.links(tx, after=max(0, after - 1)):
            if link.seq > after:
                line = {"seq": link.seq, "hash": link.hash, "before": before, "entry": json.loads(link.entry)}
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            before = link.hash

    read(config, work)


@audit_app.command()
def verify(
    file: Annotated[Path | None, typer.Option("--file", help="An exported log, instead of the database.")] = None,
    kept: Annotated[
        list[str] | None, typer.Option("--head", help="SEQ:HASH as 'audit head' printed it; may be repeated.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Prove that no entry was changed, removed or moved. Ends with 65 at the first fault, which it names.

    A tail that was cut off shows only against a head kept aside: give it with --head. The service logs one an hour.
    """
    known = tuple(_head(one) for one in kept or ())
    if file is not None:
        verifier, unsealed = _follow_exported(file, known), 0
    else:

        async def work(tx: Transaction, _: Installation) -> tuple[Verifier, int]:
            return await _follow(audit.links(tx), known), await audit.waiting(tx)

        verifier, unsealed = read(config, work)
    fault = verifier.end()
    if fault is not None:
        typer.echo(f"audit log: entry {fault.seq} {fault.what}", err=True)
        raise typer.Exit(_EXIT_DATA)
    rest = f", {unsealed} not sealed yet" if unsealed else ""
    found = f"entries {verifier.first} to {verifier.head.seq}" if verifier.head.seq else "no entries"
    typer.echo(f"audit log: {found}, every hash holds{rest}. Head {verifier.head}")


async def _follow(chain: AsyncIterator[Link], known: tuple[Head, ...]) -> Verifier:
    verifier = Verifier(known=known)
    async for link in chain:
        if not verifier.follow(link):
            break
    return verifier


def _follow_exported(file: Path, known: tuple[Head, ...]) -> Verifier:
    verifier: Verifier | None = None
    for one in _exported(file):
        if isinstance(one, Fault):
            verifier = verifier or Verifier(known=known)
            verifier.fault = one
            break
        link, before = one
        # A part of the log begins where it says.
        verifier = verifier or Verifier(Head(link.seq - 1, before), known)
        if not verifier.follow(link, before):
            break
    return verifier or Verifier(known=known)


def _exported(file: Path) -> Iterator[tuple[Link, str] | Fault]:
    """Give the links of an exported log with the hash that each says was before; a fault where a line is none."""
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield _link(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    yield Fault(number, "(by its line) cannot be read")
                    return
    except OSError as error:
        fault = f"{file} cannot be read ({error.strerror})"
        raise ConfigurationError("--file", fault, "Name an exported log") from error


def _link(line: dict[str, Any]) -> tuple[Link, str]:
    entry = line["entry"]
    if not isinstance(line["seq"], int) or not isinstance(entry, dict):
        raise TypeError("not an entry")
    return Link(line["seq"], audit.canonical(entry), str(line["hash"])), str(line["before"])


def _head(value: str) -> Head:
    seq, _, found = value.partition(":")
    if not seq.isdecimal() or not found:
        raise ConfigurationError("--head", "is not of the form SEQ:HASH", "Give what 'counterfoil audit head' printed")
    return Head(int(seq), found)
