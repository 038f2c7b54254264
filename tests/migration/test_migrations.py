"""Every earlier database becomes the present one, and the present one is what the rooms and Procrastinate expect."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from service import audit, commands, currencies, history, inbox, links, mirror, outbox, rates, runs  # noqa: F401  (each declares its tables)
from service.clock import SystemClock
from service.commands import CREATE_PAYMENT, Commands, Request, Steps, checked
from service.db import Wakes, metadata, open_database
from service.errors import ConfigurationError
from service.migrations import pending, upgrade
from tests.integration.api.stored import installation
from tests.support.postgres import at_database, drop_database, empty_database

REVISIONS = tuple(f"{number:04}" for number in range(1, 26))
# Everything a catalogue knows of tables, indexes, functions, triggers and types, in comparable words.
CATALOGUE = """
    SELECT 'column', table_name || '.' || column_name,
           concat_ws(' ', data_type, is_nullable, column_default, collation_name)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION ALL SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'enum', enumtypid::regtype::text, string_agg(enumlabel, ',' ORDER BY enumsortorder)
    FROM pg_enum GROUP BY enumtypid
"""
Catalogue = dict[tuple[str, str], str]


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    it = empty_database(postgres_url)
    yield it
    drop_database(postgres_url, it)


def catalogue(url: str) -> Catalogue:
    with psycopg.connect(url) as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(CATALOGUE)}


def test_the_list_of_revisions_here_is_whole(url: str) -> None:
    assert tuple(pending(url)) == REVISIONS


@pytest.mark.parametrize("start", REVISIONS)
def test_every_earlier_state_upgrades_to_the_head(url: str, database_url: str, start: str) -> None:
    before = [revision for revision in REVISIONS if revision <= start]
    assert upgrade(url, start) == before
    assert upgrade(url) == [revision for revision in REVISIONS if revision > start]
    assert pending(url) == []
    assert catalogue(url) == catalogue(database_url)


def test_rows_of_every_earlier_state_survive(url: str) -> None:
    upgrade(url, "0001")
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO inbox (source, account, event_id, kind, payload, state, received_at) "
            "VALUES ('stripe', 'acme', 'evt_1', 'charge.updated', '{}', 'handled', now())"
        )
    upgrade(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT event_id FROM inbox").fetchall() == [("evt_1",)]


async def test_commands_of_an_earlier_state_are_the_same_requests(url: str) -> None:
    upgrade(url, "0014")
    record = "006000000000001AAA"
    arguments = {"method": "off_session", "payment_method_id": "pm_1"}
    asked = checked(Request("acme", CREATE_PAYMENT, record, arguments=arguments, version="2", request_id="r"))
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO commands (id, entity, org, operation, record_id, business_version, fingerprint, method, "
            "payment_method_id, request_id, source, state, created_at) VALUES ('cmd_1', 'acme', 'main', "
            "'create_payment', %s, '2', %s, 'off_session', 'pm_1', 'r', 'grpc', 'ACCEPTED', now())",
            (record, asked.fingerprint()),
        )
        connection.execute(
            "INSERT INTO calls (idempotency_key, entity, command_id, step, parameters, begun_at) "
            "VALUES ('k', 'acme', 'cmd_1', 'payment_intent', '{}', now())"
        )
    upgrade(url)
    database, clock = open_database(url, pool_size=2), SystemClock()
    steps = Steps(database=database, wakes=Wakes(url), clock=clock, installation=installation(), stripe={}, terms={})
    command, replayed = await Commands(steps, attempts_limit=1).accept(asked)
    await database.close()
    assert (command.id, replayed, command.subject, command.arguments) == ("cmd_1", True, record, arguments)


def test_a_second_upgrade_finds_nothing_to_do(database_url: str) -> None:
    assert upgrade(database_url) == []


def test_the_tables_the_rooms_declare_are_the_migrated_ones(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))

    def of_ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        foreign = (name or "").startswith(("procrastinate_", "alembic_"))
        return not (kind == "table" and foreign)

    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": of_ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert differences == []
    assert set(metadata.tables) == {
        "audit",
        "inbox",
        "streams",
        "coverage",
        "mirror",
        "notes",
        "outbox",
        "bulk_jobs",
        "api_calls",
        "payout_entries",
        "links",
        "routes",
        "statuses",
        "due_dates",
        "reactions",
        "payment_changes",
        "payment_feed",
        "runs",
        "currency_books",
        "missing_rates",
        "commands",
        "calls",
        "rate_limits",
    }


def test_procrastinate_finds_its_own_schema(url: str, database_url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(resources.files("procrastinate.sql").joinpath("schema.sql").read_text())
    wanted = catalogue(url)
    migrated = catalogue(database_url)
    assert len(wanted) > 50
    assert {key: migrated.get(key) for key in wanted} == wanted
    added = {name for _, name in migrated.keys() - wanted.keys()}
    assert not {name for name in added if "procrastinate" in name}


def test_of_two_migrators_at_once_one_does_the_work(url: str) -> None:
    together = threading.Barrier(2)

    def migrate() -> list[str]:
        together.wait()
        return upgrade(url)

    with ThreadPoolExecutor(2) as pool:
        done = [future.result() for future in [pool.submit(migrate), pool.submit(migrate)]]
    assert sorted(done) == [[], list(REVISIONS)]


def test_a_table_somebody_holds_ends_a_migration_in_time_and_changes_nothing(url: str) -> None:
    upgrade(url, "0004")
    before = catalogue(url)
    with psycopg.connect(url) as holder:
        # What every step reads and writes is locked, as by a forgotten session.
        holder.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            upgrade(url, lock_timeout="200ms")
        holder.rollback()
    assert catalogue(url) == before
    assert upgrade(url) == list(REVISIONS[REVISIONS.index("0005") :])


def test_a_database_that_does_not_answer_is_named_as_a_setting(postgres_url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        upgrade(at_database(postgres_url, "nowhere"))
    assert refused.value.field == "COUNTERFOIL_DATABASE_URL"
