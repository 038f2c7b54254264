"""An org that keeps other names, leaves things out and wants a value of its own: planned first, then delivered."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.demo.cast import Cast, gathered
from deploy.demo.outside import Row
from deploy.demo.screen import Screen
from deploy.demo.stack import PACKAGE, Stack
from tests.support.postgres import drop_database, fresh_database, short_folder
from tests.support.stage import dead_letters, drain

FIELD = """<?xml version="1.0" encoding="UTF-8"?>
<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">
    <fullName>{name}</fullName><label>{name}</label><required>false</required>{type}
</CustomField>
"""
NUMBER = "<precision>18</precision><scale>3</scale><type>Number</type><unique>false</unique>"
CENTS = "<precision>18</precision><scale>2</scale><type>Number</type><unique>false</unique>"
TEXT = "<length>80</length><type>Text</type><unique>false</unique>"
OWN_FIELDS = {"Received__c": NUMBER, "Tax_Share__c": NUMBER, "Label__c": TEXT, "Cents__c": CENTS}
MAPPINGS: dict[str, Any] = {
    "Payment__c": {
        "fields": {
            "Amount_Received__c": "Received__c",
            "Failure_Message__c": None,
            "Request_Id__c": {"to": "Label__c", "value": "ours.Currency_Code__c + ' ' + stripe.object"},
        },
        "extra": {"Tax_Share__c": "round(multiply(ours.Amount__c, '0.19'), 3)"},
    },
    "Balance_Transaction__c": {"enabled": False},
}
PAYMENT = (
    "SELECT Id, Amount__c, Received__c, Amount_Received__c, Tax_Share__c, Label__c, Request_Id__c, SystemModstamp "
    "FROM Payment__c WHERE Stripe_Id__c = '{}'"
)


def own_package(folder: Path) -> Path:
    """Return our package with the fields that the org made for itself."""
    package = Path(shutil.copytree(PACKAGE, folder / "force-app"))
    fields = package / "main" / "default" / "objects" / "Payment__c" / "fields"
    for name, kind in OWN_FIELDS.items():
        (fields / f"{name}.field-meta.xml").write_text(FIELD.format(name=name, type=kind))
    return package


@pytest.fixture
def cast(postgres_url: str) -> Iterator[Cast]:
    url = fresh_database(postgres_url)
    try:
        with (
            short_folder() as folder,
            Stack(folder, database_url=url, package=own_package(folder), mappings=MAPPINGS) as stack,
        ):
            stack.start_sandbox()
            with gathered(stack, stack.start_service(), Screen(plain=True, chapters=1)) as cast:
                yield cast
    finally:
        drop_database(postgres_url, url)


def plan(cast: Cast, *arguments: str) -> tuple[int, dict[str, Any]]:
    config = cast.stack.folder / "counterfoil.yaml"
    environment = cast.stack.service_environment(config=config, ready=cast.stack.folder / "none")
    command = [sys.executable, "-m", "service", "plan", "--json", "--config", str(config), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "{}") | {"said": done.stderr}


def faults(planned: dict[str, Any]) -> dict[str, str]:
    return {one["check"]: one["detail"] for one in planned["checks"] if one["outcome"] == "fault"}


def paid(cast: Cast) -> tuple[str, Row]:
    """Take a payment in Stripe; return its id and its record when nothing is left to do."""
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": 10_000,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    cast.control.post("/stripe/webhooks/flush")
    drain(cast)
    return intent.id, payment(cast, intent.id)


def payment(cast: Cast, intent: str) -> Row:
    return cast.salesforce.query(PAYMENT.format(intent))[0]


def delivered_at(cast: Cast) -> dict[str, Any]:
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        return dict(connection.execute("SELECT sobject || key, delivered_at FROM outbox").fetchall())


def versions(cast: Cast) -> set[str]:
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        return {str(row[0]) for row in connection.execute("SELECT DISTINCT mapping FROM outbox").fetchall()}


def restarted(cast: Cast, mappings: dict[str, Any]) -> None:
    before = versions(cast)
    cast.service.stop()
    cast.stack.mappings = mappings
    cast.service = cast.stack.start_service()
    cast.wait("the new mapping everywhere", lambda: len(found := versions(cast)) == 1 and found != before)
    drain(cast)


def test_an_org_with_its_own_names_and_a_worked_out_field(cast: Cast) -> None:
    _, planned = plan(cast)
    assert {check for check in faults(planned) if "Payment__c" in check} == set()
    fields = next(one["fields"] for one in planned["objects"] if one["ours"] == "Payment__c")
    assert fields["Received__c"] == "Amount_Received__c"
    assert fields["Tax_Share__c"] == fields["Label__c"] == "="
    assert "Failure_Message__c" not in fields

    intent, row = paid(cast)
    assert (row["Received__c"], row["Tax_Share__c"], row["Label__c"]) == (100, 19, "USD payment_intent")
    assert (row["Amount_Received__c"], row["Request_Id__c"]) == (None, None)
    assert cast.salesforce.query("SELECT Id FROM Balance_Transaction__c") == []

    cast.salesforce.change("Payment__c", row["Id"], Tax_Share__c=1)
    before = cast.salesforce.query(PAYMENT.format(intent))
    for name in (intent, row["Id"]):
        _, planned = plan(cast, "--record", name)
        (found,) = planned["records"]
        assert (found["key"], found["salesforce_id"]) == (intent, row["Id"])
        assert found["changes"] == [{"field": "Tax_Share__c", "present": "1", "wanted": "19"}]
    assert cast.salesforce.query(PAYMENT.format(intent)) == before
    assert dead_letters(cast) == 0


def test_a_changed_mapping_sends_what_it_changes_and_nothing_else(cast: Cast) -> None:
    intent, _ = paid(cast)
    before = delivered_at(cast)

    changed = json.loads(json.dumps(MAPPINGS))
    changed["Payment__c"]["extra"]["Tax_Share__c"] = "round(multiply(ours.Amount__c, '0.25'), 3)"
    changed["Refund__c"] = {"fields": {"Reason__c": None}}
    restarted(cast, changed)
    assert payment(cast, intent)["Tax_Share__c"] == 25
    after = delivered_at(cast)
    assert {name for name in after if after[name] != before[name]} == {f"Payment__c{intent}"}

    # What the org comes to want after all is sent then.
    del changed["Balance_Transaction__c"]
    restarted(cast, changed)
    assert len(cast.salesforce.query("SELECT Id FROM Balance_Transaction__c")) == 1
    assert dead_letters(cast) == 0


def test_what_the_org_cannot_hold_exactly_is_refused_by_the_plan(cast: Cast) -> None:
    file = cast.stack.folder / "counterfoil.yaml"
    config = cast.stack.configuration()
    wrong = {"Amount__c": "Cents__c", "Fee__c": "Cost__c", "Net__c": "Label__c"}
    file.write_text(json.dumps(config | {"mappings": {"main": {"Payment__c": {"fields": wrong}}}}))
    code, planned = plan(cast)
    said = faults(planned)
    assert code == 78
    assert said["write Payment__c.Cents__c"] == "has 2 decimals: 3 are needed"
    assert "does not exist" in said["write Payment__c.Cost__c"]
    assert "a number is needed" in said["write Payment__c.Label__c"]

    file.write_text(
        json.dumps(config | {"mappings": {"main": {"Payment__c": {"extra": {"Label__c": "ours.Nothing__c"}}}}})
    )
    code, planned = plan(cast)
    assert code == 78
    assert "mappings.main.Payment__c.extra.Label__c: Nothing__c is no field of our Payment__c" in planned["said"]
