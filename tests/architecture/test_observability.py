"""Metrics, alarms, dashboard and their table say the same; that they are sent is tested on a running service."""

import ast
import re

import pytest

from tests.support import metrics

ROOT = metrics.OBSERVABILITY.parents[1]
_KINDS = {"create_counter": "sum", "create_gauge": "gauge", "create_histogram": "histogram"}


def defined() -> dict[str, tuple[str, str]]:
    """Return unit and kind of every metric of service/telemetry.py, by name."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(ast.parse((ROOT / "service" / "telemetry.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _KINDS:
            unit = next((ast.literal_eval(one.value) for one in node.keywords if one.arg == "unit"), "")
            found[ast.literal_eval(node.args[0])] = unit, _KINDS[node.func.attr]
    return found


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return kind and labels of every metric of the table, by name."""
    rows = re.findall(r"^\| `(counterfoil[\w.]+)` \| (\w+)(?:, s)? \|([^|]*)\|", readme(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def readme() -> str:
    return (metrics.OBSERVABILITY / "README.md").read_text()


def test_every_metric_is_documented() -> None:
    words = {"sum": "counter"}
    assert {name: words.get(kind, kind) for name, (_, kind) in defined().items()} == {
        name: kind for name, (kind, _) in documented().items()
    }


@pytest.mark.parametrize("expression", metrics.expressions())
def test_every_expression_asks_for_what_there_is(expression: str) -> None:
    labels = {
        known: documented()[name][1]
        for name, (unit, kind) in defined().items()
        for known in metrics.prometheus_names(name, unit, kind)
    }
    series = metrics.asked(expression)
    assert series
    for one in series:
        assert one.name in labels
        assert one.labels <= labels[one.name]


@pytest.mark.parametrize("rule", metrics.rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alarm_says_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert {"summary", "description", "runbook"} <= rule["annotations"].keys()
    assert (ROOT / rule["annotations"]["runbook"]).is_file()


def test_what_matters_has_an_alarm() -> None:
    named = {one.name for rule in metrics.rules() for one in metrics.asked(str(rule["expr"]))}
    assert {
        "counterfoil_backlog_age_seconds",
        "counterfoil_stream_position_age_seconds",
        "counterfoil_event_delay_seconds_bucket",
        "counterfoil_failures_open",
        "counterfoil_salesforce_api_calls",
        "counterfoil_payouts",
    } <= named


def test_the_panels_do_not_cover_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in metrics.panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
