"""A task that Salesforce refuses is listed with the other failures, and made once when a person lets it go."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.refunds import bank_moves, dispute_of, paid
from tests.support.stage import drain, staged

RULES: list[dict[str, Any]] = [
    {"name": "answer", "when": "dispute_opened", "do": {"task": {"subject": "Dispute of ${amount} ${currency}"}}},
    {"name": "tell", "when": "dispute_opened", "do": {"event": {"message": "${object_id}"}}},
]
RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"


@pytest.fixture
def cast(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url, reactions=RULES) as cast:
        yield cast


def failures(cast: Cast, *arguments: str) -> Any:
    folder = cast.stack.folder
    environment = cast.stack.service_environment(config=folder / "counterfoil.yaml", ready=folder / "none.json")
    words = [sys.executable, "-m", "service", "failures", *arguments, "--json"]
    return json.loads(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)


def tasks(cast: Cast, record: str) -> list[Row]:
    return cast.salesforce.query(f"SELECT Subject FROM Task WHERE WhatId = '{record}'")  # noqa: S608  (a test's own id)


def test_refused_reactions_are_listed_and_made_once_when_they_are_let_go(cast: Cast) -> None:
    for sobject in ("Task", "Payment_Outcome__e"):
        cast.control.post(
            "/salesforce/faults", fault="record_error", sobject=sobject, error_code=RULE, message="no", times=-1
        )
    record, intent = paid(cast, 7_000, "pm_card_createDispute")
    dispute = dispute_of(cast, intent).id
    drain(cast)
    found = {row["object_type"]: row for row in failures(cast, "list", "--shelf", "reaction")}
    assert set(found) == {"task", "event"}
    assert {row["code"] for row in found.values()} == {RULE}
    assert all(row["state"] == "dead" and row["next_at"] for row in found.values())
    assert tasks(cast, record) == []
    cast.control.clear("/salesforce/faults")
    failures(cast, "discard", found["event"]["id"], "--reason", "told by telephone")
    assert failures(cast, "redrive", found["task"]["id"])["redriven"] == 1
    cast.wait("the task", lambda: tasks(cast, record))
    bank_moves(cast, dispute, "under_review")
    drain(cast)
    assert [row["Subject"] for row in tasks(cast, record)] == ["Dispute of 70.00 USD"]
    assert failures(cast, "list", "--shelf", "reaction") == []
    events = cast.control.get("/salesforce/events")["events"]
    assert not [one for one in events if one["event"] == "Payment_Outcome__e"]
