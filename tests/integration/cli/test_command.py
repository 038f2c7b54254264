"""The `counterfoil` command as a user runs it: what it says, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from sqlalchemy.engine import make_url

from service.config import installation_schema, settings_reference
from tests.support.postgres import drop_database, empty_database

SECONDS = 60
CLOSED = "127.0.0.1:1"
MISSING = f"postgresql://nobody:hunter2@{CLOSED}/none"


class Command:
    """Runs the command in a folder, with nothing of the developer's own settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
        self.environment = kept | {
            "STRIPE_KEY": "sk_test_1",
            "STRIPE_HOOK": "whsec_1",
            "SF_SECRET": "s3cret",
            "COLUMNS": "200",
        }

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "service", *arguments],
            env=self.environment | {f"COUNTERFOIL_{name}": value for name, value in variables.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments, **variables) as process:
            try:
                output, errors = process.communicate(timeout=SECONDS)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def configuration(self) -> str:
        """Write an installation whose vendors do not answer; return its path."""
        org = {
            "org_id": "00D000000000001EAA",
            "is_sandbox": True,
            "login_url": f"https://{CLOSED}",
            "auth": {"flow": "client_credentials", "client_id": "c", "client_secret": {"env": "SF_SECRET"}},
        }
        stripe = {
            "livemode": False,
            "api_base": f"http://{CLOSED}",
            "secret_key": {"env": "STRIPE_KEY"},
            "webhook_secrets": [{"env": "STRIPE_HOOK"}],
        }
        path = self.folder / "counterfoil.yaml"
        document = {"version": 1, "orgs": {"main": org}, "entities": {"acme": {"org": "main", "stripe": stripe}}}
        path.write_text(yaml.safe_dump(document))
        return str(path)


@pytest.fixture
def counterfoil(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def unmigrated(postgres_url: str) -> Iterator[str]:
    url = empty_database(postgres_url)
    yield url
    drop_database(postgres_url, url)


def sentence(ended: "subprocess.CompletedProcess[str]", code: int) -> str:
    """Return the one sentence a failed command says."""
    assert ended.returncode == code, ended.stderr
    (line,) = ended.stderr.splitlines()
    assert line.startswith("counterfoil: ")
    return line


def test_help_teaches_by_example(counterfoil: Command) -> None:
    shown = counterfoil("--help")
    assert shown.returncode == 0
    assert "Usage: counterfoil " in shown.stdout
    for command in ("serve", "check", "migrate", "schema", "settings"):
        assert f"  counterfoil {command}" in shown.stdout
    assert "Usage: counterfoil check " in counterfoil("check", "--help").stdout


def test_the_version(counterfoil: Command) -> None:
    shown = counterfoil("--version")
    assert shown.returncode == 0
    assert shown.stdout.strip().count(".") == 2


@pytest.mark.parametrize("line", [(), ("fly",), ("serve", "--wings"), ("serve", "--web-port", "many")])
def test_a_line_that_is_none_ends_with_2(counterfoil: Command, line: tuple[str, ...]) -> None:
    ended = counterfoil(*line)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("serve", "--role", "wrong"), "'wrong' names an unknown role. Give some of web,grpc,worker,subscriber"),
        (("serve", "--role", ""), "Give some of web,grpc,worker,subscriber"),
        (("serve", "--role", "web,"), "Give some of web,grpc,worker,subscriber"),
        (("serve", "--config", "none.yaml"), "none.yaml: cannot be read"),
        (("serve", "--web-port", "70000"), "COUNTERFOIL_WEB_PORT: "),
    ],
)
def test_a_wrong_setting_ends_with_78_and_one_sentence(counterfoil: Command, line: tuple[str, ...], words: str) -> None:
    assert words in sentence(counterfoil(*line), 78)


