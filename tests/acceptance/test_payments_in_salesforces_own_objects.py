"""An org that has Salesforce's own Payment and Refund keeps payments there: planned without a fault, then delivered."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.demo.cast import Cast, gathered
from deploy.demo.screen import Screen
from deploy.demo.stack import PACKAGE, Stack
from tests.support.postgres import drop_database, fresh_database, short_folder
from tests.support.stage import dead_letters, drain

DEPLOY = Path(__file__).parents[2] / "deploy"
MAPPINGS = yaml.safe_load((DEPLOY / "config" / "salesforce-payments.example.yaml").read_text())["mappings"]["main"]
PAYMENT = (
    "SELECT Id, Amount, Amount__c, CurrencyIsoCode, GatewayRefNumber, ProcessingMode, Status, Type, "
    "Status__c, Fee__c, Opportunity__c FROM Payment WHERE Stripe_Id__c = '{}'"
)
REFUND = (
    "SELECT Id, PaymentId, Charge__c, Amount, ProcessingMode, Status, Status__c, Type FROM Refund "
    "WHERE Stripe_Id__c = '{}'"
)


@pytest.fixture
def cast(postgres_url: str) -> Iterator[Cast]:
    url = fresh_database(postgres_url)
    try:
        with short_folder() as folder:
            package = Path(shutil.copytree(PACKAGE, folder / "force-app"))
            shutil.copytree(DEPLOY / "salesforce-payments" / "force-app", package, dirs_exist_ok=True)
            with Stack(folder, database_url=url, package=package, mappings=MAPPINGS) as stack:
                stack.start_sandbox()
                with gathered(stack, stack.start_service(), Screen(plain=True, chapters=1)) as cast:
                    yield cast
    finally:
        drop_database(postgres_url, url)


def planned(cast: Cast, outcome: str) -> set[str]:
    config = cast.stack.folder / "counterfoil.yaml"
    environment = cast.stack.service_environment(config=config, ready=cast.stack.folder / "none")
    command = [sys.executable, "-m", "service", "plan", "--json", "--config", str(config)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    checks = json.loads(done.stdout)["checks"]
    assert {"write Payment", "write Refund", "write Charge__c"} <= {one["check"] for one in checks}
    return {one["check"] for one in checks if one["outcome"] == outcome}


def test_a_payment_and_its_refund(cast: Cast) -> None:
    assert planned(cast, "fault") == set()
    # Which is what the flows are for.
    assert planned(cast, "note") == {"write Payment.ProcessingMode", "write Refund.ProcessingMode"}
    opportunity = cast.salesforce.query("SELECT Id FROM Opportunity WHERE Name = 'Kestrel Renewal'")[0]
    intent = cast.stripe.v1.payment_intents.create(
        {
            "amount": 84_050,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"salesforce_record_id": opportunity["Id"]},
        }
    )
    cast.control.post("/stripe/webhooks/flush")
    drain(cast)
    payment = cast.salesforce.query(PAYMENT.format(intent.id))[0]
    assert (payment["Amount"], payment["Amount__c"], payment["CurrencyIsoCode"]) == (840.5, 840.5, "USD")
    assert (payment["ProcessingMode"], payment["Type"], payment["GatewayRefNumber"]) == ("External", "Sale", intent.id)
    assert (payment["Status"], payment["Status__c"]) == ("Processed", "Paid")
    assert payment["Opportunity__c"] == opportunity["Id"]
    assert payment["Fee__c"] is not None
    for child in ("Charge__c", "Balance_Transaction__c", "Payment_Status_Change__c"):
        found = cast.salesforce.query(f"SELECT Salesforce_Payment__c, Payment__c FROM {child}")  # noqa: S608  (constants)
        assert {(row["Salesforce_Payment__c"], row["Payment__c"]) for row in found} == {(payment["Id"], None)}

    # The record is there already, and its processing mode may not be written again.
    made = cast.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": 4_050})
    cast.control.post("/stripe/webhooks/flush")
    drain(cast)
    assert cast.salesforce.query(PAYMENT.format(intent.id))[0]["Status__c"] == "Partially_Refunded"
    refund = cast.salesforce.query(REFUND.format(made.id))[0]
    assert (refund["PaymentId"], refund["Amount"], refund["Type"]) == (payment["Id"], 40.5, "Referenced")
    assert (refund["Status"], refund["Status__c"], refund["ProcessingMode"]) == ("Processed", "Refunded", "External")
    moved = cast.salesforce.query("SELECT Id FROM Balance_Transaction__c WHERE Salesforce_Refund__c != null")
    assert len(moved) == 1
    assert cast.salesforce.query("SELECT Id FROM Payment__c") == cast.salesforce.query("SELECT Id FROM Refund__c") == []
    assert dead_letters(cast) == 0
