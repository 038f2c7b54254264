"""The metrics of the service as they are defined, documented and asked for, in the words of each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
_UNITS = {"s": "_seconds"}


@dataclass(frozen=True)
class Asked:
    """One time series that an expression asks for: its name in Prometheus and the labels it names."""

    name: str
    labels: frozenset[str]


def prometheus_names(name: str, unit: str, kind: str) -> set[str]:
    """Return the names in Prometheus of an OpenTelemetry metric of kind "gauge", "sum" or "histogram".

    Source: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics.
    """
    base = name.replace(".", "_") + _UNITS.get(unit, "")
    if kind == "histogram":
        return {f"{base}_{suffix}" for suffix in ("bucket", "sum", "count")}
    return {f"{base}_total" if kind == "sum" else base}


def rules() -> list[dict[str, Any]]:
    """Return the alarms."""
    content = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard that show something."""
    content = json.loads((OBSERVABILITY / "counterfoil.dashboard.json").read_text())
    return [panel for panel in content["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """Return every expression of the alarms and the dashboard, with Grafana's variables filled in."""
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [one.replace("$__rate_interval", "5m") for one in [*(rule["expr"] for rule in rules()), *shown]]


def asked(expression: str) -> list[Asked]:
    """Return the series an expression asks for, each with the labels of its selector and of the aggregations around it.

    Raises:
        ValueError: it is no PromQL.
    """
    return _series(promql_parser.parse(expression), frozenset())


def _series(node: Any, grouped: frozenset[str]) -> list[Asked]:
    if isinstance(node, promql_parser.AggregateExpr):
        by = frozenset(node.modifier.labels) if node.modifier else frozenset()
        return _series(node.expr, grouped | (by - {"le"}))
    if isinstance(node, promql_parser.VectorSelector):
        return [Asked(str(node.name), grouped | frozenset(one.name for one in node.matchers.matchers))]
    if isinstance(node, promql_parser.MatrixSelector):
        return _series(node.vector_selector, grouped)
    inner = [getattr(node, name) for name in ("expr", "lhs", "rhs") if hasattr(node, name)]
    inner += list(getattr(node, "args", ()))
    return [found for one in inner for found in _series(one, grouped)]
