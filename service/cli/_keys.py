"""`counterfoil keys`: what stored content is encrypted with, a new key, and sealing older rows with it."""

import asyncio
import getpass
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service import bootstrap
from service.clock import SystemClock
from service.config import load_settings
from service.db import Database, open_database
from service.errors import ConfigurationError
from service.maintenance.keys import KeyUse, Rotated, Rotation, list_keys
from service.sealing import PLAIN_KEY, entry, key_service, open_vault

app = typer.Typer(help="What stored content is encrypted with: list, make a new key, seal older rows with it.")
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_EXIT_UNREADABLE = 65  # EX_DATAERR of sysexits.h
_KEYS_FILE = "COUNTERFOIL_ENCRYPTION_KEYS_FILE"


@app.command("list")
def list_command(*, as_json: Json = False, config: Config = None) -> None:
    """List the keys in use with their number of texts, by column. Looks at every row; the key "" is plain text."""

    async def work(database: Database) -> tuple[list[KeyUse], str | None, frozenset[str]]:
        async with database.read() as tx:
            return await list_keys(tx), database.vault.current_id, database.vault.key_ids

    found, current, known = _run(config, work)
    rows = [
        {"key": one.key_id, "state": _state(one.key_id, current, known), "column": one.column, "texts": one.texts}
        for one in found
    ]
    if as_json:
        sys.stdout.write(json.dumps({"current": current, "keys": sorted(known), "use": rows}, indent=2) + "\n")
        return
    table = Table("Key", "State", "Column", "Texts")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console(highlight=False)
    console.print(f"encryption is {'on, with the key ' + current if current else 'off'}")
    console.print(table if rows else "nothing is stored yet")
    for unused in sorted(known - {one.key_id for one in found} - {current}):
        console.print(f"no text needs the key {unused}")


def _state(key_id: str, current: str | None, known: frozenset[str]) -> str:
    if key_id == PLAIN_KEY:
        return "not encrypted"
    if key_id == current:
        return "in use"
    return "older" if key_id in known else "missing"


@app.command("new")
def new(
    key_id: Annotated[str, typer.Argument(help="A name no key has had, such as a month: 2026-11.")],
    *,
    after_minutes: Annotated[
        int, typer.Option(min=0, max=43_200, help="When it comes into use: every process must have the file by then.")
    ] = 10,
) -> None:
    """Print the entry of a new key, to be added to the keyring; it is printed this once and kept nowhere.

    With a key service the key is wrapped by it, and the entry is no secret.
    """
    settings = load_settings()
    since = SystemClock().now() + timedelta(minutes=after_minutes)
    if settings.encryption_keys_file is None or not settings.encryption_keys_file.exists():
        sys.stdout.write("keys:\n")
    elif key_id in open_vault(settings).key_ids:
        raise ConfigurationError(_KEYS_FILE, f"has a key {key_id} already", "Give the new one another id")
    sys.stdout.write(entry(key_id, since, key_service(settings)) + "\n")


@app.command("rotate")
def rotate(*, as_json: Json = False, config: Config = None) -> None:
    """Seal every text that is plain, or of an older key, with the newest. Run it as often as you like, at any time.

    Ends with 65 when texts are left that cannot be opened, or rows that others held all the time.
    """

    async def work(database: Database) -> Rotated:
        if not database.vault.seals:
            raise ConfigurationError(_KEYS_FILE, "is not set", "Name the keyring")
        return await Rotation(database, SystemClock()).run(who=getpass.getuser())

    done = _run(config, work)
    told: dict[str, Any] = {"sealed": done.sealed, "unreadable": done.unreadable, "passed_over": done.passed_over}
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write(f"{done.sealed} texts were sealed with the newest key\n")
        for key_id, texts in sorted(done.unreadable.items()):
            sys.stdout.write(f"{texts} texts of the key {key_id} cannot be opened: put it back into {_KEYS_FILE}\n")
        if done.passed_over:
            sys.stdout.write(f"{done.passed_over} rows were in use: run it again\n")
    if done.unreadable or done.passed_over:
        raise typer.Exit(_EXIT_UNREADABLE)


def _run(config: Path | None, work: Any) -> Any:
    settings = load_settings(**({"config_file": config} if config else {}))

    async def run(url: str) -> Any:
        database = open_database(url, pool_size=2, vault=open_vault(settings))
        try:
            return await work(database)
        finally:
            await database.close()

    with bootstrap.open_store(settings) as store:
        return asyncio.run(run(store.url))
