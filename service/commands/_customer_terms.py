"""What an Account or Contact says of its customer in Stripe, and where Stripe says otherwise. Pure but for one read.

A field that is empty in Salesforce says nothing: what Stripe has stays, since a customer may have entered it there. An
address is one value, told whole. Values are personal data: no refusal repeats one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.commands._terms import TermsReader
from service.config import Entity
from service.domain import Carried
from service.errors import Refused

OWNERS = {"001": "Account", "003": "Contact"}
Params = dict[str, Any]
_PLAIN = ("name", "email", "phone", "description")
# docs.stripe.com/api/customers/create and its OpenAPI description; docs.stripe.com/metadata.
_LONGEST = {"name": 256, "email": 512, "phone": 20, "description": 5000}
_LONGEST_VALUE = 500
_COUNTRY = re.compile(r"[A-Za-z]{2}")
# Ours to Salesforce's ends of names; of a state and a country the code, where the org has State and Country Picklists.
_PARTS = {"city": "City", "postal_code": "PostalCode", "state": "State", "country": "Country"}
_CODES = {"state": "StateCode", "country": "CountryCode"}


def customer_paths(entity: Entity, sobject: str) -> tuple[str, ...]:
    """Return the fields that are read of an Account or Contact, by the org's own names."""
    fields = entity.customers.of(sobject)
    plain = [name for name in (getattr(fields, one) for one in _PLAIN) if name]
    parts = [f"{fields.prefix}{end}" for end in ("Street", *_PARTS.values())] if fields.prefix else []
    return tuple(dict.fromkeys([*plain, *parts, *fields.metadata.values()]))


async def read_customer(reader: TermsReader, entity: Entity, record_id: str) -> tuple[str | None, Params]:
    """Return the customer that a record names, and what it says of it as parameters of Stripe's.

    Raises:
        Refused: RECORD_NOT_FOUND, or CUSTOMER_INVALID with the field that Stripe would not take.
        VendorError: Salesforce did not answer as it should.
    """
    sobject = OWNERS[record_id[:3]]
    prefix = entity.customers.of(sobject).prefix
    named = reader.own_name(sobject, entity.customer_field)
    wanted = [*customer_paths(entity, sobject), *([named] if named else [])]
    codes = [f"{prefix}{end}" for end in _CODES.values()] if prefix else []
    row = await reader.select(sobject, record_id, wanted, codes)
    return (row.get(named) or None) if named else None, _said(entity, sobject, record_id, row)


def differences(said: Mapping[str, Any], customer: Mapping[str, Any]) -> Params:
    """Return what must be changed of a customer so that it is as its record says."""
    changes: Params = {}
    for name, value in said.items():
        theirs = customer.get(name)
        if name == "metadata":
            other = {key: text for key, text in value.items() if (theirs or {}).get(key) != text}
            changes |= {name: other} if other else {}
        elif name == "address":
            same = all(((theirs or {}).get(part) or "") == text for part, text in value.items())
            changes |= {} if same else {name: value}
        elif theirs != value:
            changes[name] = value
    return changes


def _said(entity: Entity, sobject: str, record_id: str, row: Mapping[str, Any]) -> Params:
    fields = entity.customers.of(sobject)
    said: Params = {}
    for name in _PLAIN:
        field = getattr(fields, name)
        if text := _text(row, field):
            said[name] = _short(text, field, _LONGEST[name])
    if fields.prefix and (address := dict(_address(row, fields.prefix))) and any(address.values()):
        said["address"] = address
    marks = {Carried.RECORD.value: record_id, "salesforce_object": sobject}
    for key, field in fields.metadata.items():
        if text := _text(row, field):
            marks[key] = _short(text, field, _LONGEST_VALUE)
    return said | {"metadata": marks}


def _address(row: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    first, *rest = [line.strip() for line in (_text(row, f"{prefix}Street") or "").splitlines() if line.strip()] or [""]
    yield from (("line1", first), ("line2", ", ".join(rest)))
    for part, end in _PARTS.items():
        text = _text(row, f"{prefix}{_CODES.get(part, end)}") or _text(row, f"{prefix}{end}") or ""
        if part == "country" and text and not _COUNTRY.fullmatch(text):
            raise _refused(f"{prefix}{end}", "is not a code of two letters: enter it as ISO 3166-1 has it, such as DE")
        yield part, text.upper() if part == "country" else text


def _text(row: Mapping[str, Any], field: str | None) -> str | None:
    value = row.get(field) if field else None
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() or None


def _short(text: str, field: str, longest: int) -> str:
    if len(text) > longest:
        raise _refused(field, f"is longer than the {longest} characters that Stripe takes: shorten it")
    return text


def _refused(field: str, fault: str) -> Refused:
    return Refused(f"{field} {fault}", reason="CUSTOMER_INVALID", metadata={"field": field})
