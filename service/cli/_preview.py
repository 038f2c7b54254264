"""`counterfoil preview`: which calls of Stripe a request would lead to. None of them is made."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service import bootstrap
from service.commands import Request
from service.errors import CounterfoilError, InvalidRequest, Violation

_EXIT_USAGE = 64  # EX_USAGE of sysexits.h


def preview(
    operation: Annotated[str, typer.Argument(help="What would be asked for, such as refund_payment.")],
    *,
    entity: Annotated[str, typer.Option(help="The legal entity, by its name in the configuration.")],
    record: Annotated[str | None, typer.Option(help="The Salesforce record it would be for.")] = None,
    target: Annotated[str | None, typer.Option(help="The object of Stripe's it would be about.")] = None,
    version: Annotated[str, typer.Option(help="The business version.")] = "1",
    argument: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as method=hosted_checkout or amount=12.50; repeat it.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """Show the calls of Stripe that a request would lead to, with their idempotency keys. None of them is made.

    Ends with 64 and the reason if the request would be refused.
    """
    try:
        request = Request(
            entity=entity,
            operation=operation,
            record_id=record,
            target_id=target,
            arguments=dict(map(_pair, argument or ())),
            version=version,
            requested_by="the command line",
        )
        seen = bootstrap.preview(config, request)
    except CounterfoilError as error:
        if error.reason == "CONFIGURATION":
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"counterfoil: {error.message}", markup=False)
        raise SystemExit(_EXIT_USAGE) from None
    typer.echo(seen.text())


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise InvalidRequest([Violation("--argument", "must be NAME=VALUE")])
    return name, value
