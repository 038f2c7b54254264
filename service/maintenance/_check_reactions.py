"""Whether an org can take what its reactions make: tasks with their key, outcomes, and the types of notifications."""

from collections.abc import Iterator
from typing import Any

from service.clients import SalesforceApi, format_soql
from service.config import Org
from service.delivery import EVENT, TASK, TASK_KEY
from service.maintenance._finding import Finding, fault, ok

_DEPLOY = "Deploy deploy/salesforce, and assign Counterfoil_Reactions to the user"


async def check_reactions(subject: str, org: Org, api: SalesforceApi) -> list[Finding]:
    """Return what was found; nothing when the org has no rules.

    Raises:
        VendorError: the org does not answer.
    """
    findings: list[Finding] = []
    deeds = [rule.do for rule in org.reactions]
    if any(deed.task for deed in deeds):
        findings.append(_finding(subject, TASK, list(_task_faults(await api.describe(TASK)))))
    if any(deed.event for deed in deeds):
        described = await api.describe(EVENT)
        faults = [] if described and described.get("createable") else ["does not exist, or may not be published"]
        findings.append(_finding(subject, EVENT, faults))
    for name in sorted({deed.notification.type for deed in deeds if deed.notification}):
        question = format_soql("SELECT Id FROM CustomNotificationType WHERE DeveloperName = {name}", name=name)
        found = await api.query(question)
        findings.append(_finding(subject, f"notification {name}", [] if found else ["there is no such type"]))
    return findings


def _task_faults(described: dict[str, Any] | None) -> Iterator[str]:
    if described is None or not described.get("createable"):
        yield "may not be created"
        return
    fields = {field["name"]: field for field in described.get("fields") or ()}
    key = fields.get(TASK_KEY)
    if key is None or not key.get("externalId"):
        yield f"{TASK_KEY} does not exist, cannot be seen by the user, or is no external id"


def _finding(subject: str, what: str, faults: list[str]) -> Finding:
    check = f"react with {what}"
    return fault(subject, check, faults[0], _DEPLOY) if faults else ok(subject, check, "ready")
