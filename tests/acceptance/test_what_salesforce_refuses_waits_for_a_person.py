import json
import subprocess
import sys
from typing import Any

from deploy.demo.cast import Cast
from deploy.demo.stack import ROOT
from tests.support.refunds import payment, rows
from tests.support.stage import drain


def failures(cast: Cast, *words: str) -> Any:
    """Run `counterfoil failures` beside the running service."""
    stack = cast.stack
    config = stack.folder / "counterfoil.yaml"
    command = [sys.executable, "-m", "service", "failures", *words, "--json"]
    environment = stack.service_environment(config=config, ready=stack.folder / "unused.json")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_a_payment_a_rule_refuses_is_listed_and_goes_when_the_rule_is_gone(cast: Cast) -> None:
    rule = {"error_code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no payments on Sundays"}
    cast.control.post("/salesforce/faults", fault="record_error", sobject="Payment__c", times=-1, **rule)
    intent = cast.stripe.v1.payment_intents.create(
        {"amount": 4_200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "off_session": True}
    ).id
    name = f"delivery/main/Payment__c/{intent}"
    (listed,) = cast.wait(
        "the refused payment is listed",
        lambda: [
            row
            for row in failures(cast, "list", "--error", rule["error_code"])
            if (row["id"], row["state"]) == (name, "dead")
        ],
        seconds=60,
    )
    assert listed["reason"] == "SALESFORCE_REJECTED"
    assert rule["message"] not in str(listed)
    (preview,) = failures(cast, "redrive", name, "--dry-run")["failures"]
    assert json.loads(preview["payload"])["Currency_Code__c"] == "USD"
    made = len(cast.control.created_at_stripe("/v1/payment_intents"))

    cast.control.clear("/salesforce/faults")
    assert failures(cast, "redrive", name)["redriven"] == 1
    drain(cast)
    assert payment(cast, intent)["Status__c"] == "Paid"
    assert [row for row in failures(cast, "list") if row["shelf"] != "event"] == []
    # Trying again delivered, and charged nobody.
    assert len(cast.control.created_at_stripe("/v1/payment_intents")) == made


def test_a_locked_record_arrives_all_the_same(cast: Cast) -> None:
    cast.control.post("/salesforce/faults", fault="row_lock", sobject="Charge__c", times=2)
    intent = cast.stripe.v1.payment_intents.create(
        {"amount": 4_300, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "off_session": True}
    ).id
    drain(cast, seconds=60)
    assert len(rows(cast, "Charge__c", intent)) == 1
    assert payment(cast, intent)["Status__c"] == "Paid"
