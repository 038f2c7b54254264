"""`counterfoil exceptions`: payments and invoices that belong to no Salesforce record yet, and events of nobody's."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli._store import read
from service.config import Installation
from service.db import Transaction
from service.maintenance.open_items import list_open_items

app = typer.Typer(
    help="What belongs nowhere yet. Each entry ends by itself when the missing record or setting appears.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_exceptions(
    *,
    entity: Annotated[str | None, typer.Option(help="Only of this legal entity.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many of each kind.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """List them, the oldest first, with what to do about each."""

    async def work(tx: Transaction, installation: Installation) -> list[dict[str, Any]]:
        names = [entity] if entity else list(installation.entities)
        return [
            {
                "entity": one.entity,
                "object": one.object_id,
                "state": one.state,
                "since": one.since.isoformat(),
                "looked_for": list(one.looked_for),
                "remedy": one.remedy,
            }
            for one in await list_open_items(tx, entities=names, limit=limit)
        ]

    rows = read(config, work)
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table("Entity", "Object", "State", "Since", "Looked for", "What to do")
    for row in rows:
        looked_for = "\n".join(row["looked_for"])
        table.add_row(
            *map(escape, (row["entity"], row["object"], row["state"], row["since"], looked_for, row["remedy"]))
        )
    Console().print(table if rows else "nothing is open")
