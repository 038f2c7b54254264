"""Change Data Capture: records ask for their payment by what they are, and no event is published by anybody."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Control, Row
from deploy.demo.stack import PACKAGE
from tests.support.stage import (
    drain,
    intents_of,
    new_account,
    new_opportunity,
    opportunity,
    saved_card,
    staged,
    until_status,
)

CARD = "pm_card_visa"
TOPIC = "/data/OpportunityChangeEvent"
TODAY = datetime.now(UTC).date()
CHARGE = {"operation": "create_payment", "arguments": {"method": "off_session"}}
RULES: list[dict[str, Any]] = [
    {
        "name": "charge-won",
        "when": "won",
        "not_before": (TODAY - timedelta(days=1)).isoformat(),
        "if": {"Type": [None, "New Business"]},
        "ask": CHARGE,
    },
    {"name": "charge-order", "when": "activated", "not_before": TODAY.isoformat(), "ask": CHARGE},
    {"name": "not-yet", "when": "won", "not_before": "2999-01-01", "ask": {"operation": "cancel_payment"}},
]


@pytest.fixture(scope="module")
def without_flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package without its Flow, which would publish an event when an Opportunity is won."""
    package = Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("package") / "force-app"))
    shutil.rmtree(package / "main/default/flows")
    return package


@pytest.fixture(scope="module", params=["pubsub", "cometd"])
def cast(request: pytest.FixtureRequest, postgres_url: str, without_flows: Path) -> Iterator[Cast]:
    org = {"stream": request.param, "changes": RULES, "pubsub": {"limits_refresh_seconds": 1}}
    with staged(postgres_url, org=org, package=without_flows, prepare=capture, COUNTERFOIL_LEASE_SECONDS="5") as it:
        yield it


def capture(control: Control) -> None:
    """Select the objects whose changes are told, as an administrator does."""
    control.post("/salesforce/changes", entities=["Opportunity", "Order"])


def feed_of(cast: Cast) -> str:
    return str(cast.stack.org["stream"])


def with_card(cast: Cast, amount: str, **fields: Any) -> str:
    """Create an Opportunity of an Account with a saved card; return its id."""
    account = new_account(cast)
    saved_card(cast, account, CARD)
    record = new_opportunity(cast, amount, "USD", account=account)
    if fields:
        cast.salesforce.change("Opportunity", record, **fields)
    return record


def changes(cast: Cast, record: str) -> list[Row]:
    """Return how the service took the change events of a record, oldest first."""
    query = "SELECT payload, state, reason FROM inbox WHERE kind = %s AND payload LIKE %s ORDER BY sequence"
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        rows = connection.execute(query, (TOPIC, f"%{record}%")).fetchall()
    return [{"payload": payload, "state": state, "reason": reason} for payload, state, reason in rows]


def handled(cast: Cast, record: str, events: int) -> list[Row]:
    """Return the change events of a record once so many were handled."""

    def look() -> list[Row] | None:
        found = [row for row in changes(cast, record) if row["state"] == "handled"]
        return found if len(found) >= events else None

    return cast.wait(f"{events} changes of {record}", look)


def test_an_opportunity_that_is_won_is_charged_without_anybody_publishing_an_event(cast: Cast) -> None:
    record = with_card(cast, "410.00")
    cast.salesforce.win(record)
    row = until_status(cast, record, "Paid")
    drain(cast)
    assert row["Amount_Paid__c"] == 410
    assert len(intents_of(cast, record)) == 1
    assert cast.control.get("/salesforce/events")["events"] == []


def test_an_order_that_is_activated_is_charged_and_a_draft_is_not(cast: Cast) -> None:
    activated, draft = (_order(cast) for _ in range(2))
    cast.salesforce.change("Order", draft, Description="Still being written")
    cast.salesforce.change("Order", activated, Status="Activated")
    row = until_status(cast, activated, "Paid", "Order")
    drain(cast)
    assert row["Amount_Paid__c"] == row["TotalAmount"] == 240
    cast.salesforce.change("Order", activated, Description="Say thank you")
    drain(cast)
    assert [len(intents_of(cast, record)) for record in (activated, draft)] == [1, 0]
    assert cast.control.get("/salesforce/events")["events"] == []


def _order(cast: Cast) -> str:
    """Create a draft order of an Account with a saved card; return its id."""
    account = new_account(cast)
    saved_card(cast, account, CARD)
    soql = "SELECT Id, Pricebook2Id FROM PricebookEntry WHERE CurrencyIsoCode = 'USD' LIMIT 1"
    [entry] = cast.salesforce.query(soql)
    fields = {"AccountId": account, "Status": "Draft", "EffectiveDate": TODAY.isoformat(), "CurrencyIsoCode": "USD"}
    order = str(cast.salesforce.create("Order", Pricebook2Id=entry["Pricebook2Id"], **fields)["id"])
    line = {"PricebookEntryId": entry["Id"], "Quantity": 2, "UnitPrice": 120}
    cast.salesforce.create("OrderItem", OrderId=order, **line)
    return order


