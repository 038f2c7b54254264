"""Two replicas on one database: one is killed in the middle of everything, the other goes on within seconds."""

import time
from typing import Any

import pytest

from deploy.demo.stack import Process
from tests.simulation.audit import audit, drain
from tests.simulation.world import World, rows_of, wait_for

BOUND_SECONDS = 30
ROLES = ("worker", "subscriber", "grpc")


def _holder(world: World) -> Process | None:
    """Return the replica that reads the stream: the number of its process is part of its name."""
    names = [str(row["holder"]) for row in rows_of(world.database_url, "SELECT holder FROM streams")]
    alive = [one for one in world.stack.services if one.running]
    return next((one for one in alive for name in names if f":{one.info['pid']}:" in name), None)


def _charged(world: World) -> int:
    return len(world.control.created_at_stripe("/v1/payment_intents"))


@pytest.fixture
def replicas(world: World) -> list[Process]:
    """Give two living replicas, behind one web door that nobody kills."""
    if not world.stack.services:
        world.stack.start_service(["web"], name="web")
    alive = [one for one in world.stack.services[1:] if one.running]
    return alive + [world.stack.start_service(ROLES, name="replica") for _ in range(2 - len(alive))]


@pytest.mark.parametrize("place", ["in commands", "in deliveries", "in fetches", "in the stream"])
def test_the_other_takes_over(world: World, replicas: list[Process], place: str) -> None:
    victim = wait_for("a holder of the stream", lambda: _holder(world))
    assert victim is not None
    other = next(one for one in replicas if one is not victim)
    before = _charged(world)
    sales = [world.sell("off_session") for _ in range(5)] + [world.sell("hosted_checkout") for _ in range(2)]
    vendor, fault = _PLACES[place]
    world.strike(vendor, **fault)
    for sale in sales[:-1]:
        world.ask(sale)
    if place == "in the stream":
        wait_for("the first charge", lambda: _charged(world) > before)
    else:
        wait_for(f"somebody {place}", lambda: world.struck(f"/{vendor}"))
    victim.kill()
    world.calm()
    killed = time.monotonic()
    world.ask(sales[-1])  # and new work comes meanwhile
    wait_for(f"a take-over {place}", lambda: _holder(world) is other, BOUND_SECONDS)
    taken = time.monotonic() - killed
    world.pay(sales[-1])
    drain(world, seconds=BOUND_SECONDS)
    done = time.monotonic() - killed
    print(f"killed {place}: the stream was taken over after {taken:.1f} s, all was done after {done:.1f} s")  # noqa: T201  (to repeat a failure)
    assert done < BOUND_SECONDS, world.left()
    assert other.running
    audit(world)


# Every call that is made is held back, so that both replicas have some under way.
_INTENTS = {"method": "POST", "path": "/v1/payment_intents", "fault": "hang", "ms": 1500, "after_effect": True}
_WRITES = {"path_prefix": "/services/data/v66.0/composite", "fault": "delay", "ms": 500}
_LOOKS = {"method": "GET", "path": "/v1/balance_transactions/*", "fault": "hang", "ms": 1500}
_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "in commands": ("stripe/faults", _INTENTS | {"times": 5}),
    "in deliveries": ("salesforce/faults", _WRITES | {"times": 2}),
    "in fetches": ("stripe/faults", _LOOKS | {"times": 5}),
    "in the stream": ("pubsub/faults", {"fault": "duplicate", "times": 3}),
}
