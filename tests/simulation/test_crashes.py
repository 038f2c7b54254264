"""SIGKILL at every place where something is half done: charged once, shown right, nothing lost.

Each crash happens at a place the vendors' own side sees: a call has arrived and is not answered, before or after its
effect. The next process finds the work of all its dead predecessors beside new work, as after a night of crashes.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, wait_for

SEED = 20261123
_LONG_MS = 5000


@dataclass(frozen=True)
class Point:
    """A place to die at: while the vendor holds an answer back for a payment by `method`."""

    name: str
    method: str
    vendor: str
    fault: dict[str, Any]
    pays: bool = False


def _stripe(name: str, method: str, verb: str, path: str, /, **fault: Any) -> Point:
    fault = {"method": verb, "path": path, "fault": "hang", "ms": _LONG_MS, **fault}
    return Point(name, method, "stripe/faults", fault)


def _salesforce(name: str, method: str, prefix: str, /, *, pays: bool = False, **fault: Any) -> Point:
    fault = {"path_prefix": f"/services/data/v66.0/{prefix}", "fault": "delay", "ms": 500, **fault}
    return Point(name, method, "salesforce/faults", fault, pays)


def _news(name: str, kind: str, /, **fault: Any) -> Point:
    return Point(name, "off_session", "stripe/webhook-faults", {"types": [kind], **fault})


_AFTER = {"after_effect": True}
_RECORD = "composite/sobjects/"
POINTS = (
    _salesforce("the record is being read", "hosted_checkout", "query", method="GET"),
    _stripe("the customer is asked for", "hosted_checkout", "POST", "/v1/customers"),
    _stripe("the customer is made", "hosted_checkout", "POST", "/v1/customers", **_AFTER),
    _stripe("the page is asked for", "hosted_checkout", "POST", "/v1/checkout/sessions"),
    _stripe("the page is made", "hosted_checkout", "POST", "/v1/checkout/sessions", **_AFTER),
    _stripe("the page is made and the line cut", "hosted_checkout", "POST", "/v1/checkout/sessions", **_AFTER, ms=0),
    _stripe("the unconfirmed intent is asked for", "unconfirmed", "POST", "/v1/payment_intents"),
    _stripe("the unconfirmed intent is made", "unconfirmed", "POST", "/v1/payment_intents", **_AFTER),
    _stripe("the saved card is being read", "off_session", "GET", "/v1/payment_methods"),
    _stripe("the charge is asked for", "off_session", "POST", "/v1/payment_intents"),
    _stripe("the card is charged", "off_session", "POST", "/v1/payment_intents", **_AFTER),
    _stripe("the card is charged and the line cut", "off_session", "POST", "/v1/payment_intents", **_AFTER, ms=0),
    _stripe("the fee is being read", "off_session", "GET", "/v1/balance_transactions/*"),
    _news("five copies of the intent's news are under way", "payment_intent.*", fault="duplicate", copies=5),
    _news("the charge's news are late", "charge.*", fault="delay", ms=300),
    _news("the charge's news come in another order", "charge.*", fault="reorder", ms=300),
    _salesforce("the payment is being written", "off_session", f"{_RECORD}Payment__c"),
    _salesforce("the payment is written", "off_session", f"{_RECORD}Payment__c", fault="after_effect_disconnect"),
    _salesforce("the charge is being written", "off_session", f"{_RECORD}Charge__c"),
    _salesforce("the fee is being written", "off_session", f"{_RECORD}Balance_Transaction__c"),
    _salesforce("the opportunity is being written", "off_session", "composite/sobjects", sobject="Opportunity"),
    _salesforce("the account is being written", "hosted_checkout", "composite/sobjects", sobject="Account"),
    _salesforce("the paid page is being written", "hosted_checkout", f"{_RECORD}Payment__c", pays=True),
)
DELAYS = 6


@pytest.mark.timeout(240)
def test_a_service_killed_anywhere_charges_once_and_shows_it(world: World) -> None:
    chance = random.Random(SEED)  # noqa: S311  (repeatable, guards nothing)
    print(f"seed {SEED}: {len(POINTS)} places and {DELAYS} moments to die at")  # noqa: T201  (to repeat a failure)
    world.stack.start_service()
    for point in POINTS:
        _die(world, point.name, partial(_at, world, point))
    for _ in range(DELAYS):
        method = chance.choice(["off_session", "hosted_checkout"])
        moment = chance.uniform(0, 0.4)
        _die(world, f"{moment * 1000:.0f} ms after the request", partial(_after, world, method, moment))
    took = drain(world)
    audit(world)
    print(f"drained {took:.1f} s after the last start")  # noqa: T201  (to repeat a failure)
    assert len(world.stack.services) == len(POINTS) + DELAYS + 1 >= 26


def _die(world: World, name: str, meet: Callable[[], None]) -> None:
    began = time.monotonic()
    try:
        meet()
    except AssertionError as error:
        pytest.fail(f"never came to where {name}: {error}\n{world.left()}")
    world.service.kill()
    world.calm()
    world.stack.start_service()
    print(f"  killed where {name}; up again {time.monotonic() - began:.1f} s later")  # noqa: T201  (to repeat a failure)


def _at(world: World, point: Point) -> None:
    action = world.sell(point.method)
    if point.pays:
        world.ask(action)
        _arm(world, point, lambda: world.pay(action))
    else:
        _arm(world, point, lambda: world.ask(action))


def _arm(world: World, point: Point, cause: Callable[[], None]) -> None:
    world.strike(point.vendor, **point.fault)
    cause()
    wait_for(point.name, lambda: world.struck(f"/{point.vendor}"))


def _after(world: World, method: str, seconds: float) -> None:
    action: Action = world.sell(method)
    world.ask(action)
    time.sleep(seconds)  # the moment is the point of it
