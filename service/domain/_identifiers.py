"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum of the case.

Compared only in the 18-character form. Source: Salesforce object reference, "ID field type".
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from service.errors import InvalidRequest, Violation

_FORM = re.compile(r"^[A-Za-z0-9]{15}([A-Z0-5]{3})?$")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# Key prefixes of the standard objects a payment can be asked from.
SOURCE_OBJECTS = {"006": "Opportunity", "801": "Order"}


@lru_cache(maxsize=4096)
def _suffix(core: str) -> str:
    parts = (core[0:5], core[5:10], core[10:15])
    return "".join(_CHECK[sum(1 << i for i, char in enumerate(part) if char.isupper())] for part in parts)


def normalise_salesforce_id(value: str, *, field: str = "record_id") -> str:
    """Return the 18-character form of a record id.

    Raises:
        InvalidRequest: not an id, or its checksum does not match (a mistyped or lower-cased id); names `field`.
    """
    if not _FORM.fullmatch(value):
        raise InvalidRequest([Violation(field, "is not a Salesforce record id: give its 15 or 18 characters")])
    core = value[:15]
    full = core + _suffix(core)
    if len(value) == len(full) and value != full:
        raise InvalidRequest([Violation(field, "has a wrong checksum: copy the id again, keeping its case")])
    return full


def sobject_of(
    record_id: str, *, field: str = "record_id", among: Mapping[str, str] = MappingProxyType(SOURCE_OBJECTS)
) -> str:
    """Return the object of a record by the id's prefix; `among` are those that may be, Opportunity or Order by default.

    Raises:
        InvalidRequest: the id is of another object; names `field`.
    """
    name = among.get(record_id[:3])
    if name is None:
        known = " nor an ".join(f"{sobject} ({prefix})" for prefix, sobject in among.items())
        raise InvalidRequest([Violation(field, f"is neither an {known}: give one of those")])
    return name
