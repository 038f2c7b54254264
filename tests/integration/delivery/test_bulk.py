"""Loads of unrelated records go in bulk, each row with its own result, whoever dies on the way."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from service.clients import SalesforceApi
from service.clock import SystemClock
from service.delivery import Deliverer
from tests.support.delivery import JOBS, Line, charge, org_settings, payment
from tests.support.waiting import until

LOAD = 1400
SECONDS = timedelta(seconds=40)
pytestmark = pytest.mark.timeout(60)


async def load(line: Line, deliverer: Deliverer, *, bad: int | None = None) -> None:
    """Put more than fits one claim, and step until a job holds the rest."""
    await line.put(
        *(payment(f"pi_{n:05}", Stripe_Status__c="x" * 61 if n == bad else None, Paid_At__c=None) for n in range(LOAD))
    )
    await deliverer.step()
    assert len(await line.rows("bulk_job")) == LOAD
    assert sum(job is not None for (job,) in await line.rows("bulk_job")) > 200


async def finish(line: Line, deliverer: Deliverer) -> None:
    for _ in range(12):
        await line.drain(deliverer)
        line.clock.ahead += SECONDS


def jobs(line: Line) -> list[str]:
    return [f"{call['method']} {call['path'].rpartition('/')[2]}" for call in line.requests("/jobs/ingest")]


async def test_a_load_is_delivered_with_few_calls(line: Line) -> None:
    deliverer = line.deliverer(bulk_above=200)
    await load(line, deliverer, bad=1300)
    await finish(line, deliverer)
    states = await line.states()
    assert {key for key, state in states.items() if state != "delivered"} == {"pi_01300"}
    assert len(await line.held("Stripe_Id__c")) == LOAD - 1
    assert len(line.requests("/jobs/ingest")) + len(line.requests()) <= 10
    (row,) = [row for row in await line.rows("key, error_code, attempts") if row[1]]
    assert row == ("pi_01300", "STRING_TOO_LONG", 1)
    held = [salesforce_id for (salesforce_id,) in await line.rows("salesforce_id") if salesforce_id]
    assert len(set(held)) == LOAD - 1


async def test_lookups_decimals_flags_and_emptied_fields_arrive(line: Line) -> None:
    deliverer = line.deliverer(bulk_above=200)
    await line.put(*(payment(f"pi_{n:05}") for n in range(LOAD)))
    await finish(line, deliverer)
    text = 'one, "two"\nthree'
    await line.put(*(charge(f"ch_{n:05}", f"pi_{n:05}", Failure_Message__c=text) for n in range(LOAD)))
    await finish(line, deliverer)
    await line.put(*(charge(f"ch_{n:05}", f"pi_{n:05}", Failure_Message__c=None) for n in range(LOAD)))
    before = await line.held("Stripe_Id__c, Failure_Message__c, Captured__c, Payment__r.Stripe_Id__c", "Charge__c")
    assert len(before) == LOAD
    assert {(row["Failure_Message__c"], row["Captured__c"]) for row in before} == {(text, True)}
    assert all(row["Payment__r"]["Stripe_Id__c"][3:] == row["Stripe_Id__c"][3:] for row in before)
    await finish(line, deliverer)
    assert {row["Failure_Message__c"] for row in await line.held("Failure_Message__c", "Charge__c")} == {None}
    assert jobs(line).count("POST ingest") == 3


async def test_what_is_put_while_a_job_runs_is_sent_afterwards(line: Line) -> None:
    deliverer = line.deliverer(bulk_above=200)
    await load(line, deliverer)
    key = next(key for key, job in await line.rows("key, bulk_job") if job)
    await deliverer.step()
    await line.put(payment(key, Stripe_Status__c="newer"))
    assert (await line.states())[key] == "waiting"
    await finish(line, deliverer)
    assert set((await line.states()).values()) == {"delivered"}
    assert [row for row in await line.held("Stripe_Id__c, Stripe_Status__c") if row["Stripe_Status__c"]] == [
        {"Stripe_Id__c": key, "Stripe_Status__c": "newer"}
    ]


@pytest.mark.parametrize("stage", ["POST", "PUT", "PATCH", "GET"])
@pytest.mark.parametrize("kind", ["killed", "disconnect", "after_effect_disconnect"])
async def test_whoever_dies_between_two_stages_is_replaced(line: Line, stage: str, kind: str) -> None:
    first = line.deliverer("first", bulk_above=200)
    await load(line, first)
    if kind == "killed":
        line.fault("delay", ms=600, method=stage, path_prefix=JOBS)
        for _ in range(3):
            with suppress(TimeoutError):
                await asyncio.wait_for(first.step(), 0.4)
        # The call that was on the wire ends without anybody to hear of it.
        await until(lambda: any(call["fault"] for call in line.requests("/jobs/ingest")))
    else:
        line.fault(kind, method=stage, path_prefix=JOBS)
        await first.step()
        await first.step()
    # From here on the first one is gone; another process goes on, with what is stored.
    other = SalesforceApi("main", org_settings(line.sandbox), SystemClock())
    line.clock.ahead += timedelta(minutes=5)
    second = line.deliverer("second", api=other, bulk_above=200)
    await finish(line, second)
    other.close()
    assert set((await line.states()).values()) == {"delivered"}
    assert len(await line.held("Stripe_Id__c")) == LOAD
    async with line.database.read() as tx:
        assert (await tx.exec_driver_sql("SELECT count(*) FROM bulk_jobs")).scalar_one() == 0


async def test_rows_a_failed_job_left_are_delivered_all_the_same(line: Line) -> None:
    deliverer = line.deliverer(bulk_above=200)
    await load(line, deliverer)
    line.fault("bulk_failure", rows=10, method="GET", path_prefix=JOBS)
    await finish(line, deliverer)
    assert set((await line.states()).values()) == {"delivered"}


async def test_an_org_without_the_bulk_api_gets_its_records_the_usual_way(line: Line) -> None:
    line.fault("status", status=400, error_code="API_DISABLED_FOR_ORG", path_prefix=JOBS, times=-1)
    deliverer = line.deliverer(bulk_above=200)
    await load(line, deliverer)
    await finish(line, deliverer)
    assert set((await line.states()).values()) == {"delivered"}
    assert jobs(line) == ["POST ingest"]


async def test_records_of_one_lane_do_not_go_in_bulk(line: Line) -> None:
    deliverer = line.deliverer(bulk_above=200)
    await line.put(*(payment(f"pi_{n:05}", lane="one") for n in range(LOAD)))
    await finish(line, deliverer)
    assert set((await line.states()).values()) == {"delivered"}
    assert jobs(line) == []
