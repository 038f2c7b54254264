import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.stack import Stack
from tests.support.postgres import drop_database, fresh_database, short_folder

EXIT_CONFIGURATION = 78
Change = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture(scope="module")
def stack(postgres_url: str) -> Iterator[Stack]:
    url = fresh_database(postgres_url)
    with short_folder() as folder, Stack(folder, database_url=url) as stack:
        stack.start_sandbox()
        stack.register_webhooks()
        yield stack
    drop_database(postgres_url, url)


def refused(stack: Stack, change: Change, **environment: str) -> str:
    """Start the service with a changed configuration; return the sentence with which it refuses."""
    document = stack.configuration()
    change(document["orgs"]["main"], document["entities"][stack.entity])
    config = stack.folder / "changed.yaml"
    config.write_text(yaml.safe_dump(document))
    ready = stack.folder / "changed.json"
    variables = stack.service_environment(config=config, ready=ready) | environment
    command = [sys.executable, "-m", "service", "serve", "--web-port", "0", "--grpc-port", "0"]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == EXIT_CONFIGURATION, ended.stderr
    assert not ready.exists()
    assert "Traceback" not in ended.stderr
    secret = variables["DEMO_STRIPE_KEY"]
    assert secret not in ended.stderr
    return ended.stderr


def wrong_org(org: dict[str, Any], _entity: dict[str, Any]) -> None:
    org["org_id"] = "00D" + "x" * 12 + "AAA"


def production(org: dict[str, Any], _entity: dict[str, Any]) -> None:
    org["is_sandbox"] = False


def live(org: dict[str, Any], entity: dict[str, Any]) -> None:
    entity["stripe"]["livemode"] = True
    org["is_sandbox"] = False


def live_in_a_sandbox(_org: dict[str, Any], entity: dict[str, Any]) -> None:
    entity["stripe"]["livemode"] = True


def nothing(_org: dict[str, Any], _entity: dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "environment", "field"),
    [
        (wrong_org, {}, "orgs.main.org_id"),
        (production, {}, "orgs.main.is_sandbox"),
        (live, {}, "entities.acme.stripe.secret_key"),
        (live_in_a_sandbox, {}, "entities.acme"),
        (nothing, {"DEMO_STRIPE_KEY": "sk_live_51NotAKeyOfAnybody"}, "entities.acme.stripe.secret_key"),
        (nothing, {"DEMO_STRIPE_KEY": "pk_test_51NotAKeyOfAnybody"}, "entities.acme.stripe.secret_key"),
    ],
    ids=[
        "wrong org",
        "sandbox taken for production",
        "test key as live",
        "live in a sandbox org",
        "live key",
        "no key",
    ],
)
def test_a_mixture_refuses_to_start_and_names_the_field(
    stack: Stack, change: Change, environment: dict[str, str], field: str
) -> None:
    said = refused(stack, change, **environment)
    assert field in said
    assert said.strip().count("\n") == 0, "one sentence"


def test_the_unchanged_configuration_starts(stack: Stack) -> None:
    service = stack.start_service()
    assert service.stop() == 0
    assert Path(service.log).exists()
