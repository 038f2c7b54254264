"""SIGKILL at every step of a capture, a cancellation, a refund or a sync: done once, and shown right."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from deploy.demo.outside import TOPIC_OBJECT
from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, rows_of, wait_for

_LONG_MS = 5000
_AFTER = {"after_effect": True}


@dataclass(frozen=True)
class Kind:
    """An operation: where its call goes, what must be left in Stripe, and what the record must show."""

    operation: str
    path: str
    fields: dict[str, Any]
    held: bool
    received: int
    refunded: int
    status: str


KINDS = (
    Kind("refund_payment", "/v1/refunds", {"Amount__c": 20.5}, False, 12050, 2050, "Partially_Refunded"),
    Kind("capture_payment", "/v1/payment_intents/{}/capture", {"Amount__c": 100}, True, 10000, 0, "Paid"),
    Kind("cancel_payment", "/v1/payment_intents/{}/cancel", {}, True, 0, 0, "Cancelled"),
)
# What is held back when the process dies: a vendor, and its fault.
PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "the payment is being read": ("stripe", {"method": "GET", "path": "/v1/payment_intents/{}", "fault": "hang"}),
    "it is asked for": ("stripe", {"method": "POST", "fault": "hang"}),
    "it is done": ("stripe", {"method": "POST", "fault": "hang", **_AFTER}),
    "it is done and the line cut": ("stripe", {"method": "POST", "fault": "hang", **_AFTER, "ms": 0}),
    "the record is being written": (
        "salesforce",
        {
            "path_prefix": "/services/data/v66.0/composite/sobjects",
            "sobject": "Opportunity",
            "fault": "delay",
            "ms": 500,
        },
    ),
}


@pytest.mark.timeout(300)
def test_killed_anywhere_each_operation_is_done_once(world: World) -> None:
    world.stack.start_service()
    asked: list[tuple[Kind, Action, str]] = []
    for kind in KINDS:
        for name, (vendor, fault) in PLACES.items():
            action, intent = _sold(world, kind)
            asked.append((kind, action, intent))
            path = {"path": str(fault.get("path", kind.path)).format(intent)} if vendor == "stripe" else {}
            world.strike(f"{vendor}/faults", **{"ms": _LONG_MS, **fault, **path})
            _ask(world, kind, action)
            wait_for(f"{kind.operation} where {name}", partial(world.struck, f"/{vendor}/faults"))
            world.service.kill()
            world.calm()
            world.stack.start_service()
    took = drain(world)
    for kind, action, intent in asked:
        _one_effect(world, kind, action, intent)
    world.actions.clear()  # their figures were compared above
    audit(world)
    print(f"drained {took:.1f} s after the last start")  # noqa: T201  (to repeat a failure)
    assert len(world.stack.services) == len(KINDS) * len(PLACES) + 1


@pytest.mark.timeout(300)
def test_killed_anywhere_a_record_has_one_customer(world: World) -> None:
    if not world.stack.services:  # else the one that the story before left running
        world.stack.start_service()
    kept = [
        (_kept(world, name) if changed else _account(world), changed) for name in _MADE for changed in (False, True)
    ]
    drain(world)
    for (account, changed), name in zip(kept, [one for one in _MADE for _ in range(2)], strict=True):
        path = f"/v1/customers/{_customer(world, account)}" if changed else "/v1/customers"
        world.salesforce.change("Account", account, Name=f"Renamed {account}")
        _, fault = PLACES[name]
        world.strike("stripe/faults", **{"ms": _LONG_MS, **fault, "path": path})
        _sync(world, account)
        wait_for(f"sync_customer where {name}", partial(world.struck, "/stripe/faults"))
        world.service.kill()
        world.calm()
        world.stack.start_service()
    drain(world)
    customers = [
        one.to_dict(for_json=True) for one in world.stripe.v1.customers.list({"limit": 100}).auto_paging_iter()
    ]
    for account, _ in kept:
        made = [one for one in customers if one["metadata"].get("salesforce_record_id") == account]
        assert [one["name"] for one in made] == [f"Renamed {account}"]
        shown = world.salesforce.get("Account", account)
        assert (shown["Stripe_Customer_Id__c"], shown["Stripe_Customer_Error__c"]) == (made[0]["id"], None)
    audit(world)


_MADE = ("it is asked for", "it is done", "it is done and the line cut")


def _account(world: World) -> str:
    return str(world.salesforce.create("Account", Name="Buyer")["id"])


def _kept(world: World, name: str) -> str:
    account = _account(world)
    _sync(world, account)
    wait_for(f"the customer to be changed where {name}", lambda: _customer(world, account))
    return account


def _customer(world: World, account: str) -> str | None:
    found: str | None = world.salesforce.get("Account", account)["Stripe_Customer_Id__c"]
    return found


def _sync(world: World, account: str) -> None:
    wish = {"Operation__c": "sync_customer", "Record_Id__c": account}
    event = str(world.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"])
    wait_for("the request", lambda: rows_of(world.database_url, f"SELECT 1 FROM inbox WHERE event_id = '{event}'"))  # noqa: S608  (ours)


def _sold(world: World, kind: Kind) -> tuple[Action, str]:
    """Have a payment made, or held on the card, and wait until all is told of it."""
    action = world.sell("off_session")
    more = {"Capture_Method__c": "manual"} if kind.held else {}
    action.events.append(world.salesforce.request_payment(action.record_id, "off_session", **more))
    wait_for("the payment", lambda: _shown(world, action)["Stripe_Payment_Intent_Id__c"])
    drain(world)
    return action, str(_shown(world, action)["Stripe_Payment_Intent_Id__c"])


def _ask(world: World, kind: Kind, action: Action) -> None:
    wish = {"Operation__c": kind.operation, "Record_Id__c": action.record_id, **kind.fields}
    action.events.append(str(world.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"]))


def _shown(world: World, action: Action) -> dict[str, Any]:
    return world.salesforce.get("Opportunity", action.record_id)


def _one_effect(world: World, kind: Kind, action: Action, intent: str) -> None:
    shown = _shown(world, action)
    assert shown["Payment_Error__c"] is None, (kind, shown["Payment_Error__c"], world.left())
    assert shown["Payment_Status__c"] == kind.status, kind
    assert Decimal(str(shown["Amount_Paid__c"])) == Decimal(kind.received - kind.refunded) / 100, kind
    assert world.stripe.v1.payment_intents.retrieve(intent).amount_received == kind.received, kind
    refunds = world.stripe.v1.refunds.list({"payment_intent": intent}).data
    assert [one.amount for one in refunds] == ([kind.refunded] if kind.refunded else []), kind
