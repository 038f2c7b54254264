"""What a change event says: whose records changed, who changed them, and whether Salesforce told all of it. Pure.

Source: Change Data Capture Developer Guide, "Change Event Header Fields", "Gap Events" and "Overflow Events".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from service.domain import normalise_salesforce_id
from service.errors import InvalidRequest

_OVERFLOW = "GAP_OVERFLOW"
_DELETIONS = frozenset({"DELETE", "GAP_DELETE"})
_CLIENT = re.compile(r"(?:^|;)client=([^;]*?)/?(?:;|$)")
_BITMAP = re.compile(r"(?:\d+-)?0x")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """One change event.

    Attributes:
        sobject: whose records, such as "Opportunity".
        record_ids: the records, with 18 characters.
        whole: whether every record that changed is named; else all of that object may have.
        changed: the fields that changed; None if that is not known.
        client: the client that made the change by an API, as it named itself.
        user: who made it.
        committed_at: when, UTC, if that is told.
    """

    sobject: str
    record_ids: tuple[str, ...]
    whole: bool
    changed: frozenset[str] | None
    client: str | None
    user: str | None
    committed_at: datetime | None

    def touches(self, fields: frozenset[str]) -> bool:
        """Tell whether one of these fields may have changed."""
        return self.changed is None or not self.changed.isdisjoint(fields)


def read_change(payload: str) -> Change | None:
    """Return what a stored change event says; None for one that says nothing of records, or that they are gone."""
    body = orjson.loads(payload)
    header = body.get("ChangeEventHeader") if isinstance(body, dict) else None
    if not isinstance(header, dict) or not isinstance(header.get("entityName"), str):
        return None
    kind = str(header.get("changeType"))
    if kind in _DELETIONS:
        return None
    records, whole = _records(header)
    gap = kind.startswith("GAP_")
    origin, user = _CLIENT.search(str(header.get("changeOrigin") or "")), header.get("commitUser")
    return Change(
        sobject=header["entityName"],
        record_ids=records,
        whole=whole and kind != _OVERFLOW,
        changed=_changed(header) if kind == "UPDATE" else None,
        client=None if gap or origin is None else origin[1],
        user=user if isinstance(user, str) else None,
        committed_at=_moment(header.get("commitTimestamp")),
    )


def _records(header: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    """Return the ids, and whether all are: an id may be a key prefix and a star, for all records of the object."""
    found: dict[str, None] = {}
    given = header.get("recordIds")
    for one in given if isinstance(given, list) else ():
        try:
            found[normalise_salesforce_id(one)] = None
        except (InvalidRequest, TypeError):
            return tuple(found), False
    return tuple(found), bool(found)


def _changed(header: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names of what changed; None when one of them is a bitmap that nobody could read."""
    given = header.get("changedFields")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    return None if not names or any(_BITMAP.match(name) for name in names) else frozenset(names)


def _moment(milliseconds: Any) -> datetime | None:
    """Return a time in milliseconds since 1970; CometD's numbers are texts by now, or times themselves."""
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (ValueError, TypeError, OverflowError):
        return None
