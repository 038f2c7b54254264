"""SIGKILL at every step of a payment link, made, paid by or called off: one link, one payment, shown on the record."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from deploy.demo.outside import TOPIC_OBJECT
from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, wait_for

_LONG_MS = 5000
_LINKS, _EXPIRE = "/v1/payment_links", "/v1/checkout/sessions/*/expire"
_STAGES: dict[str, dict[str, Any]] = {"asked for": {}, "done": {"after_effect": True}}


@dataclass(frozen=True)
class Point:
    """A call to die at."""

    name: str
    path: str
    fault: dict[str, Any]
    ends: bool


POINTS = [
    *(Point(f"a link is {name}", _LINKS, fault, ends=False) for name, fault in _STAGES.items()),
    *(Point(f"a link's end is {name}", f"{_LINKS}/*", fault, ends=True) for name, fault in _STAGES.items()),
    *(Point(f"its page's end is {name}", _EXPIRE, fault, ends=True) for name, fault in _STAGES.items()),
]


@pytest.mark.timeout(300)
def test_killed_anywhere_a_link_is_made_paid_by_and_ended_once(world: World) -> None:
    world.stack.start_service()
    sales = [(point, _sold(world, point)) for point in POINTS]
    drain(world)
    for point, sale in sales:
        _die(world, point, sale)
    for point, sale in sales:
        if not point.ends:
            world.pay(sale)
    took = drain(world)
    for point, sale in sales:
        _one_link(world, point, sale)
    world.actions.clear()  # their figures were compared above
    audit(world)
    print(f"drained {took:.1f} s after the last start")  # noqa: T201  (to repeat a failure)
    assert len(world.stack.services) == len(POINTS) + 1


def _sold(world: World, point: Point) -> Action:
    """Sell, and have a link that is to be ended made and visited."""
    sale = world.sell("payment_link")
    if point.ends:
        world.ask(sale)
        assert httpx.get(_url(world, sale), trust_env=False).is_redirect, "a visit opens a page"
    return sale


def _die(world: World, point: Point, sale: Action) -> None:
    fault = {"method": "POST", "fault": "hang", "ms": _LONG_MS, **point.fault, "path": point.path}
    world.strike("stripe/faults", **fault)
    if point.ends:
        wish = {"Operation__c": "cancel_payment", "Record_Id__c": sale.record_id}
        sale.events.append(str(world.salesforce.create(TOPIC_OBJECT, **wish)["errors"][0]["message"]))
    else:
        world.ask(sale)
    wait_for(point.name, partial(world.struck, "/stripe/faults"))
    world.service.kill()
    world.calm()
    world.stack.start_service()


def _url(world: World, sale: Action) -> str:
    def look() -> Any:
        return world.salesforce.get("Opportunity", sale.record_id)["Payment_Link_Url__c"]

    return str(wait_for("the payment link", look))


def _one_link(world: World, point: Point, sale: Action) -> None:
    shown = world.salesforce.get("Opportunity", sale.record_id)
    links = [
        one
        for one in world.stripe.v1.payment_links.list({"limit": 100}).data
        if one.metadata.to_dict().get("salesforce_record_id") == sale.record_id
    ]
    assert len(links) == 1, (point, links)
    pages = [str(one.status) for one in world.stripe.v1.checkout.sessions.list({"payment_link": links[0].id}).data]
    assert not links[0].active, point
    assert pages == (["expired"] if point.ends else ["complete"]), point
    assert shown["Payment_Status__c"] == ("Cancelled" if point.ends else "Paid"), point
    assert (shown["Payment_Error__c"], shown["Payment_Link_Url__c"]) == (None, None), point
