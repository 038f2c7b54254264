"""Each way Salesforce can refuse, limit or fail, and what becomes of the records: none lost, none held for another."""

import asyncio
from datetime import timedelta

import pytest

from service.clients import SalesforceApi
from service.clock import SystemClock
from tests.support.delivery import Line, charge, org_settings, payment

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.timeout(60)


async def test_parents_and_children_of_many_payments_share_one_call(line: Line) -> None:
    await line.put(*(charge(f"ch_{n:03}", f"pi_{n:03}") for n in range(150)))
    await line.put(*(payment(f"pi_{n:03}") for n in range(150)))
    await line.drain(line.deliverer())
    assert set((await line.states()).values()) == {"delivered"}
    assert [(call["records"], len(call["subrequests"])) for call in line.requests()] == [(300, 2)]
    charges = await line.held("Stripe_Id__c, Payment__r.Stripe_Id__c", "Charge__c")
    assert len(charges) == 150
    assert {row["Stripe_Id__c"][3:] == row["Payment__r"]["Stripe_Id__c"][3:] for row in charges} == {True}


async def test_unchanged_content_is_not_sent_and_changes_are_folded(line: Line) -> None:
    deliverer = line.deliverer()
    await line.put(payment("pi_1"))
    await line.drain(deliverer)
    assert await line.put(payment("pi_1")) == 0
    for number in range(10):
        await line.put(payment("pi_1", Stripe_Status__c=str(number)))
    await line.drain(deliverer)
    assert len(line.requests()) == 2
    assert (await line.held("Stripe_Status__c"))[0]["Stripe_Status__c"] == "9"


async def test_a_locked_record_is_tried_alone_after_a_pause_and_holds_nobody(line: Line) -> None:
    line.fault("row_lock", sobject="Payment__c", values=["pi_2"], times=2)
    await line.put(*(payment(f"pi_{n}") for n in range(1, 4)), charge("ch_1", "pi_1"), charge("ch_2", "pi_2"))
    deliverer = line.deliverer()
    await line.drain(deliverer)
    states = await line.states()
    assert [key for key, state in states.items() if state == "waiting"] == ["ch_2", "pi_2"]
    # Only the locked record has an attempt against it; its child was not sent in vain for long.
    assert dict(await line.rows("key, attempts"))["pi_2"] == 1
    line.clock.ahead += MINUTE
    await line.put(payment("pi_3", Stripe_Status__c="x"))
    await line.drain(deliverer)
    line.clock.ahead += MINUTE
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}
    assert [call["records"] for call in line.requests()][1:3] == [1, 1]


async def test_a_wrapped_lock_passes_and_a_rule_does_not(line: Line) -> None:
    lock = "Flow X: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record"
    line.fault("record_error", error_code="CANNOT_EXECUTE_FLOW_TRIGGER", message=lock, values=["pi_1"])
    await line.put(payment("pi_1"))
    deliverer = line.deliverer()
    await line.drain(deliverer)
    assert await line.rows("state, error_reason") == [("waiting", "SALESFORCE_LOCKED")]
    line.clock.ahead += MINUTE
    line.fault("record_error", error_code="CANNOT_EXECUTE_FLOW_TRIGGER", message="no stage", values=["pi_1"])
    await line.drain(deliverer)
    assert await line.rows("state, error_reason") == [("dead", "SALESFORCE_REJECTED")]


async def test_collateral_errors_are_repeated_at_once_without_the_culprit(line: Line) -> None:
    line.fault("record_error", error_code="ALL_OR_NONE_OPERATION_ROLLED_BACK", message="", values=["pi_1", "pi_2"])
    await line.put(payment("pi_1"), payment("pi_2"))
    await line.drain(line.deliverer())
    assert set((await line.states()).values()) == {"delivered"}


async def test_two_writers_of_one_record_a_duplicate_is_repeated_once(line: Line) -> None:
    message = "duplicate value found: Stripe_Id__c duplicates value on record with id: a0x"
    await line.put(payment("pi_1"))
    line.fault("record_error", error_code="DUPLICATE_VALUE", message=message, values=["pi_1"])
    deliverer = line.deliverer()
    await line.drain(deliverer)
    assert await line.states() == {"pi_1": "delivered"}
    line.fault("record_error", error_code="DUPLICATE_VALUE", message=message, values=["pi_2"], times=-1)
    await line.put(payment("pi_2"))
    await line.drain(deliverer)
    assert (await line.rows("key, state, attempts"))[1] == ("pi_2", "dead", 2)


