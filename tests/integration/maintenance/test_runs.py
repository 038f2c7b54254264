"""Sweeps and backfills: page by page, once for all who work on them, resumed where they were, ended when asked."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from service.clients import StripeApi
from service.clock import SystemClock
from service.config import Installation, SecretRef, StripeAccount
from service.db import Database, Wakes
from service.errors import Conflict, InvalidRequest, NotFound, Refused
from service.maintenance.runs import Kind, Run, RunRunner, Runs, State
from tests.integration.maintenance.test_heal import installation
from tests.support.events import ENTITY, event, event_body, intent, running_intake
from tests.support.scripted_vendor import Reply, Request, Vendor, vendor

CLOCK = SystemClock()


@dataclass
class Lists:
    """Stripe's lists, newest first; `fault` is answered instead while it is set."""

    events: list[dict[str, Any]] = field(default_factory=list)
    intents: list[dict[str, Any]] = field(default_factory=list)
    fault: Reply | None = None

    def answer(self, request: Request) -> Reply:
        if self.fault is not None:
            return self.fault
        rows = self.events if request.path.endswith("/events") else self.intents
        after = request.query.get("starting_after", [""])[0]
        start = next((place for place, row in enumerate(rows, 1) if row["id"] == after), 0)
        size = int(request.query["limit"][0])
        page, more = rows[start : start + size], len(rows) > start + size
        return Reply(body={"object": "list", "url": request.path, "has_more": more, "data": page})


@dataclass
class Bench:
    database: Database
    lists: Lists
    stripe: Vendor
    runs: Runs
    runner: RunRunner

    async def state(self, run: Run) -> Run:
        return await self.runs.get(ENTITY, run.id)

    async def work(self, *, steps: int = 100) -> int:
        """Do what is due, and what is due after its pause; return how many steps that were."""
        done = 0
        while done < steps:
            async with self.database.transaction() as tx:
                await tx.execute(text("UPDATE runs SET next_at = created_at WHERE attempts = 0"))
            if not await self.runner.step():
                break
            done += 1
        return done

    async def scalar(self, statement: str) -> Any:
        async with self.database.read() as tx:
            return await tx.scalar(text(statement))


def known() -> Installation:
    return installation()


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    lists = Lists()
    key = tmp_path / "key"
    key.write_text("rk_test_1")
    secret = SecretRef(file=key)
    async with vendor(lists.answer) as stripe:
        account = StripeAccount(livemode=False, secret_key=secret, webhook_secrets=(secret,), api_base=stripe.url)
        api = StripeApi(ENTITY, account, CLOCK)
        wakes = Wakes(database.url)
        runner = RunRunner(
            database,
            wakes,
            CLOCK,
            stripe={ENTITY: api},
            installation=known(),
            lease=timedelta(seconds=60),
            sweep_every=timedelta(hours=1),
        )
        yield Bench(database, lists, stripe, Runs(database, wakes, CLOCK, known()), runner)
        api.close()


def told(number: int) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(event_body(f"evt_{number}", intent(f"pi_{number}")))
    return body


async def test_a_sweep_takes_in_only_what_never_arrived(bench: Bench) -> None:
    bench.lists.events = [told(number) for number in range(250)]
    bench.lists.events[7]["data"]["object"]["object"] = "unheard_of"
    async with running_intake(bench.database) as intake:
        for number in range(0, 250, 2):
            await intake.receive(event(f"evt_{number}", intent(f"pi_{number}")))
    run = await bench.runs.start_sweep(ENTITY, since=None, who="ada")
    assert await bench.work() == 3
    ended = await bench.state(run)
    assert (ended.state, ended.seen, ended.found, ended.requested_by) == (State.SUCCEEDED, 250, 124, "ada")
    assert await bench.scalar("SELECT count(*) FROM inbox") == 249
    assert await bench.scalar("SELECT count(*) FROM mirror WHERE object_type = 'payment_intent'") == 249
    again = await bench.runs.start_sweep(ENTITY, since=None, who=None)
    await bench.work()
    assert (await bench.state(again)).found == 0