def test_our_own_writes_do_not_ask_again(cast: Cast) -> None:
    record = with_card(cast, "411.00")
    cast.salesforce.win(record)
    until_status(cast, record, "Paid")
    drain(cast)
    own = cast.wait("our writes to come back", lambda: [r for r in changes(cast, record) if r["reason"] == "OWN_WRITE"])
    assert all('client=Counterfoil"' in row["payload"] for row in own)
    before, known = len(cast.control.writes()), len(changes(cast, record))
    cast.salesforce.change("Opportunity", record, NextStep="Say thank you")
    handled(cast, record, known + 1)
    drain(cast)
    assert len(intents_of(cast, record)) == 1
    assert len(cast.control.writes()) == before, "a change of something else changes nothing"


def test_a_changed_amount_is_a_conflict_that_the_record_shows(cast: Cast) -> None:
    record = with_card(cast, "412.00")
    cast.salesforce.win(record)
    until_status(cast, record, "Paid")
    cast.salesforce.change("Opportunity", record, Amount=500)
    cast.wait("the conflict", lambda: "50000" in (opportunity(cast, record)["Payment_Error__c"] or ""))
    drain(cast)
    assert len(intents_of(cast, record)) == 1


def test_only_what_the_rule_is_about_is_asked_for(cast: Cast) -> None:
    other_type, lost, won = (with_card(cast, f"413.0{number}") for number in range(3))
    cast.salesforce.change("Opportunity", other_type, Type="Existing Business")
    cast.salesforce.change("Opportunity", lost, StageName="Closed Lost")
    cast.salesforce.win(other_type)
    cast.salesforce.win(won)
    until_status(cast, won, "Paid")
    drain(cast)
    assert [len(intents_of(cast, record)) for record in (other_type, lost, won)] == [0, 0, 1]


@pytest.mark.parametrize("fault", ["gap", "overflow"])
def test_a_change_that_salesforce_could_not_tell_is_read_from_the_record(cast: Cast, fault: str) -> None:
    record = with_card(cast, "414.00")
    drain(cast)
    cast.control.post("/salesforce/changes/faults", fault=fault, sobject="Opportunity")
    cast.salesforce.win(record)
    until_status(cast, record, "Paid")
    drain(cast)
    assert len(intents_of(cast, record)) == 1


def test_a_gap_is_caught_up(cast: Cast) -> None:
    """Position and events are gone when the service comes back: what was won meanwhile is found by its stamp."""
    before = with_card(cast, "415.00")
    cast.salesforce.win(before)
    until_status(cast, before, "Paid")
    drain(cast)
    record = with_card(cast, "416.00")
    assert cast.service.stop() == 0
    cast.salesforce.win(record)
    cast.control.post(f"/{feed_of(cast)}/faults", fault="expired_replay_id", topic=TOPIC, purge=True)
    cast.service = cast.stack.start_service()
    until_status(cast, record, "Paid")
    drain(cast)
    assert (len(intents_of(cast, before)), len(intents_of(cast, record))) == (1, 1)
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        query = "SELECT proof, records FROM coverage WHERE topic = %s AND cause = 'replay_lost' ORDER BY id"
        stream, gap = connection.execute(query, (TOPIC,)).fetchall()
    assert stream[0] == "stream"
    assert gap[0] == "catch_up"
    assert gap[1] >= 2


def test_changes_wait_when_deliveries_run_short(cast: Cast) -> None:
    """What is left of the org's deliveries is kept for requests; the changes are read when there are more again."""
    first = with_card(cast, "417.00")
    cast.control.post("/salesforce/settings", daily_event_deliveries=1000, event_deliveries=950)
    cast.wait("the alarm", lambda: '"stream.allowance_short"' in cast.service.log.read_text())
    cast.salesforce.change("Opportunity", first, NextStep="Wake the stream")
    record = with_card(cast, "418.00")
    cast.salesforce.win(record)
    cast.control.post("/salesforce/settings", daily_event_deliveries=1_000_000, event_deliveries=0)
    cast.wait("the all-clear", lambda: '"stream.allowance_enough"' in cast.service.log.read_text())
    assert cast.service.stop() == 0
    cast.service = cast.stack.start_service()  # the pause of a spent allowance is minutes
    until_status(cast, record, "Paid")
    drain(cast)
    assert len(intents_of(cast, record)) == 1


def test_the_feeds_are_listed_with_what_is_proven_of_them(cast: Cast) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "service", "feeds", "--json"],
        env=cast.stack.service_environment(config=cast.stack.folder / "counterfoil.yaml", ready=Path("/dev/null")),
        capture_output=True,
        check=True,
        timeout=60,
    )
    rows = json.loads(told.stdout)
    present = {row["topic"]: row for row in rows if row["present"]}
    assert {TOPIC, "/data/OrderChangeEvent", "/event/Payment_Request__e"} <= set(present)
    assert all(row["since"] <= row["until"] and row["proof"] == "stream" for row in present.values())
    gap = next(row for row in rows if row.get("cause") == "replay_lost" and row["proof"] != "stream")
    assert (gap["topic"], gap["proof"]) == (TOPIC, "catch_up")
