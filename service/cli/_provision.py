"""`counterfoil provision`: what Stripe needs so that its events reach us; told first, done with --yes."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service import bootstrap
from service.bootstrap import Provisioned
from service.config import load_installation, load_settings

_EXIT_REFUSED = 69  # EX_UNAVAILABLE of sysexits.h
_WIDTH_OF_LOGS = 200


def provision(
    *,
    url: Annotated[str, typer.Option(help="Public address in front of the web port, https://pay.example.com.")],
    entity: Annotated[list[str] | None, typer.Option(help="Only these entities.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File of a key that may write webhook endpoints, so that the service's own key need not."),
    ] = None,
    retire: Annotated[
        bool, typer.Option("--retire", help="Disable endpoints that were replaced by one of another version.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this Stripe is only read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """Create or correct Stripe's webhook endpoints: the pinned API version, and the event types the service uses.

    Run it as often as you like: what stands as wanted is left alone. The signing secret of a new endpoint is printed to
    standard output once, since Stripe never shows it again; store it where the output says. Ends with 69 if Stripe
    refused something.
    """
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)
    results = bootstrap.provision(
        installation, url=url, names=entity or (), key_file=key_file, retire=retire, apply=yes
    )
    if as_json:
        sys.stdout.write(json.dumps({"applied": yes, "endpoints": [_plain(one) for one in results]}, indent=2) + "\n")
    else:
        _show(results, applied=yes)
    if any(one.fault for one in results):
        raise typer.Exit(_EXIT_REFUSED)


def _plain(one: Provisioned) -> dict[str, Any]:
    step = one.step
    shown: dict[str, Any] = {"entity": step.entity, "scope": step.scope, "url": step.url, "id": step.endpoint_id}
    shown |= {"action": step.action.value, "detail": step.why, "done": one.done, "fault": one.fault}
    return shown | ({"secret": one.secret, "store_in": one.store_in} if one.secret else {})


def _show(results: list[Provisioned], *, applied: bool) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_LOGS)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("entity", "events of", "endpoint", "", "what"):
        table.add_column(heading, overflow="fold")
    for one in results:
        told = "done: " if one.done else ""
        what = f"not done: {one.fault}" if one.fault else f"{told}{one.step.why}"
        row = (one.step.entity, one.step.scope, one.step.endpoint_id or "new", one.step.action.value, what)
        table.add_row(*map(Text, row))
    console.print(table)
    for one in results:
        if one.secret:
            console.print(f"\nThe signing secret of {one.step.endpoint_id}, shown only now; keep it in {one.store_in}:")
            # Not folded, whatever the width: a person copies it.
            sys.stdout.write(f"{one.secret}\n")
    if not applied and any(one.step.params for one in results):
        console.print("\nNothing was changed. The same with --yes does it.")
