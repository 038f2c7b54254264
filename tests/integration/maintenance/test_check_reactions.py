"""An org that cannot take what its rules make is found by the check, before any rule is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.clients import SalesforceApi
from service.clock import SystemClock
from service.config import Org
from service.maintenance._check_reactions import check_reactions
from tests.support.sandbox import RunningSandbox, start_sandbox

PACKAGE = Path(__file__).parents[3] / "deploy" / "salesforce" / "force-app"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    it = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield it
    it.stop()


def rule(name: str, **deed: Any) -> dict[str, Any]:
    return {"name": name, "when": "payment_failed", "do": deed}


def told(**more: Any) -> dict[str, Any]:
    return {"title": "T", "body": "B", "recipients": ["record_owner"], **more}


async def findings(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, *rules: dict[str, Any]) -> dict[str, str]:
    info = sandbox.info["salesforce"]
    monkeypatch.setenv("ORG_SECRET", info["client_secret"])
    auth = {"flow": "client_credentials", "client_id": info["client_id"], "client_secret": {"env": "ORG_SECRET"}}
    settings = {"org_id": info["org_id"], "is_sandbox": True, "login_url": info["http_url"], "auth": auth}
    org = Org.model_validate(settings | {"reactions": list(rules)})
    api = SalesforceApi("main", org, SystemClock())
    try:
        return {one.check: one.outcome.value for one in await check_reactions("orgs.main", org, api)}
    finally:
        api.close()


async def test_an_org_with_the_package_is_ready(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rule("a", task={"subject": "S"}), rule("b", event={}), rule("c", notification=told())
    assert await findings(sandbox, monkeypatch, *rules) == {
        "react with Task": "ok",
        "react with Payment_Outcome__e": "ok",
        "react with notification Counterfoil_Payment_Alert": "ok",
    }


async def test_what_no_rule_needs_is_not_asked_for(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await findings(sandbox, monkeypatch) == {}


async def test_a_type_the_org_lacks_is_a_fault(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await findings(sandbox, monkeypatch, rule("a", notification=told(type="Not_There")))
    assert found == {"react with notification Not_There": "fault"}
