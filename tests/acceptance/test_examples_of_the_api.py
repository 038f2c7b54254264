"""Every worked example of the API, run with grpcurl against the service and its sandbox, answers as it is shown."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT
from deploy.demo.stack import ROOT
from service.gen.counterfoil.v1 import operations_service_pb2 as operations
from tests.support import grpcurl
from tests.support.doors import open_doors
from tests.support.operations import sold
from tests.support.rehearsal import Rehearsal
from tests.support.stage import CLOSE_DATE, drain, new_account, new_opportunity, saved_card, staged, taken_in

EXAMPLES: list[dict[str, Any]] = yaml.safe_load((ROOT / "protos" / "examples.yaml").read_text(encoding="utf-8"))
READS = ("Get", "List", "Watch", "Explain", "Export", "Preview")
DEADLINE_EXCEEDED = 64 + 4  # grpcurl ends with 64 and the status
REP, CLERK = "005000000000041AAA", "005000000000042AAA"
TERMS = {"limits": [{"currency": "USD", "operations": ["refund_payment"], "approval_above": "500"}]}


@pytest.fixture(scope="module")
def cast(postgres_url: str) -> Iterator[Cast]:
    grpcurl.command()
    with staged(postgres_url, terms=TERMS) as it:
        yield it


def payout(cast: Cast) -> None:
    """Have a payment in a payout that adds up."""
    pay(cast, 25_000, "pm_card_bypassPending")
    cast.control.post("/stripe/webhooks/flush")
    cast.control.post("/stripe/payouts/run", currency="usd")
    drain(cast)


def pay(cast: Cast, amount: int, card: str = "pm_card_visa") -> str:
    """Make a payment in Stripe of which Salesforce knows nothing."""
    wish: Any = {"amount": amount, "currency": "usd", "payment_method": card, "confirm": True, "off_session": True}
    return str(cast.stripe.v1.payment_intents.create(wish).id)


def refused(cast: Cast) -> list[str]:
    """Have a rule of the org refuse the balance transactions of two payments, until it is mended; return their ids."""
    rule = {"error_code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "nothing is booked on Sundays"}
    cast.control.post("/salesforce/faults", fault="record_error", sobject="Balance_Transaction__c", times=-1, **rule)
    pay(cast, 4_200)
    pay(cast, 4_300)
    request = operations.ListFailuresRequest(entity=cast.stack.entity)
    with open_doors(cast) as doors:

        def dead() -> list[str] | None:
            names = [each.name for each in doors.operations.ListFailures(request).failures if each.state == "dead"]
            return [name.rsplit("/", 1)[1] for name in names] if len(names) == 2 else None

        found = cast.wait("two dead letters", dead, seconds=60)
    drain(cast)  # what Stripe still tells of them is refused too
    cast.control.clear("/salesforce/faults")
    return found


def with_lines(cast: Cast) -> str:
    """Make an Opportunity of 1,680.00 EUR with two line items."""
    fields = {"Name": "Fenwick seats", "StageName": "Prospecting", "CloseDate": CLOSE_DATE}
    account = new_account(cast)
    record = str(cast.salesforce.create("Opportunity", AccountId=account, CurrencyIsoCode="EUR", **fields)["id"])
    entries = cast.salesforce.query("SELECT Id, CurrencyIsoCode, Product2.ProductCode FROM PricebookEntry")
    for code, quantity, price in (("CF-SUB", 9, 110), ("CF-ONB", 0.5, 1380)):
        [entry] = [
            row["Id"] for row in entries if (row["Product2"]["ProductCode"], row["CurrencyIsoCode"]) == (code, "EUR")
        ]
        line = {"OpportunityId": record, "PricebookEntryId": entry, "Quantity": quantity, "UnitPrice": price}
        cast.salesforce.create("OpportunityLineItem", **line)
    return record


def waiting(cast: Cast, user: str) -> None:
    """Have a refund that was asked for in Salesforce wait for a second person."""
    sale = sold(cast, "900.00")
    wish = {"Operation__c": "refund_payment", "Record_Id__c": sale.record, "Amount__c": 600}
    asked = cast.control.post("/salesforce/events", event=TOPIC_OBJECT, user=user, fields=wish)
    taken_in(cast, str(asked["errors"][0]["message"]))
    drain(cast)


def prepared(cast: Cast) -> Rehearsal:
    """Make what the examples begin with; return what their words for it mean."""
    payout(cast)
    first, second = refused(cast)
    for user in (REP, CLERK):
        waiting(cast, user)
    account = new_account(cast)
    held = new_opportunity(cast, "950.00", "USD", account=account)
    means = {
        "006fK0000000001QAA": new_opportunity(cast, "1200.00", "USD"),
        "006fK0000000002QAA": held,
        "006fK0000000003QAA": with_lines(cast),
        "001fK0000000001QAA": new_account(cast),
        "pm_1NZcard": saved_card(cast, account, "pm_card_visa"),
        "txn_3NZrefused": first,
        "txn_3NZtest": second,
    }
    drain(cast)
    return Rehearsal(means)


def settled(cast: Cast) -> None:
    """Wait until nothing is left to do, sweeps and backfills included."""
    drain(cast)
    running = operations.Run.STATE_RUNNING
    with open_doors(cast) as doors:
        request = operations.ListRunsRequest(entity=cast.stack.entity)
        cast.wait(
            "the end of all runs", lambda: running not in {r.state for r in doors.operations.ListRuns(request).runs}
        )


@pytest.mark.timeout(300)
def test_every_example_answers_as_it_is_shown(cast: Cast) -> None:
    rehearsal = prepared(cast)
    settled(cast)
    changed = False
    for example in EXAMPLES:
        reads = example["method"].split("/")[1].startswith(READS)
        if reads and changed:
            settled(cast)
        changed = not reads
        method, options = f"counterfoil.v1.{example['method']}", example.get("options", [])
        request = rehearsal.real(example["request"])
        code, said, error = grpcurl.call(str(cast.service.info["grpc"]), method, request, *options)
        assert code == (DEADLINE_EXCEEDED if "-max-time" in options else 0), f"{example['about']} {error}"
        rehearsal.compare(example["answers"], said, f"{example['about']} {method}")
