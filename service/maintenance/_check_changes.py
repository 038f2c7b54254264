"""Whether an org's change rules can work: the fields are there, and changes of their objects are captured."""

from collections.abc import Iterator

from service.clients import SalesforceApi
from service.commands.changes import fields_to_read
from service.config import Org
from service.config.changes import CHANGE_TOPICS
from service.errors import VendorDenied, VendorRejected
from service.maintenance._fields import Described
from service.maintenance._finding import Finding, fault, note, ok

_FIELD = "Correct the rule, or let the integration user read the field"
_SELECT = "Deploy deploy/salesforce-changes, or select the object in Setup under Change Data Capture"
_LOOK = "Look in Setup under Change Data Capture, or let the user view setup"


async def check_changes(subject: str, org: Org, api: SalesforceApi) -> list[Finding]:
    """Return what was found of the rules of an org; nothing when it has none.

    Raises:
        VendorError: the org did not answer as it should.
    """
    found: list[Finding] = []
    for sobject in dict.fromkeys(rule.sobject for rule in org.changes):
        found += _fields(subject, sobject, org, await api.describe(sobject))
    return found + await _selected(subject, org, api)


def _fields(subject: str, sobject: str, org: Org, described: Described | None) -> Iterator[Finding]:
    check = f"rules for {sobject}"
    known = {field["name"]: field for field in (described or {}).get("fields") or ()}
    wanted = fields_to_read(rule for rule in org.changes if rule.sobject == sobject)
    missing = [name for name in wanted if name not in known]
    if missing:
        yield fault(subject, check, f"the user cannot see {', '.join(missing)}", _FIELD)
        return
    for name in wanted:
        if known[name].get("calculated"):
            detail = f"{name} is a formula: when it alone changes, Salesforce tells nobody"
            yield note(subject, check, detail, "Change another field of the record with it, or publish an event")
    yield ok(subject, check, f"{len(wanted)} fields")


async def _selected(subject: str, org: Org, api: SalesforceApi) -> list[Finding]:
    """Tell which objects' changes are captured; a channel of the org's own is known by its members alone."""
    wanted = {rule.sobject for rule in org.changes}
    if not wanted:
        return []
    check = "captured changes"
    try:
        rows = await api.setup("SELECT EventChannel, SelectedEntity FROM PlatformEventChannelMember")
    except (VendorDenied, VendorRejected) as error:
        return [note(subject, check, f"could not be read: {error.message}", _LOOK)]
    captured = {str(row["SelectedEntity"]) for row in rows}
    missing = sorted(name for name in wanted if f"{name}ChangeEvent" not in captured)
    if missing:
        return [fault(subject, check, f"the changes of {', '.join(missing)} are not captured", _SELECT)]
    topics = [topic for topic in org.topics if topic.startswith(CHANGE_TOPICS)]
    return [ok(subject, check, f"{', '.join(sorted(wanted))}, read by {', '.join(topics)}")]
