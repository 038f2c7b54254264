"""Changes of status are told once, with what caused them, and the rules of the org react to each once."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from tests.support.refunds import bank_moves, dispute_of, paid
from tests.support.stage import drain, new_opportunity, opportunity, staged

DAY = 86_400
SOMEBODY = "005000000000001AAA"
RULES: list[dict[str, Any]] = [
    {
        "name": "call-back",
        "when": "payment_failed",
        "do": {"task": {"subject": "Payment of ${amount} ${currency} failed: ${reason}", "due_in_days": 2,
                        "priority": "High"}},
    },
    {
        "name": "large-only",
        "when": "payment_failed",
        "if": {"amount_at_least": 5000, "currency": ["USD"]},
        "do": {"task": {"subject": "A large one"}},
    },
    {
        "name": "tell",
        "when": "dispute_opened",
        "do": {"notification": {"title": "Dispute of ${amount} ${currency}", "body": "${reason}, answer by ${due_at}",
                                "recipients": ["record_owner", SOMEBODY]}},
    },
    {
        "name": "hurry",
        "when": "dispute_due_soon",
        "days_before": 3,
        "do": {"task": {"subject": "Answer the dispute by ${due_at}"}},
    },
    {"name": "bounced", "when": "payout_failed", "do": {"event": {"message": "Payout ${object_id} failed"}}},
    {"name": "gone", "when": "refund_failed", "do": {"event": {}}},
]  # fmt: skip


@pytest.fixture(scope="module")
def stage(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url, reactions=RULES) as cast:
        yield cast


@pytest.fixture
def cast(stage: Cast) -> Iterator[Cast]:
    yield stage
    for path in ("/stripe/faults", "/stripe/webhook-faults", "/salesforce/faults"):
        stage.control.clear(path)
    drain(stage)


def declined(cast: Cast, amount_minor: int = 10_000) -> tuple[str, str]:
    record = new_opportunity(cast, "100.00", "USD")
    with pytest.raises(stripe.CardError) as refused:
        cast.stripe.v1.payment_intents.create(
            {
                "amount": amount_minor,
                "currency": "usd",
                "payment_method": "pm_card_chargeDeclinedInsufficientFunds",
                "confirm": True,
                "off_session": True,
                "metadata": {"salesforce_record_id": record},
            }
        )
    intent = refused.value.error.payment_intent if refused.value.error else None
    assert intent is not None
    drain(cast)
    return record, intent.id


def tasks_of(cast: Cast, record: str) -> list[Row]:
    return cast.salesforce.query(f"SELECT FIELDS(ALL) FROM Task WHERE WhatId = '{record}' LIMIT 200")  # noqa: S608  (a test's own id)


def changes_of(cast: Cast, object_id: str) -> list[Row]:
    where = f"Object_Id__c = '{object_id}'"
    found = cast.salesforce.query(f"SELECT FIELDS(ALL) FROM Payment_Status_Change__c WHERE {where} LIMIT 200")  # noqa: S608  (a test's own id)
    return sorted(found, key=lambda row: int(row["Stripe_Id__c"].rsplit("_", 1)[1]))


def notifications(cast: Cast) -> list[Row]:
    return list(cast.control.get("/salesforce/notifications")["notifications"])


def outcomes(cast: Cast, object_id: str) -> list[Row]:
    events = cast.control.get("/salesforce/events")["events"]
    found = [one["payload"] for one in events if one["event"] == "Payment_Outcome__e"]
    return [one for one in found if one["Object_Id__c"] == object_id]


def test_a_failed_payment_makes_one_task_although_its_event_came_five_times(cast: Cast) -> None:
    cast.control.post("/stripe/webhook-faults", fault="duplicate", copies=5, times=-1)
    record, intent = declined(cast)
    [task] = tasks_of(cast, record)
    assert task["Subject"] == "Payment of 100.00 USD failed: insufficient_funds"
    assert (task["Priority"], task["Status"]) == ("High", "Not Started")
    assert task["OwnerId"] == opportunity(cast, record)["OwnerId"]
    assert task["Counterfoil_Key__c"].startswith(intent)


def test_a_condition_that_does_not_hold_makes_nothing_and_one_that_holds_does(cast: Cast) -> None:
    record, _ = declined(cast, 600_000)
    assert {task["Subject"] for task in tasks_of(cast, record)} == {
        "Payment of 6000.00 USD failed: insufficient_funds",
        "A large one",
    }


def test_the_answer_to_a_task_is_lost_and_it_is_made_once(cast: Cast) -> None:
    cast.control.post(
        "/salesforce/faults", method="PATCH", path_prefix="/services/data/v66.0/composite/sobjects/Task",
        fault="after_effect_disconnect", times=1,
    )  # fmt: skip
    record, _ = declined(cast)
    assert len(tasks_of(cast, record)) == 1


def test_what_people_do_to_a_task_stays(cast: Cast) -> None:
    record, intent = declined(cast)
    [task] = tasks_of(cast, record)
    cast.salesforce.change("Task", task["Id"], Status="Completed", Subject="Called them")
    cast.stripe.v1.payment_intents.update(intent, {"description": "another sight"})
    drain(cast)
    [after] = tasks_of(cast, record)
    assert (after["Status"], after["Subject"]) == ("Completed", "Called them")


def test_an_opened_dispute_notifies_the_owner_once(cast: Cast) -> None:
    before = len(notifications(cast))
    record, intent = paid(cast, 7_000, "pm_card_createDispute")
    bank_moves(cast, dispute_of(cast, intent).id, "under_review")
    drain(cast)
    [sent] = notifications(cast)[before:]
    assert sent["title"] == "Dispute of 70.00 USD"
    assert sent["body"].startswith("fraudulent, answer by 2")
    assert sent["recipientIds"] == [opportunity(cast, record)["OwnerId"], SOMEBODY]
    assert sent["targetId"] == record


def test_a_failed_payout_publishes_an_outcome(cast: Cast) -> None:
    paid(cast, 20_000, "pm_card_bypassPending")
    payout = cast.stripe.v1.payouts.create({"amount": 1_000, "currency": "usd"})
    cast.control.post(f"/stripe/payouts/{payout.id}/fail", code="account_closed")
    drain(cast)
    [outcome] = outcomes(cast, payout.id)
    assert (outcome["Outcome__c"], outcome["Status__c"], outcome["Amount__c"]) == ("payout_failed", "Failed", 10.0)
    assert outcome["Message__c"] == f"Payout {payout.id} failed"
    assert outcome["Event_Id__c"].startswith(("evt_", "req_"))
    assert outcome["Key__c"] == f"{changes_of(cast, payout.id)[-1]['Stripe_Id__c']}_bounced"


def test_the_history_shows_the_chain_with_what_caused_it(cast: Cast) -> None:
    _, intent = paid(cast, 10_000)
    refund = cast.stripe.v1.refunds.create({"payment_intent": intent, "amount": 2_500})
    drain(cast)
    cast.stripe.v1.refunds.create({"payment_intent": intent})
    drain(cast)
    chain = changes_of(cast, intent)
    assert chain[-1]["To__c"] == "Refunded"
    assert [row["To__c"] for row in chain][-3:] == ["Paid", "Partially_Refunded", "Refunded"]
    assert [row["From__c"] for row in chain] == [None, *(row["To__c"] for row in chain[:-1])]
    assert [row["Stripe_Id__c"] for row in chain] == [f"{intent}_{number + 1}" for number in range(len(chain))]
    events = {event.id: event for event in cast.stripe.v1.events.list({"limit": 100}).auto_paging_iter()}
    for row in chain:
        told = row["Event_Id__c"]
        assert told in events or told.startswith("req_"), told
    [of_refund] = changes_of(cast, refund.id)[-1:]
    assert (of_refund["To__c"], of_refund["Object_Type__c"]) == ("Refunded", "refund")
    assert of_refund["Payment__c"] == chain[0]["Payment__c"] is not None


def test_a_dispute_has_its_stages_in_its_history_and_is_told_of_before_it_is_due(cast: Cast) -> None:
    record, intent = paid(cast, 3_000)
    charge = str(cast.stripe.v1.payment_intents.retrieve(intent).latest_charge)
    due = int(time.time()) + 2 * DAY
    dispute = cast.control.post("/stripe/disputes", charge=charge, kind="fraudulent", amount=3_000, due_by=due)["id"]
    cast.wait("the task before the last moment", lambda: tasks_of(cast, record), seconds=90)
    [task] = tasks_of(cast, record)
    assert task["Subject"].startswith("Answer the dispute by 2")
    bank_moves(cast, dispute, "under_review")
    drain(cast)
    bank_moves(cast, dispute, "won", funds="reinstated")
    drain(cast)
    stages = [(row["From_Stage__c"], row["To_Stage__c"]) for row in changes_of(cast, dispute)]
    assert stages == [(None, "Needs_Response"), ("Needs_Response", "Under_Review"), ("Under_Review", "Won")]
    assert len(tasks_of(cast, record)) == 1
