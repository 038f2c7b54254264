"""What the mapping would write: each object with its fields, and for chosen records how they differ from the org's.

It reads the mirror and the org and writes to neither. Values are shown to whoever asks and never logged.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.clients import SalesforceApi, format_soql
from service.delivery import render
from service.domain import DesiredRecord, Reference, Value
from service.mapping import Names, field_name, is_enabled, object_name
from service.projection import widest_records

_WORKED_OUT = "="


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """One object: ours, what the org calls it, and each of its fields with ours, or with "=" where it is worked out."""

    org: str
    ours: str
    theirs: str
    enabled: bool
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A field that would change; texts, None for an empty field."""

    field: str
    present: str | None
    wanted: str | None


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One record: `salesforce_id` is None if the org has none yet; no changes if it stands there as wanted."""

    org: str
    sobject: str
    key: str
    salesforce_id: str | None
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def written(org: str, names: Names, customer_fields: Collection[str]) -> list[ObjectPlan]:
    """Return every object we write to an org, by our names; `customer_fields` are those of its entities."""
    fields: dict[str, dict[str, str]] = defaultdict(dict)
    for record in widest_records(org, names, customer_fields=customer_fields):
        own = record.fields if record.key_field == "Id" else {record.key_field: record.key, **record.fields}
        for field in own:
            theirs = field_name(names, record.sobject, field)
            if theirs is not None:
                fields[record.sobject][theirs] = _WORKED_OUT if field.startswith(_WORKED_OUT) else field
    return [
        ObjectPlan(org, ours, object_name(names, ours), is_enabled(names, ours), fields[ours])
        for ours in sorted(fields)
    ]


async def compare(api: SalesforceApi, names: Names, records: Iterable[DesiredRecord]) -> list[RecordPlan]:
    """Return how the org's records differ from the wanted ones. Fields that the org lacks are left to the check.

    Raises:
        VendorError: the org did not answer as it should.
    """
    return [await _compare(api, names, record) for record in records if record.enabled]


async def _compare(api: SalesforceApi, names: Names, record: DesiredRecord) -> RecordPlan:
    sobject = object_name(names, record.sobject)
    key_field = field_name(names, record.sobject, record.key_field) or record.key_field
    described = await api.describe(sobject) or {}
    known = {field["name"] for field in described.get("fields") or ()}
    wanted = dict(_paths(render(names, record), known, record, names))
    wanted.pop(key_field, None)
    query = f"SELECT {', '.join(dict.fromkeys(['Id', *wanted]))} FROM {sobject} WHERE {key_field} = {{}}"  # noqa: S608  (names are checked; the value is quoted)
    rows = await api.query(format_soql(query, record.key), limit=1) if key_field in known else []
    row = rows[0] if rows else None
    changes = (
        Change(path, _text(_at(row, path)), _text(value))
        for path, value in wanted.items()
        if _comparable(_at(row, path)) != _comparable(value)
    )
    return RecordPlan(record.org, sobject, record.key, row["Id"] if row else None, tuple(changes))


def _paths(
    rendered: Mapping[str, Any], known: set[str], record: DesiredRecord, names: Names
) -> Iterator[tuple[str, Value]]:
    """Yield what a query can ask of a rendered record: a lookup is compared by the external id behind it."""
    lookups = {
        field_name(names, record.sobject, field) for field, one in record.fields.items() if isinstance(one, Reference)
    }
    for name, value in rendered.items():
        if isinstance(value, Mapping):
            lookup = f"{name[:-1]}c" if name.endswith("__r") else f"{name}Id"
            if lookup in known and lookup in lookups:
                yield from ((f"{name}.{foreign}", key) for foreign, key in value.items())
        elif name in known:
            yield name, value


def _at(row: Mapping[str, Any] | None, path: str) -> Any:
    found: Any = row
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _comparable(value: Any) -> Any:
    """Return what is equal for values that Salesforce holds to be the same: an unticked box and none, one instant."""
    if value is False or value == "":
        return None
    if isinstance(value, str):
        return _moment(value) or value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
