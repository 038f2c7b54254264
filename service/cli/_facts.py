"""`counterfoil facts`: what Stripe has yet to tell, by when it should have, and what is overdue."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli._store import read
from service.clock import SystemClock
from service.config import Installation
from service.db import Transaction
from service.maintenance import Fact, pending_facts

_WIDTH = 160


def facts(
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have been told by now.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """List facts that are still to come: fees, reconciliations, trace ids, objects. The earliest deadline first."""
    now = SystemClock().now()

    async def work(tx: Transaction, installation: Installation) -> list[Fact]:
        found = [fact async for fact in pending_facts(tx, entities=installation.entities)]
        return sorted(found, key=lambda fact: (fact.deadline, fact.object_id))

    found = read(config, work)
    late = sum(fact.overdue(now) for fact in found)
    shown = [fact for fact in found if fact.overdue(now) or not overdue][:limit]
    rows = [_row(fact, late=fact.overdue(now)) for fact in shown]
    if as_json:
        content = {"pending": len(found), "overdue": late, "facts": rows}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if rows:
        table = Table(box=None, pad_edge=False)
        for name in rows[0]:
            table.add_column(name.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*("-" if value is None else escape(str(value)) for value in row.values()))
        console.print(table)
    console.print(f"{len(found)} pending, {late} overdue")


def _row(fact: Fact, *, late: bool) -> dict[str, Any]:
    return {
        "fact": fact.name,
        "object": fact.object_id,
        "entity": fact.entity,
        "deadline": f"{fact.deadline:%Y-%m-%dT%H:%M:%SZ}",
        "overdue": late,
        "next_look": None if fact.next_at is None else f"{fact.next_at:%Y-%m-%dT%H:%M:%SZ}",
        "attempts": fact.attempts,
        "error": fact.error,
    }
