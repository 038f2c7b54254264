"""PostgreSQL crashes and comes back, again and again, while sales are made: nothing is lost and nothing done twice."""

from collections.abc import Iterator

import pytest

from tests.simulation.audit import audit, drain
from tests.simulation.world import World, running_world, wait_for
from tests.support.postgres import short_folder
from tests.support.postmaster import Postmaster, running_postmaster

ROLES = ("worker", "subscriber", "grpc")
DRAIN_SECONDS = 90


@pytest.fixture(scope="module")
def server() -> Iterator[Postmaster]:
    with short_folder() as folder, running_postmaster(folder) as it:
        yield it


@pytest.fixture(scope="module")
def world(server: Postmaster) -> Iterator[World]:
    with short_folder() as folder, running_world(folder, server.url) as it:
        it.stack.start_service(["web"], name="web")
        for _ in range(2):
            it.stack.start_service(ROLES, name="replica")
        yield it


def _charged(world: World) -> int:
    return len(world.control.created_at_stripe("/v1/payment_intents"))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("when", ["as requests come", "in commands", "in deliveries"])
def test_a_crash_of_the_database_is_survived(world: World, server: Postmaster, when: str) -> None:
    before = _charged(world)
    sales = [world.sell("off_session") for _ in range(4)] + [world.sell("hosted_checkout") for _ in range(2)]
    if when == "in commands":
        hang = {"method": "POST", "path": "/v1/payment_intents", "fault": "hang", "ms": 1000, "after_effect": True}
        world.strike("stripe/faults", **hang, times=3)
    if when == "in deliveries":
        delay = {"path_prefix": "/services/data/v66.0/composite", "fault": "delay", "ms": 500}
        world.strike("salesforce/faults", **delay, times=2)
    for sale in sales[:3]:
        world.ask(sale)
    if when == "in commands":
        wait_for("calls under way", lambda: world.struck("/stripe/faults"))
    elif when == "in deliveries":
        wait_for("writes under way", lambda: world.struck("/salesforce/faults"))
    else:
        wait_for("the first charge", lambda: _charged(world) > before)
    server.crash()
    # The vendors go on: events are published, and webhooks are refused and sent again.
    for sale in sales[3:]:
        world.ask(sale)
    server.start()
    world.calm()
    server.crash()  # and once more, while everybody connects again
    server.start()
    for sale in sales[4:]:
        world.pay(sale, seconds=DRAIN_SECONDS)
    drain(world, seconds=DRAIN_SECONDS)
    assert all(one.running for one in world.stack.services), "no process had to be started anew"
    audit(world)
