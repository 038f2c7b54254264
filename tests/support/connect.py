"""A platform with two connected accounts: one in an org of its own, one in the platform's org under its own field.

All their events come to the platform's address, from one endpoint of snapshots for each side, and thin ones besides.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.demo.cast import Cast, gathered
from deploy.demo.outside import Salesforce
from deploy.demo.screen import Screen
from deploy.demo.stack import API_VERSION, PACKAGE, Stack, free_port
from tests.support.postgres import drop_database, fresh_database, short_folder

OWN_FIELD = "Stripe_Customer_De__c"


def widened_package(folder: Path) -> Path:
    """Return a copy of the package with a customer field for a second entity."""
    copy = folder / "package"
    shutil.copytree(PACKAGE, copy)
    for sobject in ("Account", "Contact"):
        fields = copy / "main" / "default" / "objects" / sobject / "fields"
        text = (fields / "Stripe_Customer_Id__c.field-meta.xml").read_text()
        (fields / f"{OWN_FIELD}.field-meta.xml").write_text(text.replace("Stripe_Customer_Id__c", OWN_FIELD))
    return copy


@dataclass
class ConnectStack(Stack):
    """`accounts` are the connected ones by entity, and one that no entity names; `second` has the other org."""

    second: Stack | None = None
    accounts: dict[str, str] = field(default_factory=dict)

    def register_webhooks(self) -> None:
        """Make the connected accounts, and every endpoint there is; all have secrets of their own."""
        client = self.stripe()
        for name in ("uk", "de", "nobody"):
            self.accounts[name] = client.v1.accounts.create({"type": "standard"}).id
        super().register_webhooks()
        url = f"http://127.0.0.1:{self.web_port}/webhooks/stripe/{self.entity}"
        connect = client.v1.webhook_endpoints.create(
            {"url": url, "enabled_events": ["*"], "api_version": API_VERSION, "connect": True}
        )
        thin = client.v2.core.event_destinations.create(
            {
                "name": "thin",
                "type": "webhook_endpoint",
                "event_payload": "thin",
                "enabled_events": ["*"],
                "events_from": ["@self", "@accounts"],
                "webhook_endpoint": {"url": url},
                "include": ["webhook_endpoint.signing_secret"],
            }
        )
        endpoint = thin.webhook_endpoint
        assert endpoint is not None
        self.environment |= {"CONNECT_SECRET": str(connect.secret), "THIN_SECRET": str(endpoint.signing_secret)}

    def configuration(self) -> dict[str, Any]:
        """Return the YAML file's content: a platform and two connected accounts, two orgs."""
        assert self.second is not None
        found = super().configuration()
        entities = found["entities"]
        platform = entities[self.entity]["stripe"]
        platform["webhook_secrets"] += [{"env": "CONNECT_SECRET"}, {"env": "THIN_SECRET"}]
        shared = {name: platform[name] for name in ("livemode", "api_base", "secret_key")} | {"platform": self.entity}
        found["orgs"]["second"] = self.second.configuration()["orgs"]["main"]
        entities["uk"] = {"org": "second", "stripe": shared | {"account": self.accounts["uk"]}}
        entities["de"] = {
            "org": "main",
            "stripe": shared | {"account": self.accounts["de"]},
            "customer_field": OWN_FIELD,
        }
        return found


@dataclass
class Group:
    """The cast of the platform, and what it has beside it."""

    cast: Cast
    second: Salesforce
    accounts: dict[str, str]


@contextmanager
def group(postgres_url: str) -> Iterator[Group]:
    """Give a running platform with its connected accounts."""
    url = fresh_database(postgres_url)
    try:
        with short_folder() as folder, Stack(folder / "second") as second:
            second.web_port = free_port()
            second.start_sandbox(seed=2)
            with ConnectStack(folder / "first", database_url=url, package=widened_package(folder)) as stack:
                stack.second = second
                stack.start_sandbox()
                service = stack.start_service()
                other = Salesforce(second.info["salesforce"])
                with gathered(stack, service, Screen(plain=True, chapters=1)) as cast:
                    yield Group(cast, other, stack.accounts)
                other.close()
    finally:
        drop_database(postgres_url, url)
