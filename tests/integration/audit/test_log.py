"""The audit log in PostgreSQL: sealed in order whoever writes, kept from changes, proven by the command."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service import audit
from service.audit import Entry, Sealer
from service.clock import SystemClock
from service.db import Database, open_database
from tests.support.postgres import drop_database, fresh_database

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[3] / "deploy" / "config" / "counterfoil.example.yaml"


def entry(number: int) -> Entry:
    return Entry("done", "service", f"cmd_{number}", NOW, {"before": "RUNNING", "after": "SUCCEEDED", "reason": None})


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = open_database(fresh_database(postgres_url), pool_size=8)
    yield opened
    await opened.close()
    drop_database(postgres_url, opened.url)


async def append(database: Database, *numbers: int) -> None:
    async with database.transaction() as tx:
        await audit.append(tx, [entry(number) for number in numbers])


def run(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COUNTERFOIL_DATABASE_URL": database.url, "COUNTERFOIL_CONFIG_FILE": str(EXAMPLE)}
    command = [sys.executable, "-m", "service", "audit", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def tamper(database: Database, statement: str) -> None:
    """Change what the trigger forbids, as the owner of the database can."""
    with psycopg.connect(database.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


async def test_whoever_writes_and_seals_at_once_there_is_one_chain(database: Database) -> None:
    sealers = [Sealer(database, SystemClock()) for _ in range(3)]

    async def seal(sealer: Sealer) -> None:
        for _ in range(20):
            await sealer.step()

    writing = (append(database, *range(first, first + 5)) for first in range(0, 100, 5))
    await asyncio.gather(*writing, *(seal(one) for one in sealers))
    await sealers[0].step()
    async with database.read() as tx:
        links = [link async for link in audit.links(tx)]
        assert await audit.waiting(tx) == 0
        assert await audit.head(tx) == audit.Head(100, links[-1].hash)
    assert {json.loads(link.entry)["subject"] for link in links} == {f"cmd_{number}" for number in range(100)}
    verifier = audit.Verifier()
    assert all(verifier.follow(link) for link in links)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET entry = '{}'",
        "UPDATE audit SET seq = 7, hash = 'x', entry = '{}'",
        "UPDATE audit SET id = DEFAULT, seq = 7, hash = 'x'",
        "UPDATE audit SET hash = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ],
)
async def test_the_table_takes_no_change(database: Database, statement: str, sealed: bool) -> None:
    await append(database, 1)
    if sealed:
        await Sealer(database, SystemClock()).step()
    with (
        psycopg.connect(database.url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        connection.execute(statement.encode())


async def test_entries_go_with_their_transaction(database: Database) -> None:
    async def change() -> None:
        async with database.transaction() as tx:
            await audit.append(tx, [entry(1)])
            await tx.execute(text("INSERT INTO audit (entry) VALUES (NULL)"))

    with pytest.raises(DBAPIError):
        await change()
    async with database.read() as tx:
        assert await audit.waiting(tx) == 0


async def test_the_command_proves_the_log_and_an_export_of_it(database: Database, tmp_path: Path) -> None:
    await append(database, *range(50))
    await Sealer(database, SystemClock()).step()
    await append(database, 51)
    head = run(database, "head").stdout.strip()
    proven = run(database, "verify", "--head", head)
    assert (proven.returncode, proven.stderr) == (0, "")
    assert "entries 1 to 50, every hash holds, 1 not sealed yet" in proven.stdout
    assert head in proven.stdout

    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    whole.write_text(run(database, "export").stdout)
    part.write_text(run(database, "export", "--after", "40").stdout)
    assert "entries 1 to 50" in run(database, "verify", "--file", str(whole), "--head", head).stdout
    assert "entries 41 to 50" in run(database, "verify", "--file", str(part), "--head", head).stdout
    lines = whole.read_text().splitlines(keepends=True)
    whole.write_text("".join([*lines[:20], *lines[21:]]))
    missing = run(database, "verify", "--file", str(whole))
    assert (missing.returncode, missing.stderr) == (65, "audit log: entry 21 is missing\n")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET entry = replace(entry, 'SUCCEEDED', 'REFUSED') WHERE seq = 7", "entry 7 was changed"),
        ("DELETE FROM audit WHERE seq = 7", "entry 7 is missing"),
        ("UPDATE audit SET seq = CASE seq WHEN 7 THEN 108 ELSE 107 END WHERE seq IN (7, 8)", "entry 7 is missing"),
        ("DELETE FROM audit WHERE seq > 7", "entry 8 and all up to 10 are missing: the tail was cut off"),
    ],
)
async def test_what_somebody_did_to_the_table_is_found(database: Database, statement: str, said: str) -> None:
    await append(database, *range(10))
    await Sealer(database, SystemClock()).step()
    async with database.read() as tx:
        head = await audit.head(tx)
    tamper(database, statement)
    found = run(database, "verify", "--head", str(head))
    assert found.returncode == 65
    assert said in found.stderr
