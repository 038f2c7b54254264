"""A sandbox with the package, another whose package was changed by hand, and the check run as the command runs it."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from service import bootstrap
from service.config import load_settings
from service.maintenance import Finding, Outcome
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

OBJECTS = Path("main/default/objects")
VALUES = Path("main/default/globalValueSets/Payment_Status.globalValueSet-meta.xml")


@dataclass(frozen=True)
class Report:
    """What a check found."""

    findings: list[Finding]

    @property
    def faults(self) -> dict[str, str]:
        return {f"{one.subject} {one.check}": one.detail for one in self.findings if one.outcome is Outcome.FAULT}

    @property
    def well(self) -> set[str]:
        return {f"{one.subject} {one.check}" for one in self.findings if one.outcome is Outcome.OK}

    def remedy(self, place: str) -> str:
        return next(one.remedy for one in self.findings if f"{one.subject} {one.check}" == place)


@dataclass
class Bench:
    """One sandbox and an installation written for it; a test changes `document` before it checks."""

    sandbox: RunningSandbox
    folder: Path
    database_url: str
    document: dict[str, Any]

    @property
    def org(self) -> dict[str, Any]:
        org: dict[str, Any] = self.document["orgs"]["main"]
        return org

    @property
    def stripe(self) -> dict[str, Any]:
        stripe: dict[str, Any] = self.document["entities"]["acme"]["stripe"]
        return stripe

    def secret(self, name: str, value: str) -> dict[str, str]:
        path = self.folder / name
        path.write_text(value)
        return {"file": str(path)}

    async def check(self, *, offline: bool = False, **settings: Any) -> Report:
        path = self.folder / "counterfoil.yaml"
        path.write_text(yaml.safe_dump(self.document))
        given = {"config_file": path, "database_url": self.database_url, **settings}
        # It runs a loop of its own, as in the command.
        return Report(await asyncio.to_thread(bootstrap.check, lambda: load_settings(**given), offline=offline))


@pytest.fixture(scope="session")
def good_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("good"), PACKAGE)
    yield running
    assert running.stop() == 0


def _change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(scope="session")
def bad_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as an administrator may have changed it by hand."""
    package = tmp_path_factory.mktemp("package") / "force-app"
    shutil.copytree(PACKAGE, package)
    objects = package / OBJECTS
    shutil.rmtree(package / "main/default/permissionsets")  # they name what is taken away here
    shutil.rmtree(objects / "Balance_Transaction__c")
    (objects / "Payment__c/fields/Fee__c.field-meta.xml").unlink()
    (objects / "Account/fields/Stripe_Customer_Id__c.field-meta.xml").unlink()
    _change(objects / "Payment__c/fields/Failure_Message__c.field-meta.xml", ("<length>255<", "<length>100<"))
    _change(objects / "Payment__c/fields/Amount__c.field-meta.xml", ("<scale>3<", "<scale>2<"))
    _change(
        objects / "Charge__c/fields/Stripe_Id__c.field-meta.xml",
        ("<externalId>true", "<externalId>false"),
        ("<unique>true", "<unique>false"),
    )
    _change(objects / "Order/fields/Amount_Paid__c.field-meta.xml", ("<scale>3<", "<scale>0<"))
    _change(objects / "Order/fields/Payment_Link_Url__c.field-meta.xml", ("<length>5000<", "<length>1000<"))
    _change(package / VALUES, ("<fullName>Disputed<", "<fullName>Contested<"))
    return package


@pytest.fixture(scope="session")
def bad_org(tmp_path_factory: pytest.TempPathFactory, bad_package: Path) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("bad"), bad_package)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def strict_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """An org that demands more of a refund than we write, and cannot be asked for one with a reason."""
    package = Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("strict") / "force-app"))
    own = package / OBJECTS / "Refund__c/fields/Approval__c.field-meta.xml"
    shutil.copy(own.with_name("Reason__c.field-meta.xml"), own)
    _change(own, ("<fullName>Reason__c", "<fullName>Approval__c"), ("<required>false", "<required>true"))
    (package / OBJECTS / "Payment_Request__e/fields/Reason__c.field-meta.xml").unlink()
    running = start_sandbox(tmp_path_factory.mktemp("strict-state"), package)
    yield running
    assert running.stop() == 0


@pytest.fixture
def make(tmp_path: Path, database_url: str) -> Callable[[RunningSandbox], Bench]:
    def bench(sandbox: RunningSandbox) -> Bench:
        org, account, pubsub = (sandbox.info[name] for name in ("salesforce", "stripe", "pubsub"))
        made = Bench(sandbox, tmp_path, database_url, {"version": 1})
        made.document["orgs"] = {
            "main": {
                "org_id": org["org_id"],
                "is_sandbox": org["is_sandbox"],
                "login_url": org["url"],
                "ca_file": org["ca_file"],
                "timeout_seconds": 5,
                "auth": {
                    "flow": "jwt_bearer",
                    "client_id": org["client_id"],
                    "username": org["username"],
                    "private_key": {"file": org["jwt_key_file"]},
                    "audience": org["url"],
                },
                "pubsub": {"endpoint": pubsub["endpoint"]},
            }
        }
        made.document["entities"] = {
            "acme": {
                "org": "main",
                "checkout": {"success_url": "https://acme.example/paid"},
                "stripe": {
                    "account": account["account"],
                    "livemode": False,
                    "api_base": account["url"],
                    "timeout_seconds": 5,
                    "secret_key": made.secret("key", account["secret_key"]),
                    "webhook_secrets": [made.secret("webhook", "whsec_1")],
                },
            }
        }
        return made

    return bench


@pytest.fixture
def bench(make: Callable[[RunningSandbox], Bench], good_org: RunningSandbox) -> Iterator[Bench]:
    yield make(good_org)
    good_org.control("DELETE", "/stripe/faults")
    good_org.control("DELETE", "/salesforce/faults")
    good_org.control("DELETE", "/pubsub/faults")
    good_org.control("DELETE", "/cometd/faults")
