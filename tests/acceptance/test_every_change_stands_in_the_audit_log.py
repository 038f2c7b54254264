import itertools
import json
import os
import subprocess
import sys
from typing import Any

import psycopg

from deploy.demo.cast import Cast
from tests.support.stage import intents_of, new_opportunity, won_and_paid

# The card by its whole number and as a value of its own: four digits stand in many a hash and timestamp.
SECRETS = ("Fenwick", "@", "4242424242424242", '"4242"', "client_secret", "sk_test_", "whsec_")


def entries(cast: Cast) -> list[dict[str, Any]]:
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        return [json.loads(row[0]) for row in connection.execute("SELECT entry FROM audit ORDER BY seq, id")]


def counterfoil(cast: Cast, *arguments: str) -> str:
    environment = cast.stack.service_environment(
        config=cast.stack.folder / "counterfoil.yaml", ready=cast.stack.folder / "unused.json"
    )
    command = [sys.executable, "-m", "service", "audit", *arguments]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_who_asked_what_was_done_and_what_was_delivered_can_be_proven(cast: Cast) -> None:
    record = new_opportunity(cast, "431.00", "EUR")
    after = won_and_paid(cast, record)
    (intent,) = intents_of(cast, record)
    found = entries(cast)

    (asked,) = [one for one in found if one["kind"] == "asked" and one.get("record") == record]
    assert asked["actor"].startswith("005"), "the user who closed it as won"
    assert (asked["operation"], asked["source"], asked["version"]) == ("create_payment", "salesforce", "1")
    (done,) = [one for one in found if one["kind"] == "done" and one["subject"] == asked["command"]]
    assert (done["after"], done["entity"]) == ("SUCCEEDED", asked["entity"])
    assert done["checkout_session"].startswith("cs_")
    assert after["Payment_Status__c"] == "Paid"

    sent = [one for one in found if one["kind"] == "delivered" and one["subject"].endswith(f"/{intent}")]
    assert sent, "the payment's record"
    assert all(one["mapping"] for one in sent)
    for earlier, later in itertools.pairwise(sent):
        assert later["before"] == earlier["after"], "each delivery tells from what to what"
    assert any(one["subject"].endswith(f"Opportunity/{record}") for one in found if one["kind"] == "delivered")

    whole = json.dumps(found)
    assert not [word for word in SECRETS if word in whole]
    assert "every hash holds" in counterfoil(cast, "verify", "--head", counterfoil(cast, "head").strip())
