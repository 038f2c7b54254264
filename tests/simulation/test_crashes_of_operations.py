"""SIGKILL at every step of a capture, a cancellation and a refund: done once, and shown right."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from deploy.demo.outside import TOPIC_OBJECT
from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, wait_for

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
