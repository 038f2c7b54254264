"""The Salesforce records that should exist for one lane. The table below is the list of what is written.

Field names are those of the package in deploy/salesforce; an org that keeps other names maps them when it is written.
"""

from collections.abc import Sequence

from service.domain import DesiredRecord
from service.mirror import MirrorRow
from service.projection._customers import customer_records
from service.projection._disputes import dispute_records
from service.projection._families import families
from service.projection._invoices import invoice_records
from service.projection._payments import payment_records
from service.projection._payouts import payout_records
from service.projection._refunds import refund_records
from service.projection._sources import source_records
from service.projection._transactions import transaction_records
from service.projection._values import Lane, Rule

_PAYMENT: tuple[Rule, ...] = (payment_records, refund_records, dispute_records, transaction_records)
# What moved on the balance is recorded whatever it came from.
_ANY: tuple[Rule, ...] = (transaction_records,)
# By the type of a family's root: what its members become.
RULES: dict[str, tuple[Rule, ...]] = {
    "counterfoil.request": _PAYMENT,
    "payment_intent": _PAYMENT,
    "customer": (customer_records,),
    "invoice": (invoice_records,),
    "payout": (payout_records, transaction_records),
}


def records(rows: Sequence[MirrorRow], *, org: str, linked: Sequence[MirrorRow] = ()) -> list[DesiredRecord]:
    """Return every record the rows of one lane ask for; each key once. Pure.

    `linked` is what they name in other lanes, as far as it is known.
    """
    found = families(rows)
    known = {(row.entity, row.object_id): row for row in linked}
    wanted = [
        record
        for family in found
        for rule in RULES.get(family.root.object_type, _ANY)
        for record in rule(family, Lane(org, family.root.record_id or family.root.object_id, known))
    ]
    wanted += source_records(found, org)
    return list({(record.sobject, record.key): record for record in wanted}.values())