async def test_a_poisoned_record_holds_its_own_lane_only(line: Line) -> None:
    await line.put(*(payment(f"pi_{n:03}", Stripe_Status__c="x" * (61 if n == 77 else 5)) for n in range(200)))
    await line.put(charge("ch_1", "pi_077"), charge("ch_2", "pi_078"))
    deliverer = line.deliverer()
    await line.drain(deliverer)
    left = {key: state for key, state in (await line.states()).items() if state != "delivered"}
    assert left == {"pi_077": "dead", "ch_1": "waiting"}
    assert dict(await line.rows("key, attempts"))["ch_1"] == 0
    assert len(line.requests()) == 1


async def test_a_call_refused_as_a_whole_is_halved_until_the_culprit_is_alone(line: Line) -> None:
    await line.put(*(payment(f"pi_{n:03}") for n in range(64)))
    await line.put(payment("pi_999", Amount__c=["not", "a", "number"]))
    await line.drain(line.deliverer())
    states = await line.states()
    assert {key for key, state in states.items() if state != "delivered"} == {"pi_999"}
    assert states["pi_999"] == "dead"
    assert len(line.requests()) < 20


async def test_an_outage_burns_no_attempt_and_pauses_the_org(line: Line) -> None:
    line.fault("status", status=503, times=-1)
    await line.put(*(payment(f"pi_{n}") for n in range(20)))
    deliverer = line.deliverer(attempts_limit=2)
    for _ in range(12):
        await line.drain(deliverer)
        line.clock.ahead += MINUTE
    assert set(await line.rows("state, attempts, error_reason")) == {("waiting", 0, "SALESFORCE_UNAVAILABLE")}
    assert len(line.requests()) <= 12
    line.sandbox.control("DELETE", "/salesforce/faults")
    for _ in range(6):
        await line.drain(deliverer)
        line.clock.ahead += MINUTE
    assert set((await line.states()).values()) == {"delivered"}


async def test_a_record_salesforce_stumbles_over_is_left_alone_in_the_end(line: Line) -> None:
    line.fault("status", status=500, sobject="Charge__c", times=-1)
    await line.put(*(payment(f"pi_{n}") for n in range(40)), charge("ch_1", "pi_7"))
    deliverer = line.deliverer()
    for _ in range(15):
        await line.drain(deliverer)
        line.clock.ahead += timedelta(seconds=31)
    waiting = {key for key, state in (await line.states()).items() if state != "delivered"}
    assert waiting == {"ch_1"}


async def test_the_daily_limit_waits_for_hours_the_concurrent_one_for_seconds(line: Line) -> None:
    line.fault("request_limit", message="ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
    await line.put(payment("pi_1"))
    deliverer = line.deliverer(attempts_limit=2)
    await line.drain(deliverer)
    line.clock.ahead += timedelta(seconds=8)
    await line.drain(deliverer)
    assert await line.states() == {"pi_1": "delivered"}
    await line.put(payment("pi_1", Stripe_Status__c="x"))
    line.fault("request_limit", times=-1)
    calls = len(line.requests())
    for _ in range(60):
        await line.drain(deliverer)
        line.clock.ahead += 4 * MINUTE
    assert 2 <= len(line.requests()) - calls <= 8
    assert await line.rows("state, attempts, error_reason") == [("waiting", 0, "SALESFORCE_LIMIT")]
    line.sandbox.control("DELETE", "/salesforce/faults")
    line.clock.ahead += timedelta(hours=1, minutes=20)
    await line.drain(deliverer)
    assert await line.states() == {"pi_1": "delivered"}


async def test_when_the_share_runs_low_money_goes_first_and_then_nothing(line: Line) -> None:
    deliverer = line.deliverer(api_share_percent=50)
    line.sandbox.control("POST", "/salesforce/settings", {"daily_api_requests": 20, "api_calls": 0})
    for number in range(8):
        await line.put(payment("pi_1", Stripe_Status__c=str(number)))
        await deliverer.step()
    await line.put(payment("pi_2"), charge("ch_1", "pi_1"))
    await line.drain(deliverer)
    assert await line.states() == {"ch_1": "waiting", "pi_1": "delivered", "pi_2": "delivered"}
    for number in range(8):
        await line.put(payment("pi_3", Stripe_Status__c=str(number)))
        await deliverer.step()
    assert 8 <= len(line.requests()) <= 10
    assert (await line.states())["pi_3"] == "waiting"
    assert {attempts for (attempts,) in await line.rows("attempts")} == {0}
    line.clock.ahead += timedelta(hours=25)
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}


