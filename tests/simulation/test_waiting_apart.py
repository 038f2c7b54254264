"""Two replicas: one record's requests wait for each other and for nobody else; a limit holds all, a lock only its own.

And when Stripe is out, nothing but time is needed afterwards.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from deploy.demo.outside import TOPIC_OBJECT
from tests.simulation.audit import audit, drain
from tests.simulation.world import Action, World, rows_of, wait_for

ROLES = ("worker", "subscriber", "grpc")
_ACCOUNT = "acme"
# A hold is longer than this, and what a process leased before it may come this much earlier: service/rates.
_PAUSE_MS, _LEASED_MS = 900, 500


@pytest.fixture(scope="module")
def replicas(world: World) -> World:
    world.stack.start_service(["web"], name="web")
    for _ in range(2):
        world.stack.start_service(ROLES, name="replica")
    return world


@pytest.fixture
def sold(replicas: World) -> list[Action]:
    """Four payments made, of four records; the first is the one that Stripe will be slow with."""
    sales = [replicas.sell("off_session") for _ in range(4)]
    for sale in sales:
        replicas.ask(sale)
    drain(replicas)
    audit(replicas)
    replicas.actions.clear()  # what follows is more than one request for each
    return sales


def _refund(world: World, sale: Action, *versions: str) -> None:
    for version in versions:
        wish = {
            "Operation__c": "refund_payment",
            "Record_Id__c": sale.record_id,
            "Amount__c": 10,
            "Version__c": version,
        }
        world.salesforce.create(TOPIC_OBJECT, **wish)


def _refunds(world: World, sales: Sequence[Action]) -> list[dict[str, Any]]:
    """Return the refund requests of records in the order in which they were asked, each with its call to Stripe."""
    records = ", ".join(f"'{sale.record_id}'" for sale in sales)
    query = (
        "SELECT business_version, state, begun_at, settled_at FROM commands LEFT JOIN calls ON command_id = commands.id"
    )
    which = f"operation = 'refund_payment' AND record_id IN ({records})"
    return rows_of(world.database_url, f"{query} WHERE {which} ORDER BY record_id, business_version")


def _all_done(world: World, sales: Sequence[Action], count: int) -> bool:
    return [row["state"] for row in _refunds(world, sales)] == ["SUCCEEDED"] * count


def _intent(world: World, sale: Action) -> str:
    return str(world.salesforce.get("Opportunity", sale.record_id)["Stripe_Payment_Intent_Id__c"])


def _tasks(world: World, sale: Action) -> list[tuple[str, int]]:
    """Return state and attempts of a record's tasks, oldest first."""
    query = f"SELECT status, attempts FROM procrastinate_jobs WHERE lock LIKE '%:{sale.record_id}' ORDER BY id"  # noqa: S608  (ours)
    return [(str(row["status"]), int(row["attempts"])) for row in rows_of(world.database_url, query)]


@pytest.mark.timeout(240)
def test_one_records_requests_go_one_by_one_and_nobody_waits_for_them(replicas: World, sold: list[Action]) -> None:
    world, (slow, *others) = replicas, sold
    world.strike(
        "stripe/faults", method="GET", path=f"/v1/payment_intents/{_intent(world, slow)}", fault="hold", times=-1
    )
    _refund(world, slow, "1", "2", "3", "4")
    wait_for("the slow record's requests", lambda: len(_tasks(world, slow)) == 4)
    for other in others:
        _refund(world, other, "1", "2")
    wait_for("the others' refunds", lambda: _all_done(world, others, 6), 60)
    assert _tasks(world, slow)[1:] == [("todo", 0)] * 3, "the first is under way, and the others have not begun"
    world.calm()
    wait_for("the slow record's refunds", lambda: _all_done(world, [slow], 4), 60)
    drain(world)
    for one in sold:
        rows = _refunds(world, [one])
        for before, after in pairwise(rows):
            assert before["settled_at"] <= after["begun_at"], "one at a time, in the order in which they were asked"
        made = world.stripe.v1.refunds.list({"payment_intent": _intent(world, one)}).data
        assert [refund.amount for refund in made] == [1000] * len(rows)
    audit(world)


@pytest.mark.timeout(240)
def test_a_lock_of_stripes_holds_its_record_and_a_limit_holds_everybody(replicas: World, sold: list[Action]) -> None:
    world, (slow, *others) = replicas, sold
    path = {"method": "GET", "path": f"/v1/payment_intents/{_intent(world, slow)}", "fault": "status", "status": 429}
    world.strike("stripe/faults", **path, code="lock_timeout", times=-1)
    _refund(world, slow, "1")
    wait_for("a second try", lambda: [attempts for _, attempts in _tasks(world, slow)] >= [2])
    _refund(world, others[0], "1")
    wait_for("another's refund", lambda: _all_done(world, others[:1], 1))
    assert not _all_done(world, [slow], 1)
    world.calm()
    seen = [row for row in _asked(world) if row["status"] == 429]
    assert len(seen) >= 2
    assert _held_until(world).timestamp() * 1000 < seen[-1]["at_ms"] + _PAUSE_MS, "nobody was held"
    wait_for("the locked one", lambda: _all_done(world, [slow], 1), 60)
    drain(world)

    world.strike("stripe/faults", **path, code="rate_limit")
    _refund(world, slow, "2")
    wait_for("the limit to be told", lambda: [attempts for _, attempts in _tasks(world, slow)] >= [1])
    held = _held_until(world).timestamp() * 1000
    [limited] = [row for row in _asked(world) if row["status"] == 429][len(seen) :]
    assert held >= limited["at_ms"] + _PAUSE_MS
    for other in others:
        _refund(world, other, "2")
    wait_for("all of them", lambda: _all_done(world, others[1:], 2) and _all_done(world, [slow], 2), 60)
    later = [row["began_ms"] for row in _asked(world) if row["began_ms"] > limited["at_ms"]]
    assert later
    assert min(later) >= held - _LEASED_MS, "no replica asked before the pause was over"
    drain(world)
    audit(world)


def _held_until(world: World) -> datetime:
    """Return when the account's next turn is free."""
    query = f"SELECT free_at FROM rate_limits WHERE scope = '{_ACCOUNT}'"  # noqa: S608  (ours)
    found: datetime = rows_of(world.database_url, query)[0]["free_at"]
    return found


def _asked(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.control.get("/stripe/requests")["requests"]
    return found


@pytest.mark.timeout(240)
def test_when_stripe_is_back_everything_goes_on_by_itself(replicas: World) -> None:
    world = replicas
    sales = [world.sell(method) for method in ("off_session", "hosted_checkout", "unconfirmed", "off_session")]
    world.strike("stripe/faults", fault="status", status=503, times=-1)
    for sale in sales:
        world.ask(sale)
    wait_for("two tries of each", lambda: all(_tried_twice(world, sale) for sale in sales), 60)
    world.calm()
    drain(world)
    audit(world)


def _tried_twice(world: World, sale: Action) -> bool:
    return [attempts for _, attempts in _tasks(world, sale)] >= [2]
