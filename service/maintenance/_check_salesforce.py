"""Whether an org can do its part: sign-in, the objects and fields that are written and read, the event streams.

It asks for what the projection and the commands say themselves, never for a list of its own, and it writes nothing.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence

from service.clients import SalesforceApi
from service.commands import OWNERS, REQUEST_FIELDS, customer_paths, line_fields, terms_fields
from service.commands.approvals import APPROVAL_FIELDS, APPROVAL_TOPIC
from service.config import Installation, Org
from service.domain import DesiredRecord, Reference, Value
from service.errors import ConfigurationError, VendorDenied, VendorError
from service.maintenance._check_currencies import check_currencies
from service.maintenance._check_reactions import check_reactions
from service.maintenance._fields import Described, access_faults, field_faults, is_wanted, key_faults
from service.maintenance._finding import Finding, fault, note, ok
from service.mapping import Names, field_name, object_name
from service.projection import widest_records

_DEPLOY = "Deploy deploy/salesforce, or map the name in 'mappings'; then assign Counterfoil_Integration to the user"
_WIDEN = "Deploy deploy/salesforce, or change the field or its mapping"
_FILL = (
    "Give it a value below 'extra' of the mapping, a default value, or a flow that fills it before the record is saved"
)
_GRANT = "Assign the permission set Counterfoil_Integration to the integration user"

# Tells whether a topic of an org exists and may be read; raises VendorError when the question has no answer.
TopicProbe = Callable[[str, str], Awaitable[bool]]


async def check_org(
    name: str, installation: Installation, api: SalesforceApi, probe: TopicProbe | None
) -> list[Finding]:
    """Return what was found of one org; the rest is left out when the sign-in fails, the topics without a probe."""
    subject, org, names = f"orgs.{name}", installation.orgs[name], installation.mappings.get(name, {})
    customer_fields = installation.customer_fields_of(name)
    try:
        await api.session()
    except ConfigurationError as error:
        return [fault(error.field, "is the configured org", error.fault, error.remedy)]
    except VendorDenied as error:
        return [
            fault(subject, "sign-in", error.message, "Follow 'The external client app' in deploy/salesforce/README.md")
        ]
    except VendorError as error:
        return [fault(subject, "sign-in", error.message, f"Check that {org.login_url} can be reached from here")]
    kind = "a sandbox" if org.is_sandbox else "production"
    findings = [ok(subject, "sign-in", f"org {org.org_id}, {kind}")]
    try:
        wanted = [one for one in widest_records("", names, customer_fields=customer_fields) if one.enabled]
        described = await _describe(api, {record.sobject for record in wanted}, names)
        findings += _written(subject, described, wanted, names)
        findings += _read(subject, org, described, customer_fields, names)
        findings += _read_customers(subject, name, installation, described)
        findings += await _line_items(subject, api, names)
        findings += await check_reactions(subject, org, api)
        findings += await check_currencies(name, installation, api)
        findings += await _requests(subject, org, api)
    except VendorError as error:
        findings.append(fault(subject, "objects", error.message, "Try again; the org must answer describe calls"))
    if probe is not None:
        findings += [await _topic(subject, topic, name, org, probe) for topic in org.pubsub.topics]
    return findings


async def _line_items(subject: str, api: SalesforceApi, names: Names) -> list[Finding]:
    """Tell which fields of line items cannot be read: without them no invoice has lines."""
    found: list[Finding] = []
    for sobject, paths in line_fields(names).items():
        lacks: list[str] = []
        for path in paths:
            owner, _, field = path.rpartition(".")
            described = await api.describe(owner or sobject)
            if described is None or field not in _fields(described):
                lacks.append(path)
        if lacks:
            found.append(note(subject, f"read {sobject}", f"the user cannot see {', '.join(lacks)}", _DEPLOY))
        else:
            found.append(ok(subject, f"read {sobject}", f"{len(paths)} fields"))
    return found


async def _requests(subject: str, org: Org, api: SalesforceApi) -> list[Finding]:
    """Tell which fields of a request an org does not have: what they would say cannot be asked for there."""
    found: list[Finding] = []
    for topic in org.pubsub.topics:
        event = topic.removeprefix("/event/")
        if event == topic or not event.endswith("__e"):
            continue  # a channel of its own, or changes of records
        described = await api.describe(event)
        wanted = APPROVAL_FIELDS if topic == APPROVAL_TOPIC else REQUEST_FIELDS
        lacks = sorted(wanted - _fields(described).keys()) if described else []
        if lacks:
            found.append(note(subject, f"read {event}", f"has no {', '.join(lacks)}", _DEPLOY))
        elif described:
            found.append(ok(subject, f"read {event}", f"{len(wanted)} fields"))
    return found


async def _describe(api: SalesforceApi, written: set[str], names: Names) -> dict[str, Described | None]:
    """Return our objects, by our names, as the org describes them."""
    ours = written | set(terms_fields(names)) | {"Account"}
    return {sobject: await api.describe(object_name(names, sobject)) for sobject in sorted(ours)}


def _fields(described: Described) -> dict[str, Described]:
    return {field["name"]: field for field in described.get("fields") or ()}


def _written(
    subject: str, described: Mapping[str, Described | None], wanted: Iterable[DesiredRecord], names: Names
) -> Iterator[Finding]:
    samples: dict[str, list[DesiredRecord]] = defaultdict(list)
    for record in wanted:
        samples[record.sobject].append(record)
    for sobject, records in samples.items():
        found = described[sobject]
        where = object_name(names, sobject)
        if found is None:
            yield fault(subject, f"write {where}", "does not exist, or the user cannot see it", _DEPLOY)
            continue
        faults = list(_object_faults(where, found, records, names))
        yield from (
            note(subject, f"write {where}.{field}", "is required of new records, and not written", _FILL)
            for field in _unwritten(found, records, names)
        )
        yield from (fault(subject, f"write {place}", detail, remedy) for place, detail, remedy in faults)
        if not faults:
            written = {field for record in records for field in record.fields if field_name(names, sobject, field)}
            yield ok(subject, f"write {where}", f"{len(written)} fields")


def _object_faults(
    where: str, found: Described, records: list[DesiredRecord], names: Names
) -> Iterator[tuple[str, str, str]]:
    sobject, key = records[0].sobject, records[0].key_field
    ours = key != "Id"
    if not found.get("updateable") or (ours and not found.get("createable")):
        yield where, "may not be written", _GRANT
    fields = _fields(found)
    values: dict[str, list[Value | Reference]] = defaultdict(list)
    for record in records:
        for field, value in record.fields.items():
            values[field].append(value)
    if ours:
        values[key] = [record.key for record in records]
    for field, wanted in values.items():
        name = field_name(names, sobject, field)
        if name is None:
            if field == key:
                yield f"{where}.{field}", "is mapped to null, and records are found by it", "Name a field in 'mappings'"
            continue
        if name not in fields:
            yield f"{where}.{name}", "does not exist, or the user cannot see it", _DEPLOY
            continue
        place = f"{where}.{name}"
        yield from ((place, detail, _GRANT) for detail in access_faults(fields[name], created=ours))
        yield from ((place, detail, _WIDEN) for detail in field_faults(fields[name], wanted, names))
        if field == key:
            yield from ((place, detail, _WIDEN) for detail in key_faults(fields[name]))


def _unwritten(found: Described, records: list[DesiredRecord], names: Names) -> Iterator[str]:
    """Yield what new records need and do not get; of records that are the org's own, none is made."""
    sobject, key = records[0].sobject, records[0].key_field
    if key == "Id":
        return
    written = {field_name(names, sobject, field) for record in records for field in (key, *record.fields)}
    yield from (name for name, field in _fields(found).items() if is_wanted(field) and name not in written)


