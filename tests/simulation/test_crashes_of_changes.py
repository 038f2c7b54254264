"""Opportunities and Orders ask by themselves while the process dies and Salesforce tells of changes badly.

Gaps, overflows, copies, a lost position, a silent stream, and SIGKILL wherever something is half done: each record that
meets its rule has one effect in Stripe and one outcome in Salesforce, and the others have none.
"""

import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.stack import PACKAGE
from tests.simulation.audit import at_stripe, audit, drain
from tests.simulation.world import CARD, Action, World, rows_of, running_world, wait_for
from tests.support.postgres import drop_database, fresh_database, short_folder

SEED = 20261124
SALES, FAULTS, MOMENTS = 8, 6, 2
_YESTERDAY = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
_PAGE_TYPE, _OTHER_TYPE = "Existing Business", "Other"
_TOPICS = {one: f"/data/{one}ChangeEvent" for one in ("Opportunity", "Order")}


def _rule(name: str, when: str, method: str, **condition: Any) -> dict[str, Any]:
    ask = {"operation": "create_payment", "arguments": {"method": method}}
    return {"name": name, "when": when, "not_before": _YESTERDAY, "if": condition, "ask": ask}


RULES = [
    _rule("charge-won", "won", "off_session", Type=[None, "New Business"]),
    _rule("page-for-won", "won", "hosted_checkout", Type=_PAGE_TYPE),
    _rule("charge-activated", "activated", "off_session"),
]


@dataclass(frozen=True)
class Point:
    """A place to die at while a record asks: a vendor's call that is held back, and how Salesforce tells the change.

    `change`: a fault of Change Data Capture; `stream`: one of the stream; `reads`: queries that come before.
    """

    name: str
    sobject: str
    vendor: str
    fault: dict[str, Any]
    change: str | None = None
    stream: dict[str, Any] | None = None
    reads: int = 0


_QUERY = {"method": "GET", "path_prefix": "/services/data/v66.0/query", "fault": "delay", "ms": 500}
_WRITE = {"path_prefix": "/services/data/v66.0/composite/sobjects", "fault": "delay", "ms": 500}
_CHARGE = {"method": "POST", "path": "/v1/payment_intents", "fault": "hang", "ms": 5000}
_AFTER = {"after_effect": True}
_LOST = {"fault": "expired_replay_id", "purge": True}
POINTS = (
    Point("the changed record is being read", "Opportunity", "salesforce", _QUERY),
    Point("its terms are being read", "Order", "salesforce", _QUERY, reads=1),
    Point("the charge is asked for after a gap event", "Opportunity", "stripe", _CHARGE, "gap"),
    Point("the card is charged", "Order", "stripe", _CHARGE | _AFTER, stream={"fault": "duplicate", "times": 3}),
    Point(
        "the card is charged and the line cut after an overflow",
        "Order",
        "stripe",
        _CHARGE | _AFTER | {"ms": 0},
        "overflow",
    ),
    Point("the records of an overflow are being read", "Opportunity", "salesforce", _QUERY, "overflow"),
    Point("the records of a lost stretch are being read", "Order", "salesforce", _QUERY, stream=_LOST),
    Point("the record is being written", "Order", "salesforce", _WRITE | {"sobject": "Order"}),
)


