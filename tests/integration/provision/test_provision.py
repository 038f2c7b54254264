"""`counterfoil provision` as a user runs it, and then the service with the secret that it printed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
import yaml

from deploy.demo.stack import API_VERSION, Stack, free_port
from deploy.docker import trial
from service.bootstrap import Provisioned, provision
from service.config import load_installation
from service.intake.event_types import event_types
from tests.support.postgres import drop_database, fresh_database, short_folder

SECONDS = 60
REFUSED, WRONG = 69, 78
BASE = "http://127.0.0.1:{port}"
OLDER = "2026-09-30.endive"


@dataclass
class Account:
    """Both vendors, one installation, and Stripe's own client."""

    stack: Stack
    client: stripe.StripeClient
    document: dict[str, Any]

    @property
    def base(self) -> str:
        return BASE.format(port=self.stack.web_port)

    def run(self, *arguments: str, url: str = "") -> "subprocess.CompletedProcess[str]":
        path = self.stack.folder / "provision.yaml"
        path.write_text(yaml.safe_dump(self.document))
        environment = self.stack.service_environment(config=path, ready=self.stack.folder / "unused")
        command = [sys.executable, "-m", "service", "provision", "--url", url or self.base, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)

    def steps(self, *, apply: bool = False, retire: bool = False) -> list[Provisioned]:
        """Do what the command does, without the cost of a process."""
        key = self.stack.folder / "key"
        key.write_text(self.stack.info["stripe"]["secret_key"])
        path = self.stack.folder / "provision.yaml"
        for entity in self.document["entities"].values():
            entity["stripe"]["secret_key"] = {"file": str(key)}
        path.write_text(yaml.safe_dump(self.document))
        found = provision(load_installation(path), url=self.base, names=(), key_file=None, retire=retire, apply=apply)
        assert not any(one.fault for one in found), found
        return found

    def actions(self, *, apply: bool = False, retire: bool = False) -> list[tuple[str, str]]:
        return [(one.step.scope, one.step.action.value) for one in self.steps(apply=apply, retire=retire)]

    def endpoints(self) -> list[stripe.WebhookEndpoint]:
        return list(self.client.v1.webhook_endpoints.list({"limit": 100}).data)

    def connect(self, name: str) -> str:
        """Add a connected account to the platform; return its id."""
        account = self.client.v1.accounts.create({"type": "standard"}).id
        platform = self.document["entities"]["acme"]
        settings = {key: value for key, value in platform["stripe"].items() if key != "webhook_secrets"}
        settings |= {"account": account, "platform": "acme"}
        self.document["entities"][name] = platform | {"stripe": settings, "customer_field": f"Stripe_{name}__c"}
        return account


def control(account: Account, method: str, path: str, body: Any = None) -> Any:
    url = account.stack.info["control"]["url"] + path
    return httpx.request(method, url, json=body, timeout=30, trust_env=False).raise_for_status().json()


@pytest.fixture(scope="module")
def vendors(postgres_url: str) -> Iterator[Stack]:
    url = fresh_database(postgres_url)
    with short_folder() as folder, Stack(folder, database_url=url) as stack:
        stack.start_sandbox()
        stack.web_port = free_port()
        yield stack
    drop_database(postgres_url, url)


@pytest.fixture
def account(vendors: Stack) -> Iterator[Account]:
    client = vendors.stripe()
    it = Account(vendors, client, vendors.configuration())
    yield it
    for endpoint in it.endpoints():
        client.v1.webhook_endpoints.delete(endpoint.id)


def test_it_tells_first_and_does_it_on_the_word(account: Account) -> None:
    told = account.run()
    assert told.returncode == 0, told.stderr
    assert "create" in told.stdout
    assert "--yes does it" in told.stdout
    assert account.endpoints() == []

    done = account.run("--yes")
    assert done.returncode == 0, done.stderr
    (made,) = account.endpoints()
    assert made.url == f"{account.base}/webhooks/stripe/acme"
    assert made.api_version == API_VERSION
    assert sorted(made.enabled_events) == event_types()
    assert made.metadata is not None
    assert made.metadata["counterfoil_entity"] == "acme"
    secrets = [line for line in done.stdout.splitlines() if line.startswith("whsec_")]
    assert len(secrets) == 1
    assert "DEMO_WEBHOOK_SECRET" in done.stdout, "says where it belongs"
    assert "whsec_" not in done.stderr, "what goes to a log holds no secret"

    again = account.run("--yes", "--json")
    assert [(one["action"], "secret" in one) for one in json.loads(again.stdout)["endpoints"]] == [("keep", False)]
    assert [one.id for one in account.endpoints()] == [made.id]


def test_the_service_takes_the_events_of_the_endpoint_that_was_made(account: Account) -> None:
    (made,) = account.steps(apply=True)
    assert made.secret
    assert made.secret not in repr(made)
    account.stack.webhook_secret = made.secret
    service = account.stack.start_service(["web"])
    try:
        account.client.v1.customers.create({"name": "Buyer"})
        control(account, "POST", "/stripe/webhooks/flush")
        told = control(account, "GET", "/stripe/webhooks")["deliveries"]
        assert told, "Stripe had something to tell"
        assert {one["status"] for one in told} == {200}
    finally:
        service.stop()


