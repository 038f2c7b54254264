"""The Salesforce records that should exist for one lane. The table below is the list of what is written.

Field names are those of the package in deploy/salesforce; an org that keeps other names maps them when it is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from service.currencies import EMPTY, CurrencyBook, Reporting
from service.domain import DesiredRecord
from service.mapping import Names, apply
from service.mirror import MirrorRow
from service.projection._customers import customer_records, owner_records
from service.projection._disputes import dispute_records
from service.projection._families import PAYMENT_ROOTS, families
from service.projection._invoices import invoice_records
from service.projection._iso_code import with_iso_code
from service.projection._payments import charge_records, payment_records
from service.projection._payouts import payout_records
from service.projection._refunds import refund_records
from service.projection._requests import request_records
from service.projection._routing import CUSTOMER_FIELD, Route, Subject, moves, route
from service.projection._sources import source_records
from service.projection._transactions import transaction_records
from service.projection._values import Lane, Rule

_CHARGE: tuple[Rule, ...] = (charge_records, refund_records, dispute_records, transaction_records)
_PAYMENT: tuple[Rule, ...] = (payment_records, *_CHARGE)
# What moved on the balance is recorded whatever it came from.
_ANY: tuple[Rule, ...] = (transaction_records,)
_OURS: Names = MappingProxyType({})
# By the type of a family's root: what its members become.
RULES: dict[str, tuple[Rule, ...]] = {
    "counterfoil.request": _PAYMENT,
    "counterfoil.operation": (owner_records, transaction_records),
    "payment_intent": _PAYMENT,
    "charge": _CHARGE,
    "customer": (customer_records,),
    "invoice": (invoice_records,),
    "payout": (payout_records, transaction_records),
}


def records(
    rows: Sequence[MirrorRow],
    *,
    org: str,
    linked: Sequence[MirrorRow] = (),
    names: Names = _OURS,
    version: str = "",
    routes: Mapping[tuple[str, str], Route] = MappingProxyType({}),
    customer_fields: Mapping[str, str] = MappingProxyType({}),
    reporting: Mapping[str, Reporting] = MappingProxyType({}),
    book: CurrencyBook = EMPTY,
) -> list[DesiredRecord]:
    """Return every record the rows of one lane ask for; each key once. Pure.

    `linked` is what they name in other lanes, as far as it is known; `names` and `version` are of the org's mapping;
    `routes` where each family belongs, by its root; `customer_fields` how an entity's customer id is called;
    `reporting` is what an entity reports in, `book` what the org says of currencies.
    """
    # What is deleted speaks first: of two customers made for one Account, the living one's id stands.
    found = sorted(families(rows), key=lambda family: not family.root.deleted)
    known = {(row.entity, row.object_id): row for row in linked}
    wanted: list[DesiredRecord] = []
    for family in found:
        routed = routes.get(family.key) or route(Subject(family), {})
        customer_field = customer_fields.get(family.root.entity, CUSTOMER_FIELD)
        reports = reporting.get(family.root.entity)
        lane = Lane(org, family.root.belongs_to or family.root.object_id, known, routed, customer_field, reports, book)
        rules = RULES.get(family.root.object_type, _ANY)
        parts = family.attempts() if family.root.object_type in PAYMENT_ROOTS else [family]
        wanted += [record for part in parts for rule in rules for record in rule(part, lane)]
        wanted += request_records(family, lane)
    # What is about to move into another lane is no longer shown by this one's record.
    leaving = {one.key: one.root.routed_id for one in found if one.key in routes and moves(one, routes[one.key])}
    staying = [one for one in found if one.key not in leaving]
    wanted += source_records(staying, org, left={record_id for record_id in leaving.values() if record_id is not None})
    once: dict[tuple[str, str], DesiredRecord] = {}
    for record in wanted:  # an Account may hold a customer of each entity, in a field of its own
        before = once.get((record.sobject, record.key))
        whole = replace(record, fields=before.fields | record.fields) if before else with_iso_code(record, names, book)
        once[record.sobject, record.key] = whole
    return apply(names, once.values(), {row.object_id: row.body for row in rows}, version=version)
