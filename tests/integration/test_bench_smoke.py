"""The bench runs, and finds figures for everything it promises; how large they are is not a test's business."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_a_quick_bench_produces_every_figure(tmp_path: Path) -> None:
    answer = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", str(answer)]
    # It ends otherwise than by 0 when an event answered 200 is not in the database.
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(answer.read_bytes())

    assert set(report["rates"]) == {"16", "64"}
    for servers in report["rates"].values():
        assert set(servers) == {"service", "no database", "insert each"}
        for name, figures in servers.items():
            assert all(math.isfinite(value) and value >= 0 for value in figures.values())
            assert figures["rate"] > 0
            assert 0 < figures["p50_ms"] <= figures["p99_ms"]
            assert (figures["commits"] > 0) is (name != "no database")
    assert set(report["comparison"]) == {"16", "64"}
    assert 1 <= report["statements_a_commit"]["service"] < report["statements_a_commit"]["insert each"]
    assert all(size > 0 for size in report["memory_mib"].values())
    assert len(report["memory_mib"]) == 3
    for figures in report["orders"].values():
        assert 0 < figures["wall_p50_ms"] <= figures["wall_p95_ms"]
    assert set(report["orders"]) == {"gRPC CreatePayment", "Salesforce event"}
    assert set(report["arrivals"]) == {
        "distinct records",
        "one hot record",
        "backlog after an outage",
        "distinct records, large mirror",
    }
    for figures in report["arrivals"].values():
        assert figures["seconds"] > 0
        assert figures["calls"] > 0
        assert figures["memory_mib"] > 0
    _expect_requests(report)
    assert set(report["rpcs"]) == {"GetPayment", "ListPayments", "CreatePayment"}
    for servers in report["rpcs"].values():
        assert set(servers) == {"service", "service, JWT", "bare grpc.aio"}
        for figures in servers.values():
            assert figures["rate"] > 0
            assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert [crowd["shared_by"] for crowd in report["crowds"]] == [1, 10]
    for crowd in report["crowds"]:
        assert 0 < crowd["messages"] <= 40 * crowd["shared_by"]
        assert crowd["memory_mib"] > 0
        assert crowd["p50_ms"] <= crowd["p99_ms"]
    assert "events/s" in done.stdout
    assert "bare grpc.aio" in done.stdout


def _expect_requests(report: dict[str, Any]) -> None:
    """What stands in the report of the way from Salesforce to Stripe."""
    assert set(report["latency"]) == set(report["burst"]) == {"hosted_checkout, new customer", "off_session"}
    for figures in report["latency"].values():
        assert 0 < figures["first_p50_ms"] <= figures["first_p99_ms"]
        assert figures["first_p50_ms"] < figures["decisive_p50_ms"] <= figures["decisive_p99_ms"]
    for figures in report["burst"].values():
        assert all(value > 0 for value in figures.values())
    assert all(kind["calls"] and kind["why"] for kind in report["stripe_calls"].values())
    assert {"create_invoice, sent", "refund_payment", "sync_customer, new"} <= set(report["stripe_calls"])
    assert all(value > 0 for value in report["feed"].values())
    assert len(report["take_over"]["seconds"]) == 1
    assert report["take_over"]["seconds"][0] > 0


@pytest.mark.timeout(180)
def test_a_quick_bench_of_replicas_has_a_line_for_each_number(tmp_path: Path) -> None:
    answer = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--replicas", "--json", str(answer)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    replicas = json.loads(answer.read_bytes())["replicas"]
    assert set(replicas) == {"1", "2"}
    assert all(value > 0 for figures in replicas.values() for value in figures.values())
    assert "requests/s" in done.stdout