def test_what_a_person_changed_is_put_right(account: Account) -> None:
    account.steps(apply=True)
    (made,) = account.endpoints()
    account.client.v1.webhook_endpoints.update(made.id, {"disabled": True, "enabled_events": ["customer.created"]})
    (told,) = account.steps()
    assert (told.step.action, told.done) == ("update", False)
    assert "enables it" in told.step.why
    assert f"adds {len(event_types()) - 1} event types" in told.step.why
    account.steps(apply=True)
    (after,) = account.endpoints()
    assert (after.id, after.status, sorted(after.enabled_events)) == (made.id, "enabled", event_types())


def test_one_made_by_hand_is_taken_over(account: Account) -> None:
    by_hand = account.client.v1.webhook_endpoints.create(
        {"url": f"{account.base}/webhooks/stripe/acme", "enabled_events": ["*"], "api_version": API_VERSION}
    )
    somebodys = account.client.v1.webhook_endpoints.create({"url": "https://other.example", "enabled_events": ["*"]})
    assert account.actions(apply=True) == [("account", "update")]
    found = {one.id: one for one in account.endpoints()}
    assert sorted(found[by_hand.id].enabled_events) == event_types()
    assert found[somebodys.id].enabled_events == ["*"], "no business of ours"
    assert account.actions() == [("account", "keep")]


def test_another_version_is_replaced_without_a_gap(account: Account) -> None:
    old = account.client.v1.webhook_endpoints.create(
        {"url": f"{account.base}/webhooks/stripe/acme", "enabled_events": ["*"], "api_version": OLDER}  # type: ignore[typeddict-item]  # the library knows its own
    )
    assert account.actions(apply=True, retire=True) == [("account", "create"), ("account", "wait")]
    statuses = {one.id: one.status for one in account.endpoints()}
    assert set(statuses.values()) == {"enabled"}, "both send until the new secret is in use"
    assert account.actions(apply=True) == [("account", "keep"), ("account", "wait")]
    assert account.actions(apply=True, retire=True) == [("account", "keep"), ("account", "disable")]
    assert {one.id: one.status for one in account.endpoints()}[old.id] == "disabled"
    assert account.actions(apply=True, retire=True) == [("account", "keep")]


def test_a_platform_has_an_endpoint_for_its_connected_accounts(account: Account) -> None:
    account.connect("uk")
    assert account.actions(apply=True) == [("account", "create"), ("connect", "create")]
    assert account.actions(apply=True) == [("account", "keep"), ("connect", "keep")]
    assert len(account.endpoints()) == 2
    refused = account.run("--entity", "uk")
    assert refused.returncode == WRONG
    assert "connected account" in refused.stderr


def test_a_platforms_endpoint_of_unknown_scope_is_left_to_a_person(account: Account) -> None:
    account.connect("uk")
    by_hand = account.client.v1.webhook_endpoints.create(
        {"url": f"{account.base}/webhooks/stripe/acme", "enabled_events": ["*"], "api_version": API_VERSION}
    )
    done = account.run("--yes")
    assert done.returncode == REFUSED
    assert "counterfoil_scope" in done.stdout
    assert [one.id for one in account.endpoints()] == [by_hand.id]


def test_a_key_of_another_account_or_without_the_right_changes_nothing(account: Account, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk_live_1")
    wrong = account.run("--yes", "--key-file", str(key))
    assert wrong.returncode == WRONG
    assert "not a test key" in wrong.stderr
    assert "sk_live_1" not in wrong.stderr
    account.document["entities"]["acme"]["stripe"]["account"] = "acct_1Another"
    other = account.run("--yes")
    assert other.returncode == WRONG
    assert "the key belongs to" in other.stderr
    account.document = account.stack.configuration()
    message = "Having the 'rak_webhook_write' permission would allow this request to continue."
    fault = {"method": "POST", "path": "/v1/webhook_endpoints", "fault": "status", "status": 403, "message": message}
    control(account, "POST", "/stripe/faults", fault)
    denied = account.run("--yes")
    assert denied.returncode == REFUSED
    assert "the key lacks rak_webhook_write" in denied.stdout
    assert account.endpoints() == []


def test_a_trial_is_made_of_a_running_sandbox(account: Account) -> None:
    """As the compose file does it, twice: the second time there is nothing to do."""
    state = account.stack.folder / "sandbox"
    for _ in range(2):
        assert trial.main(state) == 0
        assert load_installation(state / "counterfoil.yaml").entities["acme"].stripe.account
        assert (state / "webhook_secret").read_text().startswith("whsec_")
    assert [one.url for one in account.endpoints()] == [f"{trial.BASE}/webhooks/stripe/acme"]
    assert (state / "stripe_key").stat().st_mode & 0o077 == 0
