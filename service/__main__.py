"""The `counterfoil` command: parse the line, build nothing, say what is wrong in one sentence."""

import os
import socket
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from service import bootstrap, migrations
from service.cli import (
    audit_app,
    backfill_app,
    exceptions_app,
    facts,
    failures_app,
    feeds,
    keys_app,
    payouts_app,
    plan,
    preview,
    provision,
    sweep_app,
)
from service.config import Role, Settings, installation_schema, load_installation, load_settings, settings_reference
from service.errors import ConfigurationError
from service.maintenance import Finding, Outcome
from service.telemetry import Telemetry

_EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: a supervisor need not start us again
_EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE: another try may do
_EXAMPLES = """\
Examples:

\b
  counterfoil settings > counterfoil.env     every environment variable, with its meaning, limits and default
  counterfoil schema > schema.json           what the YAML file may hold, for editors
  counterfoil check --offline                is everything written down right?
  counterfoil check                          do Stripe, Salesforce and the database answer, and may we do our work?
  counterfoil provision --url https://...    what would be set up in Stripe; --yes does it
  counterfoil preview refund_payment ...     which calls of Stripe there would be; none is made
  counterfoil sweep start --entity acme      look for Stripe's events that never arrived, up to 30 days back
  counterfoil backfill start --entity acme   read Stripe's objects, such as those made before this service
  counterfoil keys list                      which keys stored content is encrypted with
  counterfoil migrate                        bring the database up to date
  counterfoil serve                          run everything in one process
  counterfoil serve --role web,grpc          run the doors here, the rest elsewhere

Exit codes: 0 well, 2 a wrong command line, 65 an audit log or stored text that does not hold, 69 the database
refused, 78 a wrong setting.
"""
_WIDTH_OF_LOGS = 180
_STYLES = {Outcome.OK: "green", Outcome.NOTE: "yellow", Outcome.FAULT: "bold red"}

app = typer.Typer(
    help="Counterfoil keeps Salesforce and Stripe as each other's counterfoil: payments asked for in one happen once "
    "in the other, and stand to the cent in both.\n\n"
    "Settings come from a YAML file (entities, accounts, orgs) and from environment variables named COUNTERFOIL_*.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(audit_app, name="audit")
app.add_typer(backfill_app, name="backfill")
app.add_typer(exceptions_app, name="exceptions")
app.add_typer(failures_app, name="failures")
app.add_typer(keys_app, name="keys")
app.add_typer(payouts_app, name="payouts")
app.add_typer(sweep_app, name="sweep")
app.command()(facts)
app.command()(feeds)
app.command()(plan)
app.command()(preview)
app.command()(provision)
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The YAML file. Default: COUNTERFOIL_CONFIG_FILE.")
]


def _settings(config: Path | None, **overrides: Any) -> Settings:
    given = {name: value for name, value in overrides.items() if value is not None}
    return load_settings(**given, **({"config_file": config} if config else {}))


def _roles(names: str | None) -> list[Role]:
    try:
        return [Role(name.strip()) for name in names.split(",")] if names is not None else list(Role)
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
    # Two replicas of one name would overwrite each other's figures.
    instance = f"{socket.gethostname()}:{os.getpid()}"
    telemetry = Telemetry(settings, version=version("counterfoil"), instance=instance, roles=roles)
    try:
        with bootstrap.open_store(settings) as store:
            bootstrap.serve(settings, installation, store, roles)
    finally:
        telemetry.flush()


@app.command()
def check(
    config: ConfigOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: settings, file and secrets only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
) -> None:
    """Check everything before a start: each line says what is well, or what is wrong and how to put it right.

    Asks the database, every Stripe account and every Salesforce org whether they are the configured ones and whether we
    have the permissions, objects, fields and topics that we use. Changes nothing in either. Ends with 78 on a fault.
    """
    findings = bootstrap.check(lambda: _settings(config), offline=offline)
    faults = sum(finding.outcome is Outcome.FAULT for finding in findings)
    if as_json:
        report = {"faults": faults, "checks": [finding.to_json() for finding in findings]}
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print_findings(findings, faults)
    if faults:
        raise typer.Exit(_EXIT_CONFIGURATION)


def _print_findings(findings: list[Finding], faults: int) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for heading in ("what", "check"):
        table.add_column(heading, overflow="fold")
    table.add_column("found", overflow="fold", ratio=1)
    for finding in findings:
        found = f"{finding.detail}. {finding.remedy}" if finding.remedy else finding.detail
        mark = Text(finding.outcome.value, style=_STYLES[finding.outcome])
        table.add_row(mark, Text(finding.subject), Text(finding.check), Text(found))
    # A file or a pipe has no width of its own; a log should not be folded to eighty.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_LOGS)
    console.print(table)
    console.print(f"\n{len(findings)} checks, {faults} faults")


@app.command()
def migrate() -> None:
    """Bring the database up to date. One migrator works at a time; others wait, then find nothing to do."""
    settings = _settings(None)
    with bootstrap.open_store(settings) as store:
        applied = migrations.upgrade(store.url)
    typer.echo(f"applied {', '.join(applied)}" if applied else "the database is up to date")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the YAML file, for editors."""
    sys.stdout.buffer.write(
        orjson.dumps(installation_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    )


@app.command()
def settings() -> None:
    """Print every environment variable with its meaning, limits and default, as an env file."""
    sys.stdout.write(settings_reference())


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


def _fail(sentence: str, code: int) -> SystemExit:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"counterfoil: {sentence}", markup=False)
    return SystemExit(code)


def main() -> None:
    """Run the command line; a wrong setting ends it with one sentence and exit code 78."""
    try:
        app(prog_name="counterfoil")
    except ConfigurationError as error:
        raise _fail(error.message, _EXIT_CONFIGURATION) from None
    except DBAPIError as error:
        # The statement and its values stay out: they may hold what a log must not.
        what = type(error.orig).__name__
        raise _fail(
            f"the database refused ({what}). Check its user's rights and try again", _EXIT_UNAVAILABLE
        ) from None


if __name__ == "__main__":
    main()