@pytest.fixture(scope="module")
def world(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Without the Flow that publishes an event when an Opportunity is won."""
    package = Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("package") / "force-app"))
    shutil.rmtree(package / "main/default/flows")
    url = fresh_database(postgres_url)
    with short_folder() as folder, running_world(folder, url, package=package, org={"changes": RULES}) as it:
        it.control.post("/salesforce/changes", entities=["Opportunity", "Order"])
        it.stack.start_service()
        yield it
    drop_database(postgres_url, url)


@pytest.mark.timeout(300)
def test_killed_anywhere_each_record_that_asks_by_itself_is_paid_once(world: World) -> None:
    idle = [_not_meant(world) for _ in range(2)]
    for point in POINTS:
        action = world.sell("off_session") if point.sobject == "Opportunity" else world.order()
        drain(world)
        _strike(world, point)
        world.turn(action)
        wait_for(point.name, partial(world.struck, f"/{point.vendor}/faults"))
        _die(world)
    _all_asked(world)
    audit(world)
    _nothing_for(world, idle)


@pytest.mark.timeout(300)
def test_however_badly_changes_are_told_each_record_asks_once(world: World) -> None:
    print(f"seed {SEED}")  # noqa: T201  (to repeat a failure)
    chance = random.Random(SEED)  # noqa: S311  (repeatable, guards nothing)
    sales = [_sale(world, chance) for _ in range(SALES)]
    idle = [_not_meant(world), *(world.order().record_id for _ in range(1))]
    del world.actions[-1]  # a draft
    steps = [partial(world.turn, sale) for sale in sales] + [partial(_touch, world, sale) for sale in sales]
    steps += [partial(_misbehave, world, chance) for _ in range(FAULTS)]
    steps += [partial(_die, world) for _ in range(MOMENTS)]
    chance.shuffle(steps)
    for step in steps:
        step()
        time.sleep(chance.uniform(0, 0.1))  # the moment is the point of it
    world.calm()
    for sale in sales:
        if sale.method == "hosted_checkout":
            world.pay(sale)
    _all_asked(world)
    audit(world)
    _nothing_for(world, idle)


def _sale(world: World, chance: random.Random) -> Action:
    kind = chance.choice(["Opportunity", "Order", "page"])
    if kind == "Order":
        return world.order()
    action = world.sell("hosted_checkout" if kind == "page" else "off_session", card=CARD)
    if kind == "page":
        world.salesforce.change("Opportunity", action.record_id, Type=_PAGE_TYPE)
    return action


def _not_meant(world: World) -> str:
    """Win an opportunity that no rule is for; return its id."""
    action = world.sell("off_session")
    world.salesforce.change("Opportunity", action.record_id, Type=_OTHER_TYPE)
    world.turn(action)
    world.actions.remove(action)
    return action.record_id


def _touch(world: World, action: Action) -> None:
    """Change what no rule looks at."""
    world.salesforce.change(action.sobject, action.record_id, Description="Say thank you")


def _strike(world: World, point: Point) -> None:
    for _ in range(point.reads):
        world.strike(f"{point.vendor}/faults", **point.fault | {"ms": 0})
    world.strike(f"{point.vendor}/faults", **point.fault)
    if point.change is not None:
        world.control.post("/salesforce/changes/faults", fault=point.change, sobject=point.sobject)
    if point.stream is not None:
        world.strike("pubsub/faults", topic=_TOPICS[point.sobject], **point.stream)


def _misbehave(world: World, chance: random.Random) -> None:
    sobject = chance.choice(list(_TOPICS))
    if chance.random() < 0.5:
        kind = chance.choice(["gap", "overflow"])
        print(f"  {kind} of {sobject}")  # noqa: T201  (to repeat a failure)
        world.control.post("/salesforce/changes/faults", fault=kind, sobject=sobject)
    else:
        fault = chance.choice(["duplicate", "goaway", "silence", "disconnect", "expired_replay_id", "expired_token"])
        print(f"  {fault} in {sobject}")  # noqa: T201  (to repeat a failure)
        more = {"purge": True} if fault == "expired_replay_id" else {}
        world.strike("pubsub/faults", fault=fault, topic=_TOPICS[sobject], **more)


def _die(world: World) -> None:
    world.service.kill()
    world.calm()
    world.stack.start_service()


def _all_asked(world: World) -> None:
    """Wait until every record that meets its rule has asked, and all that follows is done."""
    wanted = {action.record_id for action in world.actions}

    def asked() -> bool:
        return wanted <= {row["record_id"] for row in rows_of(world.database_url, "SELECT record_id FROM commands")}

    try:
        wait_for("every record to ask", asked, 60)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{world.left()}") from None
    drain(world)


def _nothing_for(world: World, records: list[str]) -> None:
    made = {one["metadata"].get("salesforce_record_id") for one in at_stripe(world)["payment_intent"].values()}
    asked = {row["record_id"] for row in rows_of(world.database_url, "SELECT record_id FROM commands")}
    assert not (made | asked) & set(records)
