"""`counterfoil failures`: list, show, redrive, release, discard. What is chosen is shown before it is done."""

import asyncio
import getpass
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service import bootstrap
from service.clock import SystemClock
from service.config import load_installation, load_settings
from service.db import open_database
from service.errors import CounterfoilError, InvalidRequest, Violation
from service.maintenance.failures import SHELVES, Failure, Failures, Filter
from service.sealing import open_vault

T = TypeVar("T")
app = typer.Typer(
    help="Everything that failed: what is waiting with an error, dead, set aside, quarantined or refused.\n\n"
    "Trying again only delivers, looks, fetches or reacts again: no payment is ever made from here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_EXIT_USAGE = 64  # EX_USAGE of sysexits.h
_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Ids = Annotated[list[str] | None, typer.Argument(help="Names of failures, as the list shows them.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")]
Shelf = Annotated[str | None, typer.Option(help=f"Only one of {', '.join(SHELVES)}.")]
Org = Annotated[str | None, typer.Option(help="Only of this Salesforce org.")]
Entity = Annotated[str | None, typer.Option(help="Only of this legal entity.")]
Object = Annotated[str | None, typer.Option("--object", help="Only of this object, such as Payment__c or charge.")]
Error = Annotated[str | None, typer.Option(help="Only with this reason word, or code of Salesforce's.")]
Older = Annotated[str | None, typer.Option("--older-than", help="Only if it failed longer ago, such as 30m, 2h, 7d.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
All = Annotated[bool, typer.Option("--all", help="Choose everything; needed when nothing else chooses.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, with what would be sent; do nothing.")
]


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise InvalidRequest([Violation("--older-than", f"{text!r} is no age: give a number and s, m, h or d")])
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _run(config: Path | None, work: Callable[[Failures], Awaitable[T]]) -> T:
    """Do `work` on the store of the configuration; a request that makes no sense ends with a sentence."""
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)

    async def run(url: str) -> T:
        database = open_database(url, pool_size=2, vault=open_vault(settings))
        try:
            return await work(Failures(database, SystemClock(), installation))
        finally:
            await database.close()

    try:
        with bootstrap.open_store(settings) as store:
            return asyncio.run(run(store.url))
    except CounterfoilError as error:
        if error.reason == "CONFIGURATION":
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"counterfoil: {error.message}", markup=False)
        raise SystemExit(_EXIT_USAGE) from None


@app.command("list")
def list_failures(
    *,
    shelf: Shelf = None,
    org: Org = None,
    entity: Entity = None,
    sobject: Object = None,
    error: Error = None,
    older_than: Older = None,
    discarded: Annotated[bool, typer.Option("--discarded", help="What was given up, instead.")] = False,
    limit: Limit = 100,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List what failed, the oldest first: attempts, reason, next try."""
    wanted = _filter(
        shelf=shelf,
        org=org,
        entity=entity,
        sobject=sobject,
        error=error,
        older_than=older_than,
        limit=limit,
        discarded=discarded,
    )
    found = _run(config, lambda failures: failures.find(wanted()))
    _show(found, as_json=as_json)


@app.command()
def show(failure: Annotated[str, typer.Argument(help="Its name.")], config: Config = None) -> None:
    """Show one failure whole, as JSON, with what would be sent or what was received."""
    found = _run(config, lambda failures: failures.get(failure))
    _print_json(found.as_json())


@app.command()
def redrive(
    *,
    ids: Ids = None,
    shelf: Shelf = None,
    org: Org = None,
    entity: Entity = None,
    sobject: Object = None,
    error: Error = None,
    older_than: Older = None,
    everything: All = False,
    dry_run: DryRun = False,
    limit: Limit = 1000,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Try again from the start: deliver, look, fetch or react. The running service does it within seconds."""
    wanted = _filter(
        shelf=shelf, org=org, entity=entity, sobject=sobject, error=error, older_than=older_than, limit=limit
    )
    _act(
        config,
        ids,
        wanted,
        lambda failures, chosen: failures.redrive(chosen, who=getpass.getuser()),
        "redriven",
        everything=everything,
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command()
def release(
    *,
    ids: Ids = None,
    shelf: Shelf = None,
    org: Org = None,
    entity: Entity = None,
    sobject: Object = None,
    error: Error = None,
    older_than: Older = None,
    everything: All = False,
    dry_run: DryRun = False,
    limit: Limit = 1000,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Let go now what waits out a pause, and quarantined events that fit the configuration by now."""
    wanted = _filter(
        shelf=shelf, org=org, entity=entity, sobject=sobject, error=error, older_than=older_than, limit=limit
    )
    _act(
        config,
        ids,
        wanted,
        lambda failures, chosen: failures.release(chosen, who=getpass.getuser()),
        "released",
        everything=everything,
        dry_run=dry_run,
        as_json=as_json,
    )


@app.command()
def discard(
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with each.")],
    ids: Ids = None,
    by: Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")] = None,
    shelf: Shelf = None,
    org: Org = None,
    entity: Entity = None,
    sobject: Object = None,
    error: Error = None,
    older_than: Older = None,
    everything: All = False,
    dry_run: DryRun = False,
    limit: Limit = 1000,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Give up: nobody tries again until the content changes. Who, when and why is kept."""
    wanted = _filter(
        shelf=shelf, org=org, entity=entity, sobject=sobject, error=error, older_than=older_than, limit=limit
    )
    who = by or getpass.getuser()

    async def act(failures: Failures, chosen: Sequence[Failure]) -> int:
        if not reason.strip():
            raise InvalidRequest([Violation("--reason", "say why")])
        return await failures.discard(chosen, who=who, why=reason.strip())

    _act(config, ids, wanted, act, "discarded", everything=everything, dry_run=dry_run, as_json=as_json)


def _filter(
    *,
    shelf: str | None,
    org: str | None,
    entity: str | None,
    sobject: str | None,
    error: str | None,
    older_than: str | None,
    limit: int,
    discarded: bool = False,
) -> Callable[[], Filter]:
    def wanted() -> Filter:
        if shelf is not None and shelf not in SHELVES:
            raise InvalidRequest([Violation("--shelf", f"{shelf!r} is none of {', '.join(SHELVES)}")])
        return Filter(shelf, org, entity, sobject, error, _age(older_than), discarded, limit)

    return wanted


def _act(
    config: Path | None,
    ids: Sequence[str] | None,
    wanted: Callable[[], Filter],
    act: Callable[[Failures, Sequence[Failure]], Awaitable[int]],
    verb: str,
    *,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    async def work(failures: Failures) -> tuple[list[Failure], int]:
        chosen = await failures.choose(ids or (), wanted(), everything=everything)
        return chosen, 0 if dry_run else await act(failures, chosen)

    chosen, done = _run(config, work)
    if as_json:
        shown = [failure.as_json() if dry_run else {"id": failure.id} for failure in chosen]
        _print_json({"dry_run": dry_run, "chosen": len(chosen), verb: done, "failures": shown})
        return
    _show(chosen, payloads=dry_run)
    said = "nothing was done: this was a preview" if dry_run else f"{done} {verb}"
    Console(highlight=False).print(f"{len(chosen)} chosen, {said}")


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _show(found: Sequence[Failure], *, as_json: bool = False, payloads: bool = False) -> None:
    if as_json:
        rows = [failure.as_json() for failure in found]
        for row in rows:
            del row["payload"]
        _print_json(rows)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "state", "attempts", "reason", "failed", "next try"):
        table.add_column(heading, overflow="fold")
    for failure in found:
        times = (f"{at:%Y-%m-%d %H:%M:%SZ}" if at else "-" for at in (failure.failed_at, failure.next_at))
        reason = " ".join(word for word in (failure.reason, failure.code) if word)
        table.add_row(escape(failure.id), failure.state, str(failure.attempts), escape(reason), *times)
        if payloads and failure.payload is not None:
            table.add_row(escape(f"  {failure.payload}"))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    if found:
        console.print(table)
    else:
        console.print("nothing has failed")
