"""`counterfoil exceptions`: payments and invoices that belong to no Salesforce record yet, and events of nobody's."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service import inbox, links
from service.cli._store import read
from service.config import Installation
from service.db import Transaction

app = typer.Typer(
    help="What belongs nowhere yet. Each entry ends by itself when the missing record or setting appears.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_REMEDY = {
    "Unmatched": "No record holds its id or its customer's: write the id into one of the fields it was looked for in",
    "Ambiguous": "Several records hold the same value: leave it in one of them",
    "ACCOUNT_MISMATCH": "The event is of an account that no entity names: add an entity with this account and platform",
    "LIVEMODE_MISMATCH": "The event is of the other mode: correct livemode, or the endpoint it was sent to",
}


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
        found = [
            {
                "entity": one.entity,
                "object": one.object_id,
                "state": one.state,
                "since": one.since.isoformat(),
                "looked_for": list(one.asked),
                "remedy": _REMEDY[one.state],
            }
            for one in await links.list_open(tx, entities=names, limit=limit)
        ]
        kept = await inbox.list_quarantined(tx, source="stripe", accounts=names, limit=limit)
        return found + [
            {
                "entity": row.account,
                "object": row.event_id,
                "state": row.reason,
                "since": row.received_at.isoformat(),
                "looked_for": [row.kind],
                "remedy": _REMEDY.get(row.reason or "", "See 'counterfoil failures show'"),
            }
            for row in kept
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
