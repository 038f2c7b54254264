"""`counterfoil failures` as a person types it, on a database with one of each failure."""

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner

from service import history, inbox, mirror, outbox
from service.__main__ import app
from service.clock import SystemClock
from service.db import Database
from service.domain import DesiredRecord
from service.inbox import InboxRow
from service.intake import stub
from tests.support.delivery import payment
from tests.support.events import ACCOUNT, MOMENT, event_body, intent

REPOSITORY = Path(__file__).parents[3]
NOW = SystemClock().now()
DELIVERY = "delivery/main/Payment__c/"
REACTION_KEY = "pi_dead_2_call-back"
REACTION = f"reaction/main/{REACTION_KEY}"


class Command:
    """The command on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._environment = {"COUNTERFOIL_DATABASE_URL": url, "PATH": "/usr/bin", "USER": "jenny"}
        self._config = folder / "counterfoil.yaml"
        account = {
            "account": ACCOUNT,
            "livemode": False,
            "secret_key": {"env": "KEY"},
            "webhook_secrets": [{"env": "SECRET"}],
        }
        auth = {"flow": "client_credentials", "client_id": "x", "client_secret": {"env": "X"}}
        org = {"org_id": "00D000000000001EAA", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
        content = {"version": 1, "orgs": {"main": org}, "entities": {"acme": {"org": "main", "stripe": account}}}
        self._config.write_text(yaml.safe_dump(content))

    def run(self, *words: str, code: int = 0) -> str:
        arguments = ["failures", *words, "--config", str(self._config)]
        # The command has an event loop of its own, which this thread cannot have.
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(CliRunner().invoke, app, arguments, env=self._environment).result()
        assert done.exit_code == code, done.output
        return done.stderr if code else done.stdout

    def start(self, *words: str) -> str:
        """Run it as a program."""
        arguments = [sys.executable, "-m", "service", "failures", *words, "--config", str(self._config)]
        return subprocess.run(
            arguments, cwd=REPOSITORY, env=self._environment, capture_output=True, text=True, check=True, timeout=90
        ).stdout

    def ids(self, *words: str) -> list[str]:
        return [row["id"] for row in json.loads(self.run("list", "--json", *words))]


@pytest.fixture
async def command(tmp_path: Path, database: Database) -> Command:
    async with database.transaction() as tx:
        await die(tx, [payment("pi_dead"), payment("pi_old", Entity__c="other")])
        await tx.execute(text("UPDATE outbox SET failed_at = now() - interval '3 hours' WHERE key = 'pi_old'"))
        await outbox.put(tx, [payment("pi_lost", org="gone"), payment("pi_well")], now=NOW)
        stubs = [stub("acme", "charge", "ch_gone", fetch_after=NOW), stub("acme", "charge", "ch_odd", fetch_after=NOW)]
        await mirror.observe(tx, stubs, now=NOW)
        for due in await mirror.take_fetches(tx, now=NOW, lease=timedelta(0), limit=10):
            until = None if due.object_id == "ch_gone" else NOW + timedelta(hours=1)
            await mirror.postpone_fetch(tx, due, until=until, error="STRIPE_REJECTED")
        await mirror.clear_changes(tx, [("acme", "ch_odd")], fault="PROJECTION_FAILED: KeyError")
        rows = [event("evt_live", "LIVEMODE_MISMATCH", livemode=True), event("evt_account", "ACCOUNT_MISMATCH")]
        await inbox.record(tx, rows)
        await refuse(tx, history.Asked(REACTION_KEY, "task", {"Subject": "Call back", "WhatId": None}))
    return Command(tmp_path, database.url)


async def die(tx: Any, records: Sequence[DesiredRecord]) -> None:
    await outbox.put(tx, records, now=NOW)
    for one in await outbox.claim(tx, org="main", holder="a", now=NOW, lease=timedelta(minutes=1), limit=10):
        await outbox.settle_dead(
            tx,
            one,
            holder="a",
            now=NOW,
            release_at=NOW + timedelta(days=1),
            reason="SALESFORCE_REJECTED",
            code="STRING_TOO_LONG",
            detail="STRING_TOO_LONG: refused",
        )


async def refuse(tx: Any, asked: history.Asked) -> None:
    await history.ask(tx, "main", [asked], now=NOW)
    [one] = await history.claim(tx, org="main", holder="a", now=NOW, lease=timedelta(minutes=1), limit=10)
    refusal = history.Refusal("SALESFORCE_REJECTED", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "a rule refused it", NOW)
    await history.settle_dead(tx, one, holder="a", release_at=NOW + timedelta(minutes=15), refusal=refusal)


def event(key: str, reason: str, **fields: Any) -> InboxRow:
    body = event_body(key, intent("pi_1"), **fields).decode()
    received = datetime.fromtimestamp(MOMENT, UTC)
    return InboxRow("stripe", "acme", key, "payment_intent.x", body, inbox.State.QUARANTINED, received, reason=reason)


async def states(database: Database) -> dict[str, str]:
    async with database.read() as tx:
        return {row.key: row.state for row in await tx.execute(text("SELECT key, state FROM outbox"))}


def test_the_list_holds_everything_that_failed_and_filters(command: Command) -> None:
    everything = {
        f"{DELIVERY}pi_dead",
        f"{DELIVERY}pi_old",
        "delivery/gone/Payment__c/pi_lost",
        "fetch/acme/ch_gone",
        "projection/acme/ch_odd",
        "event/stripe/acme/evt_live",
        "event/stripe/acme/evt_account",
        REACTION,
    }
    assert set(command.ids()) == everything
    assert command.ids("--error", "STRING_TOO_LONG", "--older-than", "2h") == [f"{DELIVERY}pi_old"]
    assert command.ids("--entity", "other") == [f"{DELIVERY}pi_old"]
    assert command.ids("--object", "charge", "--shelf", "fetch") == ["fetch/acme/ch_gone"]
    assert set(command.ids("--org", "main")) == everything - {"delivery/gone/Payment__c/pi_lost"}
    assert "STRING_TOO_LONG" in command.start("list")
    assert "ORG_UNKNOWN" in command.run("list", "--org", "gone")


def test_one_is_shown_whole(command: Command) -> None:
    shown = json.loads(command.run("show", f"{DELIVERY}pi_dead"))
    assert (shown["state"], shown["attempts"], shown["code"]) == ("dead", 1, "STRING_TOO_LONG")
    assert shown["next_at"] > shown["failed_at"]
    assert json.loads(shown["payload"])["Amount__c"] == {"$decimal": "10.50"}
    assert "has failed" in command.run("show", f"{DELIVERY}pi_well", code=64)
    assert "names no failure" in command.run("show", "pi_dead", code=64)


async def test_a_redrive_shows_first_and_then_tries_again(command: Command, database: Database) -> None:
    preview = json.loads(command.run("redrive", "--error", "STRING_TOO_LONG", "--dry-run", "--json"))
    assert [failure["payload"] is not None for failure in preview["failures"]] == [True, True]
    assert (await states(database))["pi_dead"] == "dead"
    assert "10.50" in command.run("redrive", f"{DELIVERY}pi_dead", "--dry-run")
    assert "say which" in command.run("redrive", code=64)
    assert "not both" in command.run("redrive", f"{DELIVERY}pi_dead", "--all", code=64)
    assert "1 redriven" in command.run("redrive", f"{DELIVERY}pi_dead")
    assert json.loads(command.run("redrive", "--shelf", "projection", "--json"))["redriven"] == 1
    assert json.loads(command.run("redrive", "--shelf", "fetch", "--json"))["redriven"] >= 1
    assert (await states(database))["pi_dead"] == "waiting"
    async with database.read() as tx:
        row = (await tx.execute(text("SELECT dirty, fault FROM mirror WHERE object_id = 'ch_odd'"))).one()
        due = (await tx.execute(text("SELECT fetch_at <= now() FROM mirror WHERE object_id = 'ch_gone'"))).scalar_one()
        commands = (await tx.execute(text("SELECT count(*) FROM commands"))).scalar_one()
        events = (await tx.execute(text("SELECT state FROM inbox"))).scalars().all()
    assert (row.dirty, row.fault, due) == (True, None, True)
    # Nothing that could become a payment is touched by trying again.
    assert (commands, set(events)) == (0, {"quarantined"})


async def test_a_discard_keeps_who_when_and_why(command: Command, database: Database) -> None:
    assert "Missing option" in command.run("discard", "--all", code=2)
    assert "say why" in command.run("discard", "--all", "--reason", " ", code=64)
    command.run("discard", f"{DELIVERY}pi_dead", "fetch/acme/ch_gone", "event/stripe/acme/evt_live", "--reason", "old")
    left = command.ids()
    assert len(left) == 5
    discarded = json.loads(command.run("list", "--discarded", "--json"))
    assert {(row["discarded_by"], row["discard_reason"]) for row in discarded} == {("jenny", "old")}
    assert all(row["discarded_at"] for row in discarded)
    assert len(discarded) == 3
    # Other content is a new wish, and is delivered.
    async with database.transaction() as tx:
        await outbox.put(tx, [payment("pi_dead", Stripe_Status__c="new")], now=SystemClock().now())
    assert (await states(database))["pi_dead"] == "waiting"


async def test_a_release_lets_go_what_fits_by_now(command: Command, database: Database) -> None:
    done = json.loads(command.run("release", "--shelf", "event", "--json"))
    assert (done["chosen"], done["released"]) == (2, 1)
    assert command.ids("--shelf", "event") == ["event/stripe/acme/evt_live"]
    async with database.read() as tx:
        due = await tx.execute(text("SELECT fetch_at <= now() FROM mirror WHERE object_id = 'pi_1'"))
        assert due.scalar_one() is True


async def reaction(database: Database) -> Any:
    async with database.read() as tx:
        return (await tx.execute(text("SELECT state, attempts, releases, content FROM reactions"))).one()


async def test_a_dead_reaction_is_shown_redriven_and_discarded_like_the_others(
    command: Command, database: Database
) -> None:
    assert command.ids("--shelf", "reaction") == command.ids("--object", "task") == [REACTION]
    assert command.ids("--error", "FIELD_CUSTOM_VALIDATION_EXCEPTION") == [REACTION]
    shown = json.loads(command.run("show", REACTION))
    assert (shown["state"], shown["attempts"], shown["detail"]) == ("dead", 1, "a rule refused it")
    assert json.loads(shown["payload"])["Subject"] == "Call back"
    before = await reaction(database)
    assert "Call back" in command.run("redrive", REACTION, "--dry-run")
    assert await reaction(database) == before
    assert "1 redriven" in command.run("redrive", REACTION)
    row = await reaction(database)
    assert (row.state, row.attempts, row.content) == ("waiting", 0, before.content)
    command.run("discard", "--shelf", "reaction", "--all", "--reason", "no longer wanted", code=0)
    assert command.ids("--shelf", "reaction") == []
    [given_up] = json.loads(command.run("list", "--shelf", "reaction", "--discarded", "--json"))
    assert (given_up["discarded_by"], given_up["discard_reason"]) == ("jenny", "no longer wanted")
    assert "1 redriven" in command.run("redrive", REACTION)
    assert command.ids("--shelf", "reaction", "--discarded") == []