async def test_a_step_that_was_not_noted_is_done_again_and_changes_nothing_twice(bench: Bench) -> None:
    bench.lists.intents = [intent(f"pi_{number}") for number in range(150)]
    run = await bench.runs.start_backfill(ENTITY, object_types=["payment_intent"], since=None, until=None, who=None)
    assert await bench.work(steps=1) == 1
    assert (await bench.state(run)).after == "pi_99"
    bench.lists.fault = Reply(gone=True)  # as if killed: nothing of this step is kept
    await bench.work(steps=1)
    waiting = await bench.state(run)
    assert (waiting.after, waiting.attempts, waiting.reason) == ("pi_99", 1, "STRIPE_UNAVAILABLE")
    assert await bench.work() == 0  # it waits its pause out
    bench.lists.fault = None
    async with bench.database.transaction() as tx:
        await tx.execute(text("UPDATE runs SET next_at = created_at"))
    await bench.work()
    ended = await bench.state(run)
    assert (ended.state, ended.seen, ended.reason) == (State.SUCCEEDED, 150, None)
    assert await bench.scalar("SELECT count(*) FROM mirror WHERE version = 1") == 150


async def test_a_run_that_is_ended_or_taken_over_keeps_nothing_of_its_step(bench: Bench) -> None:
    bench.lists.intents = [intent("pi_1")]
    run = await bench.runs.start_backfill(ENTITY, object_types=["payment_intent"], since=None, until=None, who=None)

    async def cancelled() -> None:
        await bench.runs.cancel(ENTITY, run.id)

    reply = bench.lists.answer
    bench.stripe.answer = lambda request: Reply(body=reply(request).body, wait=cancelled)
    assert await bench.runner.step() == 1
    ended = await bench.runs.cancel(ENTITY, run.id)
    assert (ended.state, ended.seen) == (State.CANCELLED, 0)
    assert await bench.scalar("SELECT count(*) FROM mirror") == 0


async def test_what_stripe_refuses_ends_the_run(bench: Bench) -> None:
    error = {"error": {"type": "invalid_request_error", "message": "no"}}
    bench.lists.fault = Reply(status=403, body=error)
    run = await bench.runs.start_backfill(ENTITY, object_types=["charge"], since=None, until=None, who=None)
    await bench.work()
    ended = await bench.state(run)
    assert (ended.state, ended.reason) == (State.FAILED, "STRIPE_DENIED")


async def test_one_of_each_kind_at_a_time_and_one_run_a_request(bench: Bench) -> None:
    run = await bench.runs.start_sweep(ENTITY, since=None, who=None, request_id="r")
    assert (await bench.runs.start_sweep(ENTITY, since=None, who=None, request_id="r")).id == run.id
    with pytest.raises(Refused) as refused:
        await bench.runs.start_sweep(ENTITY, since=None, who=None)
    assert (refused.value.reason, refused.value.metadata) == ("RUN_UNDER_WAY", {"run_id": run.id})
    with pytest.raises(Conflict):
        await bench.runs.start_backfill(ENTITY, object_types=(), since=None, until=None, who=None, request_id="r")
    await bench.runs.start_backfill(ENTITY, object_types=(), since=None, until=None, who=None)


async def test_what_makes_no_sense_is_refused(bench: Bench) -> None:
    now = CLOCK.now()
    with pytest.raises(InvalidRequest, match="30 days"):
        await bench.runs.start_sweep(ENTITY, since=now - timedelta(days=31), who=None)
    with pytest.raises(InvalidRequest) as wrong:
        await bench.runs.start_backfill(
            ENTITY, object_types=["charge", "sundial", "charge"], since=now, until=now - timedelta(days=1), who=None
        )
    assert [one.field for one in wrong.value.violations] == ["object_types[1]", "object_types[2]", "start_time"]
    with pytest.raises(NotFound):
        await bench.runs.start_sweep("nobody", since=None, who=None)


async def test_the_service_sweeps_by_itself_from_its_first_start_on(bench: Bench) -> None:
    await bench.runner.schedule()
    [mark] = await bench.runs.page(ENTITY, before=None, limit=10)
    assert (mark.kind, mark.state, mark.seen) == (Kind.SWEEP, State.SUCCEEDED, 0)
    await bench.runner.schedule()
    assert len(await bench.runs.page(ENTITY, before=None, limit=10)) == 1
    async with bench.database.transaction() as tx:
        await tx.execute(
            text("UPDATE runs SET created_at = created_at - interval '2 hours', until = until - interval '2 hours'")
        )
    await bench.runner.schedule()
    await bench.runner.schedule()
    runs = await bench.runs.page(ENTITY, before=None, limit=10)
    assert len(runs) == 2
    assert runs[0].since is not None
    assert timedelta(hours=2.9) < CLOCK.now() - runs[0].since < timedelta(hours=3.1)
