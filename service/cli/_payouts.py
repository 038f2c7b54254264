"""`counterfoil payouts`: which there are, whether they add up, and the statement of one, to read and to load."""

import csv
import json
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from service.cli._store import read
from service.config import Installation
from service.db import Transaction
from service.domain import from_minor
from service.errors import InvalidRequest, Violation
from service.projection import PayoutDetails, PayoutFacts, list_payout_facts, read_payout

app = typer.Typer(
    help="Payouts and what is in them. A payout that Stripe lists is Balanced or has a Difference; of one made by hand "
    "Stripe cannot say what is in it: it is Allocated, the oldest available transactions first.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_WIDTH = 160
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The YAML file.")]
Entity = Annotated[str | None, typer.Option(help="Only of this legal entity.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")]


@app.command("list")
def list_payouts(
    *,
    entity: Entity = None,
    reconciliation: Annotated[
        str | None, typer.Option(help="Only Pending, Balanced, Allocated, Difference or Not_Applicable.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="Only of this status, such as Failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
    as_csv: Csv = False,
    config: Config = None,
) -> None:
    """List payouts, newest first, with how they add up."""

    async def work(tx: Transaction, installation: Installation) -> list[PayoutFacts]:
        names = _entities(installation, entity)
        return await list_payout_facts(tx, entities=names, reconciliation=reconciliation, status=status, limit=limit)

    found = [_summary(facts) for facts in read(config, work)]
    if as_json:
        _print_json(found)
    elif as_csv:
        _print_csv(found)
    else:
        shown = ("payout", "status", "amount", "currency", "reconciliation", "difference", "fees", "arrival", "entity")
        _print_table([{name: row[name] for name in shown} for row in found], empty="no payouts")


@app.command()
def show(
    payout: Annotated[str, typer.Argument(help="Its id, po_...")],
    *,
    entity: Entity = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print its transactions, one a line.")] = False,
    config: Config = None,
) -> None:
    """Show the statement of a payout: by category, with its sums; as JSON or CSV with every transaction."""

    async def work(tx: Transaction, installation: Installation) -> PayoutDetails:
        found = await read_payout(tx, entities=_entities(installation, entity), payout_id=payout)
        if found is None:
            raise InvalidRequest([Violation("payout", f"{payout!r} is not known here")])
        return found

    details = read(config, work)
    if as_json:
        held = _transactions(details)
        _print_json({**_summary(details.facts), "lines": _lines(details.facts), "transactions": held})
    elif as_csv:
        _print_csv(_transactions(details))
    else:
        _print_statement(details.facts)


def _entities(installation: Installation, wanted: str | None) -> Collection[str]:
    if wanted is not None and wanted not in installation.entities:
        raise InvalidRequest([Violation("--entity", f"{wanted!r} is not configured")])
    return [wanted] if wanted else list(installation.entities)


def _amount(minor: int | None, currency: str | None) -> Decimal | None:
    return None if minor is None or currency is None else from_minor(minor, currency)


def _time(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y-%m-%dT%H:%M:%SZ}"


def _summary(facts: PayoutFacts) -> dict[str, Any]:
    totals = facts.statement.totals(facts.currency) if facts.statement and facts.currency else None
    names = ("gross", "refunds", "disputes", "adjustments", "fees", "net")
    minor = asdict(totals) if totals else {}
    return {
        "payout": facts.payout_id,
        "entity": facts.entity,
        "status": facts.status.value,
        "stripe_status": facts.stripe_status,
        "amount": _amount(facts.amount_minor, facts.currency),
        "currency": facts.currency,
        "automatic": facts.automatic,
        "method": facts.method,
        "arrival": _time(facts.arrival_at),
        "created": _time(facts.created_at),
        "reconciliation": facts.reconciliation.value,
        "difference": _amount(facts.difference_minor, facts.currency),
        "rule": facts.rule.label if facts.rule else None,
        "limits": "; ".join(limit.label for limit in facts.limits) or None,
        "tries": facts.tries,
        "next_try": _time(facts.again_at),
        **{name: _amount(minor.get(f"{name}_minor"), facts.currency) for name in names},
        "transactions": totals.count if totals else None,
        "trace_id": facts.trace_id,
        "failure_code": facts.failure_code,
        "failure_message": facts.failure_message,
        "reversed_by": facts.reversed_by,
    }


def _lines(facts: PayoutFacts) -> list[dict[str, Any]]:
    return [
        {
            "category": line.category,
            "currency": line.currency,
            "count": line.count,
            "gross": _amount(line.gross_minor, line.currency),
            "fee": _amount(line.fee_minor, line.currency),
            "net": _amount(line.net_minor, line.currency),
        }
        for line in (facts.statement.lines if facts.statement else ())
    ]


def _transactions(details: PayoutDetails) -> list[dict[str, Any]]:
    return [
        {
            "payout": entry.payout_id,
            "transaction": entry.transaction_id,
            "category": entry.category,
            "currency": entry.currency,
            "gross": _amount(entry.net_minor + entry.fee_minor, entry.currency),
            "fee": _amount(entry.fee_minor, entry.currency),
            "net": _amount(entry.net_minor, entry.currency),
            "own": entry.own,
            "rule": details.facts.rule.label if details.facts.rule else None,
        }
        for entry in details.entries
    ]


def _print_statement(facts: PayoutFacts) -> None:
    summary = _summary(facts)
    console = _console()
    console.print(
        f"{facts.payout_id} of {facts.entity}, {summary['status']} ({summary['stripe_status']})", markup=False
    )
    console.print(f"{summary['amount']} {summary['currency']}, arrives {summary['arrival']}", markup=False)
    for name in ("trace_id", "failure_code", "failure_message", "reversed_by"):
        if summary[name]:
            console.print(f"{name.replace('_', ' ')}: {summary[name]}", markup=False)
    console.print()
    _print_table(_lines(facts), empty="its statement is not known yet")
    console.print()
    sums = ("gross", "refunds", "disputes", "adjustments", "fees", "net", "difference")
    _print_table([{name: summary[name] for name in sums}])
    console.print(f"\n{summary['reconciliation'].replace('_', ' ')}", markup=False)
    for name in ("rule", "limits"):
        if summary[name]:
            console.print(summary[name], markup=False)
    if summary["next_try"]:
        console.print(f"made {facts.tries} times, once more at {summary['next_try']}", markup=False)
    elif facts.difference_minor:
        console.print(f"made {facts.tries} times: it is not made again by itself", markup=False)


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def _print_table(rows: Iterable[dict[str, Any]], *, empty: str = "") -> None:
    shown = list(rows)
    if not shown:
        _console().print(empty, markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for name in shown[0]:
        table.add_column(
            name.replace("_", " "), overflow="fold", justify="right" if _is_number(shown, name) else "left"
        )
    for row in shown:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    _console().print(table)


def _is_number(rows: list[dict[str, Any]], name: str) -> bool:
    return any(isinstance(row[name], Decimal | int) for row in rows)


def _print_json(content: Any) -> None:
    # An amount is a text: a JSON number would become a float at the reader's.
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def _print_csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
