"""A program in JavaScript, with nothing of ours but the contract, has a payment made and sees it arrive."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.demo.cast import Cast
from deploy.demo.stack import ROOT
from deploy.demo.story import pay
from tests.support import node
from tests.support.stage import new_opportunity, opportunity

CALLER = ROOT / "protos" / "node"
PATIENCE_SECONDS = 90


@contextmanager
def caller(folder: Path, *arguments: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Run the program; give what it says, line by line. It is ended when it takes too long."""
    command = ["node", "pay_and_watch.mjs", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(PATIENCE_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        yield (json.loads(line) for line in process.stdout)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, errors
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_it_creates_a_payment_and_watches_it_end_in_salesforce(cast: Cast) -> None:
    folder = node.workspace("caller", CALLER, ("package.json", "package-lock.json", "pay_and_watch.mjs"))
    record = new_opportunity(cast, "1234.50", "EUR")
    address = str(cast.service.info["grpc"])
    with caller(folder, address, cast.stack.entity, record, str(ROOT / "protos")) as said:
        asked = next(said)
        assert asked["amount"] == {"amount_minor": "123450", "currency_code": "EUR"}
        assert opportunity(cast, record)["Payment_Status__c"] != "Paid"
        pay(asked["pay_at"])
        told = list(said)
        assert told, "it ended without a word"
    states = [line for line in told if line.get("state") == "STATE_PAID"]
    assert states
    assert states[0]["received"] == {"amount_minor": "123450", "currency_code": "EUR"}
    assert told[-1] == {"in_salesforce": record}
    # What it was told is so, at once: nothing is waited for here.
    found = opportunity(cast, record)
    assert (found["Payment_Status__c"], str(found["Amount_Paid__c"])) == ("Paid", "1234.5")
