"""Mappings tried on one of every record we write, before a start: an expression that cannot work is refused here.

CEL has no types before it runs, so each expression is run on records that fill every field, and on those of payments
that failed. What only the org can tell, `check_org` asks it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from service.config import Computed, Installation, ObjectMapping
from service.errors import ConfigurationError
from service.mapping import ExpressionFailed, Names
from service.projection import widest_records

_OURS = re.compile(r"\bours\s*\.\s*([A-Za-z_]\w*)")


def verify_mappings(installation: Installation) -> None:
    """Refuse what no org could take.

    Raises:
        ConfigurationError: the first fault, with the others behind it; names the field, the fault and the remedy.
    """
    faults = [
        fault
        for org, names in installation.mappings.items()
        for fault in _faults(org, names, installation.customer_fields_of(org))
    ]
    if faults:
        first = faults[0]
        raise ConfigurationError(first.field, first.fault, first.remedy, others=faults[1:])


def _our_fields(customer_fields: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in widest_records("", customer_fields=customer_fields):
        found[record.sobject] |= {*record.fields, *([] if record.key_field == "Id" else [record.key_field])}
    return found


def _faults(org: str, names: Names, customer_fields: Sequence[str]) -> Iterator[ConfigurationError]:
    known, fields = True, _our_fields(customer_fields)
    for sobject, mapping in names.items():
        where = f"mappings.{org}.{sobject}"
        if sobject not in fields:
            yield ConfigurationError(where, "is no object of ours", f"Use one of {', '.join(sorted(fields))}")
            known = False
            continue
        for place, field in _named(mapping):
            if field not in fields[sobject]:
                remedy = f"Use one of {', '.join(sorted(fields[sobject]))}"
                yield ConfigurationError(f"{where}.{place}", f"{field} is no field of our {sobject}", remedy)
                known = False
    if known:
        yield from _tried(org, names, customer_fields)


def _named(mapping: ObjectMapping) -> Iterator[tuple[str, str]]:
    """Yield every field of ours that a mapping names, with where it does."""
    for field, target in mapping.fields.items():
        yield f"fields.{field}", field
        if isinstance(target, Computed):
            yield from ((f"fields.{field}.value", name) for name in _OURS.findall(target.value))
    for target_name, source in mapping.extra.items():
        yield from ((f"extra.{target_name}", name) for name in _OURS.findall(source))


def _tried(org: str, names: Names, customer_fields: Sequence[str]) -> Iterator[ConfigurationError]:
    for sobject, mapping in names.items():
        try:
            widest_records(org, {sobject: mapping}, customer_fields=customer_fields)
        except ExpressionFailed as error:
            remedy = "Correct it: amounts are decimal texts, null while unknown; use add(), multiply(), text()"
            yield ConfigurationError(f"mappings.{org}.{error.target}", error.fault, remedy)
