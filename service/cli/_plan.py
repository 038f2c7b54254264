"""`counterfoil plan`: what the mappings would write, whether the orgs can take it, and what would change where."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service import bootstrap
from service.config import load_installation, load_settings
from service.maintenance import Finding, Outcome
from service.maintenance.plan import ObjectPlan, RecordPlan

_EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h, as of a wrong setting anywhere else
_WIDTH_OF_LOGS = 200


def plan(
    *,
    org: Annotated[list[str] | None, typer.Option(help="Only these orgs.")] = None,
    record: Annotated[
        list[str] | None, typer.Option(help="Also compare this record, by its id in Stripe or in Salesforce.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")] = None,
) -> None:
    """Show what the mappings would write, checked against the live orgs, and how chosen records would change.

    Reads the orgs and, for chosen records, the database; writes to neither. Ends with 78 on a fault.
    """
    settings = load_settings(**({"config_file": config} if config else {}))
    installation = load_installation(settings.config_file)
    report = bootstrap.plan(settings, installation, orgs=org or (), ids=list(dict.fromkeys(record or ())))
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_LOGS)
        for one in report.objects:
            _show_object(console, one)
        for changed in report.records:
            _show_record(console, changed)
        for finding in report.findings:
            _show_finding(console, finding)
        console.print(f"\n{len(report.findings)} checks, {report.faults} faults; nothing was written")
    if report.faults:
        raise typer.Exit(_EXIT_CONFIGURATION)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _show_object(console: Console, one: ObjectPlan) -> None:
    told = one.theirs if one.enabled else f"{one.theirs} (not written)"
    console.print(f"\n{escape(one.org)}: {one.ours} -> {told}" if one.ours != told else f"\n{one.org}: {one.ours}")
    differing = {
        theirs: "worked out" if ours.startswith("=") else ours for theirs, ours in one.fields.items() if theirs != ours
    }
    console.print(f"  {len(one.fields)} fields, {len(differing)} by a name or a value of the org's own")
    for theirs, ours in differing.items():
        console.print(f"  {theirs} = {ours}", markup=False)


def _show_record(console: Console, one: RecordPlan) -> None:
    place = one.salesforce_id or "new"
    console.print(f"\n{one.org}: {one.sobject} {one.key} ({place})", markup=False)
    if not one.changes:
        console.print("  stands there as wanted")
        return
    table = _table("  field", "is", "becomes")
    for change in one.changes:
        table.add_row(f"  {change.field}", escape(change.present or "-"), escape(change.wanted or "-"))
    console.print(table)


def _show_finding(console: Console, finding: Finding) -> None:
    if finding.outcome is Outcome.FAULT:
        text = f"{finding.outcome.value}: {finding.subject}: {finding.check} {finding.detail}. {finding.remedy}"
        console.print(text, markup=False)