def test_a_start_that_cannot_be_says_why_in_one_sentence(
    counterfoil: Command, database_url: str, unmigrated: str
) -> None:
    config = counterfoil.configuration()
    said = sentence(counterfoil("serve", "-c", config, DATABASE_URL=MISSING), 78)
    assert "the database does not answer" in said
    assert "hunter2" not in said
    assert "is not a PostgreSQL URL" in sentence(counterfoil("serve", "-c", config, DATABASE_URL="mysql://x"), 78)
    said = sentence(counterfoil("serve", "-c", config, DATABASE_URL=unmigrated), 78)
    assert "Run 'counterfoil migrate' first" in said
    counterfoil.environment["STRIPE_KEY"] = "sk_live_verysecret"
    said = sentence(counterfoil("serve", "-c", config, DATABASE_URL=database_url), 78)
    assert "entities.acme.stripe.secret_key: is not a test key" in said
    assert "verysecret" not in said


@pytest.mark.parametrize("role", ["web", "grpc"])
def test_a_port_that_is_taken_is_one_sentence_too(counterfoil: Command, database_url: str, role: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = counterfoil(
            "serve",
            "-c",
            counterfoil.configuration(),
            "--role",
            role,
            f"--{role}-port",
            port,
            DATABASE_URL=database_url,
        )
    assert ended.returncode == 78
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"counterfoil: COUNTERFOIL_{role.upper()}_PORT: 127.0.0.1:{port} cannot be listened on")
    assert not [line for line in ended.stderr.splitlines() if "Traceback" in line or "Warning" in line]


def test_it_serves_until_it_is_told_to_stop(counterfoil: Command, database_url: str) -> None:
    ready = counterfoil.folder / "ready.json"
    line = ("serve", "-c", counterfoil.configuration(), "--role", "web", "--web-port", "0")
    with counterfoil.start(*line, DATABASE_URL=database_url, READY_FILE=str(ready)) as process:
        try:
            _await(ready.exists)
            assert json.loads(ready.read_text())["roles"] == ["web"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_migrate_applies_once(counterfoil: Command, unmigrated: str) -> None:
    first = counterfoil("migrate", DATABASE_URL=unmigrated)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("applied 0001, 0002")
    again = counterfoil("migrate", DATABASE_URL=unmigrated)
    assert (again.returncode, again.stdout) == (0, "the database is up to date\n")


def test_migrate_without_the_right_to_says_so(counterfoil: Command, postgres_url: str, unmigrated: str) -> None:
    name = f"reader_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2'")
    try:
        url = make_url(unmigrated).set(username=name, password="hunter2").render_as_string(hide_password=False)
        said = sentence(counterfoil("migrate", DATABASE_URL=url), 69)
        assert "InsufficientPrivilege" in said
        assert "hunter2" not in said
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {name}")
    assert "the database does not answer" in sentence(counterfoil("migrate", DATABASE_URL=MISSING), 78)


def test_schema_and_settings_are_for_other_programs(counterfoil: Command) -> None:
    assert json.loads(counterfoil("schema").stdout) == installation_schema()
    assert counterfoil("settings").stdout == settings_reference()


def test_check_offline(counterfoil: Command) -> None:
    config = counterfoil.configuration()
    well = counterfoil("check", "--offline", "-c", config)
    assert (well.returncode, well.stderr) == (0, "")
    assert "0 faults" in well.stdout
    counterfoil.environment["STRIPE_HOOK"] = "sk_test_verysecret"
    wrong = counterfoil("check", "--offline", "-c", config)
    assert wrong.returncode == 78
    (line,) = [line for line in wrong.stdout.splitlines() if line.startswith("fault")]
    assert "entities.acme.stripe.webhook_secrets.0" in line
    assert "does not begin with whsec_. Give the signing secret" in line
    assert "verysecret" not in wrong.stdout


def test_check_for_machines_tells_every_fault_even_without_a_file(counterfoil: Command) -> None:
    ended = counterfoil("check", "--json", "-c", "none.yaml", DATABASE_URL=MISSING)
    assert (ended.returncode, ended.stderr) == (78, "")
    report = json.loads(ended.stdout)
    assert report["faults"] == 2
    assert {one["subject"] for one in report["checks"] if one["outcome"] == "fault"} == {
        "none.yaml",
        "COUNTERFOIL_DATABASE_URL",
    }
    assert all(set(one) == {"subject", "check", "outcome", "detail", "remedy"} for one in report["checks"])
