"""`counterfoil feeds`: where each Salesforce stream stands, and what is proven of the time behind it."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli._store import read
from service.config import Installation
from service.db import Transaction
from service.inbox import coverage
from service.inbox.coverage import Proof, StreamStand, Stretch

_WORDS = {
    Proof.STREAM: "every event was read",
    Proof.PENDING: "a gap; its records are being read again",
    Proof.CATCH_UP: "a gap; its records were read again",
    Proof.UNPROVEN: "a gap of what cannot be read again: ask in Salesforce whether requests of this time were done",
}
_PRESENT = "every event was read so far"


def feeds(
    *,
    org: Annotated[str | None, typer.Option(help="Only of this Salesforce org.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many stretches that ended.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """List the streams: the present stretch of each, then those that ended and the gaps, the newest first."""

    async def work(tx: Transaction, installation: Installation) -> list[dict[str, Any]]:
        names = [org] if org else list(installation.orgs)
        present = [_stream(one) for one in await coverage.list_streams(tx, orgs=names)]
        return present + [_stretch(one) for one in await coverage.list_stretches(tx, orgs=names, limit=limit)]

    rows = read(config, work)
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table("Org", "Topic", "From", "To", "Proof", "What it means")
    for row in rows:
        words = (row["org"], row["topic"], row["since"] or "the beginning", row["until"], row["proof"], row["meaning"])
        table.add_row(*map(escape, words))
    Console().print(table if rows else "no stream was read yet")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _stream(one: StreamStand) -> dict[str, Any]:
    return {
        "org": one.org,
        "topic": one.topic,
        "feed": one.feed,
        "since": _time(one.whole_since),
        "until": _time(one.moved_at),
        "proof": Proof.STREAM.value,
        "present": True,
        "holder": one.holder,
        "meaning": _PRESENT,
    }


def _stretch(one: Stretch) -> dict[str, Any]:
    return {
        "org": one.org,
        "topic": one.topic,
        "sobject": one.sobject,
        "since": _time(one.since),
        "until": _time(one.until),
        "cause": one.cause,
        "proof": one.proof.value,
        "present": False,
        "records": one.records,
        "meaning": _WORDS[one.proof],
    }
