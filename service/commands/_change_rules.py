"""Change rules on records as they are: which to read, which ask for something, and the request that makes. Pure.

Won and activated are told by IsWon and StatusCode, which no administrator can rename. A rule gives the same request for
the same record and version however often it is asked.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from service.commands._operations import OPERATIONS, checked
from service.commands._request import Request
from service.config import Installation
from service.config.changes import ChangeRule
from service.errors import ConfigurationError, InvalidRequest

Row = Mapping[str, Any]
_STATE = {"won": ("IsWon", "LastStageChangeDate"), "activated": ("StatusCode", "ActivatedDate")}
_IN_STATE: dict[str, object] = {"won": True, "activated": "Activated"}
# In SOQL, for a sweep.
CONDITION = {"won": "IsWon = true", "activated": "StatusCode = 'Activated'"}
# A change of these makes a request that was carried out worth comparing with its record.
BINDING = frozenset({"Amount", "TotalAmount", "CurrencyIsoCode", "AccountId"})
_VERSION = re.compile(r"[\x21-\x7e]{1,80}")
_SAMPLES = {"Opportunity": "006000000000001AAA", "Order": "801000000000001AAA"}


def fields_to_read(rules: Iterable[ChangeRule]) -> tuple[str, ...]:
    """Return the fields of a record that rules for its object look at."""
    wanted = ["Id", "CreatedDate", "LastModifiedById"]
    for rule in rules:
        wanted += [*_STATE[rule.when], *rule.record_fields]
    return tuple(dict.fromkeys(wanted))


def holds(rule: ChangeRule, row: Row) -> bool:
    """Tell whether a record is in the state that a rule names, and came into it when the rule was wanted."""
    state, moment = _STATE[rule.when]
    since = _moment(row.get(moment)) or _moment(row.get("CreatedDate"))
    if row.get(state) != _IN_STATE[rule.when] or since is None or since < rule.begins_at:
        return False
    return all(_is_one_of(row.get(field), wanted) for field, wanted in rule.condition.items())


def _is_one_of(value: Any, wanted: Any) -> bool:
    return any(
        (value or None) is None
        if one in {None, ""}
        else value == one and isinstance(value, bool) is isinstance(one, bool)
        for one in (wanted if isinstance(wanted, tuple) else (wanted,))
    )


def request_of(rule: ChangeRule, row: Row, entity: str, *, user: str | None) -> Request:
    """Return what a rule asks for a record; an argument whose field is empty is left out."""
    arguments = dict(rule.ask.arguments)
    for name, field in rule.ask.fields.items():
        value = _text(row.get(field))
        if value is not None:
            arguments[name] = value
    operation = OPERATIONS.get(rule.ask.operation)
    versioned = operation is None or operation.versioned
    target = operation.target if operation is not None else None
    return Request(
        entity=entity,
        operation=rule.ask.operation,
        record_id=str(row["Id"]),
        target_id=arguments.pop(target.name, None) if target else None,
        arguments=arguments,
        version=_version([row.get(field) for field in rule.version], versioned=versioned),
        requested_by=user or _text(row.get("LastModifiedById")),
        source="salesforce",
    )


def _version(values: Sequence[Any], *, versioned: bool) -> str:
    """Return the business version that values make: themselves where that is plain and short, else their digest."""
    if not values:
        return "1" if versioned else ""
    text = "/".join(_text(value) or "" for value in values)
    return text if _VERSION.fullmatch(text) else f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal | int):
        return format(Decimal(value).normalize(), "f")
    return value.strip() or None if isinstance(value, str) else None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def verify_changes(installation: Installation) -> None:
    """Refuse rules that ask for what cannot be asked.

    Raises:
        ConfigurationError: the first fault, with the others behind it; names the field, the fault and the remedy.
    """
    faults: list[ConfigurationError] = []
    for org_name, org in installation.orgs.items():
        for number, rule in enumerate(org.changes):
            entity = rule.entity or installation.entities_of(org_name)[0]
            sample = dict.fromkeys(rule.ask.fields.values(), "x") | {"Id": _SAMPLES[rule.sobject]}
            request = request_of(rule, sample, entity, user=None)
            unknown = set(rule.ask.fields)
            try:
                checked(request)
            except InvalidRequest as error:
                # What comes from a field is known when a record is read; only its name can be wrong here.
                found = [
                    one for one in error.violations if one.field not in unknown or "does not go" in one.description
                ]
                place = f"orgs.{org_name}.changes.{number}.ask"
                faults += [
                    ConfigurationError(f"{place}.{one.field}", one.description, "Correct it, as the API has it")
                    for one in found
                ]
    if faults:
        raise ConfigurationError(faults[0].field, faults[0].fault, faults[0].remedy, others=faults[1:])