async def test_a_permission_is_waited_for_slowly_and_one_success_frees_all(line: Line) -> None:
    line.fault("record_error", error_code="INSUFFICIENT_ACCESS_OR_READONLY", message="", sobject="Payment__c", times=-1)
    await line.put(*(payment(f"pi_{n}") for n in range(5)))
    deliverer = line.deliverer()
    for _ in range(4):
        await line.drain(deliverer)
        line.clock.ahead += timedelta(seconds=20)
    assert {attempts for (attempts,) in await line.rows("attempts")} == {1}
    line.sandbox.control("DELETE", "/salesforce/faults")
    await line.put(payment("pi_0", Stripe_Status__c="new"))
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}


async def test_the_dead_of_one_cause_are_probed_by_one_and_freed_together(line: Line) -> None:
    line.fault("record_error", error_code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no", times=-1)
    await line.put(*(payment(f"pi_{n}") for n in range(5)))
    deliverer = line.deliverer()
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"dead"}
    calls = len(line.requests())
    line.clock.ahead += timedelta(minutes=16)
    await line.drain(deliverer)
    assert [call["records"] for call in line.requests()[calls:]] == [1]
    assert set((await line.states()).values()) == {"dead"}
    line.sandbox.control("DELETE", "/salesforce/faults")
    line.clock.ahead += timedelta(minutes=31)
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}


async def test_of_one_lane_two_replicas_never_have_records_on_their_way_together(line: Line) -> None:
    line.fault("delay", ms=300, times=-1)
    other = SalesforceApi("main", org_settings(line.sandbox), SystemClock())
    await line.put(*(payment(f"pi_{n}", lane="one") for n in range(4)))
    first, second = line.deliverer("a"), line.deliverer("b", api=other)
    sending = asyncio.create_task(first.step())
    deadline = asyncio.get_running_loop().time() + 5
    while not any(held for (held,) in await line.rows("leased_by")):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    await line.put(payment("pi_9", lane="one"), payment("pi_8", lane="two"))
    assert await second.step() == 1
    assert (await line.states())["pi_8"] == "delivered"
    assert (await line.states())["pi_9"] == "waiting"
    await sending
    assert await second.step() == 1
    other.close()


async def test_a_call_longer_than_the_lease_keeps_its_lane(line: Line) -> None:
    line.fault("delay", ms=2500)
    other = SalesforceApi("main", org_settings(line.sandbox), SystemClock())
    await line.put(payment("pi_1"))
    first = line.deliverer("a", lease=timedelta(seconds=0.6))
    second = line.deliverer("b", api=other, lease=timedelta(seconds=0.6))
    sending = asyncio.create_task(first.step())
    await asyncio.sleep(0)
    while not sending.done():
        await second.step()
        await asyncio.sleep(0.05)
    assert len(line.requests()) == 1
    other.close()


async def test_an_answer_lost_on_the_way_is_repeated_and_changes_nothing(line: Line) -> None:
    line.fault("after_effect_disconnect")
    await line.put(payment("pi_1"), charge("ch_1", "pi_1"))
    deliverer = line.deliverer()
    await line.drain(deliverer)
    line.clock.ahead += MINUTE
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}
    assert len(await line.held("Id")) == len(await line.held("Id", "Charge__c")) == 1


async def test_an_expired_session_is_renewed_once(line: Line) -> None:
    deliverer = line.deliverer()
    await line.put(payment("pi_0"))
    await line.drain(deliverer)
    line.fault("expired_token")
    await line.put(payment("pi_1"))
    await line.drain(deliverer)
    assert set((await line.states()).values()) == {"delivered"}
