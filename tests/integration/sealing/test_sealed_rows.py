"""Sealed rows in a real database: switched on over plain ones, sealed anew beside the work, and keys that are gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from service import history, inbox, mirror, outbox
from service.bootstrap._check_keys import encryption, keys_in_use
from service.clock import SystemClock
from service.config import load_settings
from service.db import Database, Wakes, open_database
from service.domain import Evidence
from service.errors import Unreadable
from service.inbox import InboxRow, State
from service.intake import observe, sight
from service.maintenance.keys import Rotation, list_keys
from service.mirror import faults
from service.projection import Projector
from service.sealing import Vault
from tests.support.delivery import payment
from tests.support.events import ENTITY, entities, event, intent, running_intake
from tests.support.sealed import keyring

NOW = SystemClock().now()
WORD = "Quibblewort"
Keys = dict[str, int]


@pytest.fixture
async def opened() -> AsyncIterator[list[Database]]:
    databases: list[Database] = []
    yield databases
    for one in databases:
        await one.close()


@pytest.fixture
def with_keys(database_url: str, opened: list[Database], tmp_path: Path) -> Any:
    """The database, as a process sees it that has these keys."""

    def give(*ids: str) -> Database:
        vault = Vault(keyring(tmp_path / f"{'-'.join(ids)}.yaml", *ids)) if ids else None
        opened.append(open_database(database_url, pool_size=4, vault=vault))
        return opened[-1]

    return give


async def receive(database: Database, *keys: str) -> None:
    async with running_intake(database) as intake:
        await asyncio.gather(*(intake.receive(event(f"evt_{key}", intent(key, description=WORD))) for key in keys))


async def fill(database: Database, mark: str) -> None:
    """Write one row of each kind by each way in."""
    await receive(database, f"pi_{mark}")
    async with database.transaction() as tx:
        await outbox.put(tx, [payment(f"out_{mark}", Note__c=WORD)], now=NOW)
        await history.ask(tx, "main", [history.Asked(f"re_{mark}", "task", {"Subject": WORD}, None)], now=NOW)
        due = history.DueDate(ENTITY, f"du_{mark}", NOW + timedelta(days=1), orjson.dumps({"said": WORD}).decode())
        await history.keep_due_dates(tx, [due], [])
        await inbox.record(tx, [request(mark)])


def request(mark: str) -> InboxRow:
    payload = orjson.dumps({"Record_Id__c": WORD}).decode()
    return InboxRow("salesforce", "main", f"req_{mark}", "/event/Payment_Request__e", payload, State.RECORDED, NOW)


async def used(database: Database) -> Keys:
    async with database.read() as tx:
        found = await list_keys(tx)
    return {key: sum(one.texts for one in found if one.key_id == key) for key in {one.key_id for one in found}}


async def test_switched_on_over_plain_rows_both_are_read_and_a_rotation_seals_them(with_keys: Any) -> None:
    plain = with_keys()
    await fill(plain, "plain")
    sealed = with_keys("one")
    await fill(sealed, "sealed")
    before = await used(sealed)
    assert before == {"": 6, "one": 6}
    async with sealed.read() as tx:
        rows = await mirror.load(tx, [(ENTITY, "pi_plain"), (ENTITY, "pi_sealed")])
    assert [row.body["description"] for row in rows.values() if row.body] == [WORD, WORD]
    assert (await Rotation(sealed, SystemClock(), batch_limit=1).run(who="jenny")).sealed == 6
    assert await used(sealed) == {"one": 12}
    assert (await Rotation(sealed, SystemClock()).run(who="jenny")).sealed == 0
    async with sealed.transaction() as tx:
        claimed = await outbox.claim(tx, org="main", holder="me", now=NOW, lease=timedelta(minutes=1), limit=9)
        reactions = await history.claim(tx, org="main", holder="me", now=NOW, lease=timedelta(minutes=1), limit=9)
        due = await history.take_due(tx, rule="r", entities=[ENTITY], now=NOW, within=timedelta(days=2), limit=9)
    assert [one.fields["Note__c"] for one in claimed] == [WORD] * 2
    assert [one.content for one in reactions] == [{"Subject": WORD}] * 2
    assert [orjson.loads(one.content) for one in due] == [{"said": WORD}] * 2


async def test_sealed_anew_while_others_write(with_keys: Any) -> None:
    first = with_keys("one")
    await receive(first, *(f"pi_{number}" for number in range(60)))
    second = with_keys("one", "two")
    await asyncio.gather(
        Rotation(second, SystemClock(), batch_limit=7).run(who="jenny"),
        receive(second, *(f"pi_new_{number}" for number in range(60))),
        receive(first, *(f"pi_late_{number}" for number in range(20))),  # it has not seen the new key yet
    )
    await Rotation(second, SystemClock()).run(who="jenny")
    assert await used(second) == {"two": 280}
    async with second.read() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM audit WHERE entry LIKE '%\"keys/two\"%'")) == 2
        rows = await mirror.list_roots(tx, entity=ENTITY, record_id=None, after=None, limit=500)
    assert {row.body["description"] for row in rows if row.body} == {WORD}


async def test_a_key_that_is_gone_too_early_holds_its_rows_and_no_others(with_keys: Any) -> None:
    await fill(with_keys("old"), "old")
    database = with_keys("new")
    await fill(database, "new")
    with pytest.raises(Unreadable, match=r"mirror\.body.*'old'"):
        async with database.read() as tx:
            await mirror.load(tx, [(ENTITY, "pi_old")])

    projector = Projector(database, Wakes(database.url), SystemClock(), entities=entities(), batch_limit=50)
    assert await projector.step() == 2
    async with database.read() as tx:
        (held,) = await faults.find(tx, entities=[ENTITY])
    assert held.object_id == "pi_old"
    assert str(held.fault).startswith("PAYLOAD_UNREADABLE: a text in mirror.body, sealed with the key 'old'")

    async with database.transaction() as tx:
        claimed = await outbox.claim(tx, org="main", holder="me", now=NOW, lease=timedelta(minutes=1), limit=9)
        reactions = await history.claim(tx, org="main", holder="me", now=NOW, lease=timedelta(minutes=1), limit=9)
        due = await history.take_due(tx, rule="r", entities=[ENTITY], now=NOW, within=timedelta(days=2), limit=9)
        taken = await inbox.take(tx, source="salesforce", limit=9)
    assert "out_new" in {one.key for one in claimed}
    assert "out_old" not in {one.key for one in claimed}
    assert [one.key for one in reactions] == ["re_new"]
    assert [one.object_id for one in due] == ["du_new"]
    assert [one.event_id for one in taken] == ["req_new"]
    async with database.read() as tx:
        (record,) = await outbox.failures.find(tx, reason="PAYLOAD_UNREADABLE")
        assert await outbox.failures.find(tx, entity="acme", reason="PAYLOAD_UNREADABLE") == []
        (reaction,) = await history.failures.find(tx, reason="PAYLOAD_UNREADABLE")
        (waiting,) = await inbox.failures.find(tx, reason="PAYLOAD_UNREADABLE")
    assert (record.key, reaction.key, waiting.event_id) == ("out_old", "re_old", "req_old")
    for told in (record.content, record.error_detail, reaction.content, waiting.payload):
        assert "'old'" in str(told)
        assert "COUNTERFOIL_ENCRYPTION_KEYS_FILE" in str(told)

    left = await Rotation(database, SystemClock()).run(who="jenny")
    assert left.unreadable == {"old": 6}
    found = await keys_in_use(database.url, database.vault)
    assert [(one.outcome.value, one.detail) for one in found] == [
        ("fault", "6 texts need the key old, which is missing")
    ]


async def test_once_the_key_is_back_what_was_held_goes_on(with_keys: Any) -> None:
    await fill(with_keys("old"), "old")
    gone = with_keys("new")
    async with gone.transaction() as tx:
        assert await inbox.take(tx, source="salesforce", limit=9) == []
        await outbox.claim(tx, org="main", holder="me", now=NOW, lease=timedelta(minutes=1), limit=9)
    await Projector(gone, Wakes(gone.url), SystemClock(), entities=entities(), batch_limit=50).step()
    back = with_keys("old", "new")
    later = NOW + timedelta(minutes=16)
    async with back.transaction() as tx:
        assert await inbox.failures.take_again(tx, ("salesforce", "main", "req_old")) == 1
        assert [one.event_id for one in await inbox.take(tx, source="salesforce", limit=9)] == ["req_old"]
        claimed = await outbox.claim(tx, org="main", holder="me", now=later, lease=timedelta(minutes=1), limit=9)
        assert "out_old" in {one.key for one in claimed}
        assert await faults.heal_projections(tx, entities=[ENTITY], limit=5) == 1
    assert await Projector(back, Wakes(back.url), SystemClock(), entities=entities(), batch_limit=50).step() == 1
    async with back.read() as tx:
        assert await faults.find(tx, entities=[ENTITY]) == []


async def test_a_text_that_was_moved_to_another_column_is_held(with_keys: Any) -> None:
    database = with_keys("one")
    await receive(database, "pi_1", "pi_2")
    async with database.transaction() as tx:
        swap = (
            "UPDATE mirror SET body = (SELECT payload FROM inbox WHERE event_id = 'evt_pi_2') WHERE object_id = 'pi_1'"
        )
        await tx.execute(text(swap))
    projector = Projector(database, Wakes(database.url), SystemClock(), entities=entities(), batch_limit=50)
    assert await projector.step() == 2
    async with database.read() as tx:
        (held,) = await faults.find(tx, entities=[ENTITY])
    assert (held.object_id, "was changed or moved" in str(held.fault)) == ("pi_1", True)
    # What Stripe tells of it next takes its place.
    seen = sight(ENTITY, intent("pi_1", amount=1), as_of=NOW, evidence=Evidence.FETCH, now=NOW)
    async with database.transaction() as tx:
        await observe(tx, seen, now=NOW)
    assert await projector.step() >= 1
    async with database.read() as tx:
        assert await faults.find(tx, entities=[ENTITY]) == []


async def test_emptied_events_need_no_key(with_keys: Any) -> None:
    database = with_keys("one")
    await receive(database, "pi_1")
    day = timedelta(days=1)
    for emptied in (1, 0):
        async with database.transaction() as tx:
            assert await inbox.empty(tx, since=NOW - day, before=NOW + day, limit=10) == emptied
    assert await used(database) == {"one": 1}


def test_the_check_tells_whether_it_is_on(tmp_path: Path) -> None:
    (off,) = encryption(load_settings(), Vault())
    assert (off.outcome.value, off.detail) == ("ok", "off: customers' content is stored as it is")
    path = keyring(tmp_path / "keys.yaml", "one", "two")
    settings = load_settings(encryption_keys_file=path)
    (on,) = encryption(settings, Vault(path))
    assert on.detail == "on, with the key two of 2"
    path.chmod(0o444)
    assert [one.outcome.value for one in encryption(settings, Vault(path))] == ["ok", "note"]
