"""`counterfoil sweep` and `counterfoil backfill`: start one, list them, end one. The running service carries it out."""

import asyncio
import getpass
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from service import bootstrap
from service.clock import SystemClock
from service.config import load_installation, load_settings
from service.db import Wakes, open_database
from service.errors import CounterfoilError, InvalidRequest, Violation
from service.maintenance.runs import BACKFILLED, Kind, Run, Runs
from service.sealing import open_vault

T = TypeVar("T")
sweep = typer.Typer(
    help="Looking for Stripe's events of the last 30 days that never arrived as webhooks. The service does it by "
    "itself, every COUNTERFOIL_SWEEP_HOURS; here it can be asked for, and further back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
backfill = typer.Typer(
    help="Reading Stripe's objects whatever events there were, such as those made before this service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_EXIT_USAGE = 64  # EX_USAGE of sysexits.h
_AGE = re.compile(r"(\d{1,6})([hd])")
_LIMIT = 100
Entity = Annotated[str, typer.Option(help="The legal entity.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[str | None, typer.Option(help="From when on: an age such as 12h or 7d, or a UTC day as 2026-11-01.")]
RunId = Annotated[str, typer.Argument(help="Its id, run_...")]


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is not None:
        return SystemClock().now() - timedelta(**{"hours" if found[2] == "h" else "days": int(found[1])})
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidRequest([Violation(option, f"{text!r} is neither an age (12h, 7d) nor a day")]) from None


def _run(config: Path | None, work: Callable[[Runs], Awaitable[T]]) -> T:
    """Do `work` on the store of the configuration; a request that makes no sense ends with a sentence."""
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)

    async def run(url: str) -> T:
        database = open_database(url, pool_size=2, vault=open_vault(settings))
        try:
            return await work(Runs(database, Wakes(url), SystemClock(), installation))
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


@sweep.command("start")
def start_sweep(*, entity: Entity, since: Since = None, as_json: Json = False, config: Config = None) -> None:
    """Start a sweep, from 30 days ago unless told otherwise."""

    async def work(runs: Runs) -> Run:
        return await runs.start_sweep(entity, since=_moment("--since", since), who=getpass.getuser())

    _show([_run(config, work)], as_json=as_json)


@backfill.command("start")
def start_backfill(
    *,
    entity: Entity,
    types: Annotated[
        str | None, typer.Option("--types", help=f"Some of {','.join(BACKFILLED)}; all of them unless told otherwise.")
    ] = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(help="Until when: an age or a day, like --since.")] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Start a backfill, of everything unless told otherwise."""

    async def work(runs: Runs) -> Run:
        return await runs.start_backfill(
            entity,
            object_types=[name.strip() for name in types.split(",")] if types else (),
            since=_moment("--since", since),
            until=_moment("--until", until),
            who=getpass.getuser(),
        )

    _show([_run(config, work)], as_json=as_json)


def _listing(app: typer.Typer, kind: Kind) -> None:
    """Give an app the commands that are the same for both kinds."""

    @app.command("list")
    def list_runs(*, entity: Entity, as_json: Json = False, config: Config = None) -> None:
        """List the newest, with how far each is."""
        found = _run(config, lambda runs: runs.page(entity, before=None, limit=_LIMIT))
        _show([run for run in found if run.kind is kind], as_json=as_json)

    @app.command()
    def cancel(run: RunId, *, entity: Entity, as_json: Json = False, config: Config = None) -> None:
        """End one; what it took in stays."""
        _show([_run(config, lambda runs: runs.cancel(entity, run))], as_json=as_json)


_listing(sweep, Kind.SWEEP)
_listing(backfill, Kind.BACKFILL)


def _row(run: Run) -> dict[str, object]:
    current = run.object_types[run.current] if run.current < len(run.object_types) and not run.ended else None
    return {
        "run": run.id,
        "state": run.state.value,
        "since": f"{run.since:%Y-%m-%d %H:%MZ}" if run.since else None,
        "until": f"{run.until:%Y-%m-%d %H:%MZ}",
        "reading": current,
        "seen": run.seen,
        "missed": run.found,
        "reason": run.reason,
        "by": run.requested_by,
    }


def _show(found: list[Run], *, as_json: bool) -> None:
    rows = [_row(run) for run in found]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table(*(rows[0] if rows else ()), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(table if rows else "there is none")