def _read(
    subject: str, org: Org, described: Mapping[str, Described | None], customer_fields: Sequence[str], names: Names
) -> Iterator[Finding]:
    paths: dict[str, dict[str, None]] = defaultdict(dict)  # what is read, once each and in order
    for customer_field in customer_fields:
        for sobject, fields in terms_fields(names, customer_field).items():
            paths[sobject] |= dict.fromkeys(fields)
    for sobject, wanted in paths.items():
        found, account = described[sobject], described["Account"]
        if found is None or account is None:
            missing = sobject if found is None else "Account"
            yield fault(subject, f"read {sobject}", f"{missing} cannot be seen by the user", _GRANT)
            continue
        own, theirs = _fields(found), _fields(account)
        missing_fields = [
            path
            for path in wanted
            if path.removeprefix("Account.") not in (theirs if path.startswith("Account.") else own)
        ]
        if missing_fields:
            yield fault(subject, f"read {sobject}", f"the user cannot see {', '.join(missing_fields)}", _GRANT)
        elif "CurrencyIsoCode" not in own and org.currency is None:
            detail = "the org has a single currency, and its records do not name it"
            yield fault(f"{subject}.currency", f"read {sobject}", detail, "Set it to the org's currency")
        else:
            yield ok(subject, f"read {sobject}", f"{len(wanted)} fields")


def _read_customers(
    subject: str, org: str, installation: Installation, described: Mapping[str, Described | None]
) -> Iterator[Finding]:
    """Tell whether all can be read that sync_customer keeps a customer by."""
    for sobject in OWNERS.values():
        seen = _fields(described[sobject] or {})
        entities = (installation.entities[name] for name in installation.entities_of(org))
        wanted = dict.fromkeys(path for entity in entities for path in customer_paths(entity, sobject))
        missing = [path for path in wanted if path not in seen]
        if missing:
            detail = f"the user cannot see {', '.join(missing)}"
            yield fault(subject, f"read {sobject}", detail, f"{_GRANT}; or name other fields in 'customers'")
        else:
            yield ok(subject, f"read {sobject}", f"{len(wanted)} fields of its customer")


async def _topic(subject: str, topic: str, name: str, org: Org, probe: TopicProbe) -> Finding:
    check = f"subscribe {topic}"
    try:
        allowed = await probe(name, topic)
    except VendorDenied as error:
        return fault(subject, check, error.message, _DEPLOY)
    except VendorError as error:
        where = f"{subject}.{org.stream}"
        return fault(where, check, error.message, "Check that its endpoint can be reached from here")
    return ok(subject, check) if allowed else fault(subject, check, "the user may not subscribe", _GRANT)
