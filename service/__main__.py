"""The `counterfoil` command."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from service import bootstrap, migrations
from service.cli import exceptions_app, facts, failures_app, payouts_app, plan
from service.config import Role, Settings, installation_schema, load_installation, load_settings
from service.errors import ConfigurationError
from service.telemetry import Telemetry

app = typer.Typer(
    help="Counterfoil keeps Salesforce and Stripe as each other's counterfoil.\n\n"
    "Settings come from a YAML file (entities, accounts, orgs) and from environment variables named COUNTERFOIL_*.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(exceptions_app, name="exceptions")
app.add_typer(failures_app, name="failures")
app.add_typer(payouts_app, name="payouts")
app.command()(facts)
app.command()(plan)
_EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: a supervisor need not start us again
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The YAML file. Default: COUNTERFOIL_CONFIG_FILE.")
]


def _settings(config: Path | None, **overrides: Any) -> Settings:
    given = {name: value for name, value in overrides.items() if value is not None}
    return load_settings(**given, **({"config_file": config} if config else {}))


def _roles(names: str | None) -> list[Role]:
    try:
        return [Role(name.strip()) for name in names.split(",")] if names else list(Role)
    except ValueError:
        known = ",".join(role.value for role in Role)
        raise ConfigurationError("--role", f"{names!r} names an unknown role", f"Give some of {known}") from None


@app.command()
def serve(
    config: ConfigOption = None,
    role: Annotated[
        str | None, typer.Option(help="Some of web,grpc,worker,subscriber, separated by commas. Default: all.")
    ] = None,
    web_port: Annotated[int | None, typer.Option(help="Port of webhooks and health; 0 takes a free one.")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port of the gRPC API; 0 takes a free one.")] = None,
) -> None:
    """Run the service: everything in one process, or the roles you name, on as many machines as you like.

    Stops on SIGTERM: what was taken in is finished or safely stored, within COUNTERFOIL_DRAIN_SECONDS.
    """
    settings = _settings(config, web_port=web_port, grpc_port=grpc_port)
    roles = _roles(role)
    installation = load_installation(settings.config_file)
    telemetry = Telemetry(settings, version=version("counterfoil"), instance=f"{'-'.join(roles)}")
    try:
        with bootstrap.open_store(settings) as store:
            bootstrap.serve(settings, installation, store, roles)
    finally:
        telemetry.flush()


@app.command()
def migrate() -> None:
    """Bring the database up to date. One migrator works at a time; others wait, then find nothing to do."""
    settings = _settings(None)
    with bootstrap.open_store(settings) as store:
        applied = migrations.upgrade(store.url)
    Console().print(f"applied {', '.join(applied)}" if applied else "the database is up to date")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the YAML file, for editors."""
    sys.stdout.write(json.dumps(installation_schema(), indent=2, sort_keys=True) + "\n")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("counterfoil"))
        raise typer.Exit


@app.callback()
def root(
    _show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Name a command."""


def main() -> None:
    """Run the command line; a wrong setting ends it with one sentence and exit code 78."""
    try:
        app()
    except ConfigurationError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"counterfoil: {error.message}", markup=False)
        raise SystemExit(_EXIT_CONFIGURATION) from None


if __name__ == "__main__":
    main()
