"""SIGKILL at every step of an invoice, and two replicas at once: done once, and shown right."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from deploy.demo.outside import TOPIC_OBJECT
from tests.simulation.audit import audit, drain
from tests.simulation.world import CARD, Action, World, wait_for

_LONG_MS = 5000
_BEFORE: dict[str, Any] = {"method": "POST", "fault": "hang", "ms": _LONG_MS}
_AFTER = _BEFORE | {"after_effect": True}
ONE = "/v1/invoices/{invoice}"


@dataclass(frozen=True)
class Place:
    """Where the process dies: in a call of an operation, before or after its effect; and what must come of it."""

    operation: str
    path: str
    status: str
    stage: str | None = None
    effect: bool = True
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def fault(self) -> dict[str, Any]:
        return (_AFTER if self.effect else _BEFORE) | {"path": self.path}


_CHARGED = (("Collection_Method__c", "charge_automatically"),)
PLACES = (
    Place("create_invoice", "/v1/invoices", "Open", effect=False),
    Place("create_invoice", "/v1/invoices", "Open"),
    Place("create_invoice", f"{ONE}/add_lines", "Open"),
    Place("create_invoice", f"{ONE}/finalize", "Open"),
    Place("create_invoice", f"{ONE}/send", "Open"),
    Place("create_invoice", f"{ONE}/pay", "Paid", effect=False, fields=_CHARGED),
    Place("create_invoice", f"{ONE}/pay", "Paid", fields=_CHARGED),
    Place("finalise_invoice", f"{ONE}/finalize", "Open", "draft"),
    Place("send_invoice", f"{ONE}/send", "Open", "open"),
    Place("pay_invoice", f"{ONE}/pay", "Paid", "open"),
    Place("void_invoice", f"{ONE}/void", "Void", "open"),
    Place("mark_invoice_uncollectible", f"{ONE}/mark_uncollectible", "Uncollectible", "open"),
    Place("credit_invoice", "/v1/credit_notes", "Open", "open", fields=(("Amount__c", 20.5),)),
)


@pytest.mark.timeout(300)
def test_killed_anywhere_each_step_of_an_invoice_is_done_once(world: World) -> None:
    world.stack.start_service()
    asked: list[tuple[Place, Action]] = []
    for place in PLACES:
        action = _sold(world, place.stage)
        asked.append((place, action))
        world.strike("stripe/faults", **place.fault)
        _ask(world, place.operation, action, **dict(place.fields))
        wait_for(f"{place.operation} in {place.path}", partial(world.struck, "/stripe/faults"))
        world.service.kill()
        world.calm()
        world.stack.start_service()
    drain(world)
    for place, action in asked:
        _one_effect(world, place, action)
    world.actions.clear()  # what they left was compared above
    audit(world)


@pytest.mark.timeout(120)
def test_two_replicas_make_one_invoice_of_requests_sent_twice(world: World) -> None:
    if not world.stack.services:  # else the one that the story before left running
        world.stack.start_service()
    world.stack.start_service(name="second", web_port=0)
    actions = [_sold(world, None) for _ in range(4)]
    for _ in range(2):
        for action in actions:
            _ask(world, "create_invoice", action)
    drain(world)
    for action in actions:
        _one_effect(world, Place("create_invoice", "", "Open"), action)
    world.actions.clear()
    audit(world)


def _sold(world: World, stage: str | None) -> Action:
    """Make an Opportunity with two line items, and its invoice if one is needed."""
    account = world.account(CARD)
    fields = {"Name": "A sale", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
    record = str(world.salesforce.create("Opportunity", **fields, CurrencyIsoCode="USD")["id"])
    soql = "SELECT Id, Product2.ProductCode FROM PricebookEntry WHERE CurrencyIsoCode = 'USD'"
    entries = {row["Product2"]["ProductCode"]: row["Id"] for row in world.salesforce.query(soql)}
    for code, quantity, price in (("CF-SUB", 2.5, 40), ("CF-ONB", 1, 20.5)):
        line = {"PricebookEntryId": entries[code], "Quantity": quantity, "UnitPrice": price}
        world.salesforce.create("OpportunityLineItem", OpportunityId=record, **line)
    action = Action(record, account, "off_session", Decimal("120.50"), "USD")
    world.actions.append(action)
    if stage is not None:
        _ask(world, "create_invoice", action, Advance_To__c=stage)
        status = stage.capitalize()
        wait_for("the invoice", lambda: [row for row in _shown(world, action) if row["Status__c"] == status])
        drain(world)
    return action


def _ask(world: World, operation: str, action: Action, **fields: Any) -> None:
    wish = {"Operation__c": operation, "Record_Id__c": action.record_id, **fields}
    action.events.append(str(world.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"]))


def _shown(world: World, action: Action) -> list[dict[str, Any]]:
    soql = f"SELECT FIELDS(ALL) FROM Invoice__c WHERE Opportunity__c = '{action.record_id}' LIMIT 200"  # noqa: S608  (our own words)
    return world.salesforce.query(soql)


def _one_effect(world: World, place: Place, action: Action) -> None:
    record = world.salesforce.get("Opportunity", action.record_id)
    assert record["Payment_Error__c"] is None, (place, record["Payment_Error__c"], world.left())
    listed = world.stripe.v1.invoices.list({"limit": 100}).auto_paging_iter()
    bodies = [one.to_dict(for_json=True) for one in listed]
    [invoice] = [one for one in bodies if one["metadata"].get("salesforce_record_id") == action.record_id]
    assert invoice["total"] == 12_050, place
    [row] = _shown(world, action)
    assert (row["Status__c"], row["Total__c"]) == (place.status, Decimal("120.5")), place
    notes = [one.amount for one in world.stripe.v1.credit_notes.list({"invoice": invoice["id"]}).data]
    assert notes == ([2050] if place.operation == "credit_invoice" else []), place
    mails = world.stripe.v1.events.list({"type": "invoice.sent", "limit": 100}).auto_paging_iter()
    sent = [one for one in mails if one.data.object["id"] == invoice["id"]]
    charged = place.fields == _CHARGED
    assert len(sent) == (place.operation in {"create_invoice", "send_invoice"} and not charged), place
