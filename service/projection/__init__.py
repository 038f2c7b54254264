"""Projection: pure rules from the mirror to the Salesforce records that should exist, and to a payment's facts.

Verbs: project what changed into the outbox, read or list payments. Doors of their own are `feed`, for those who follow
payments, and `invoices`. Touches mirror, history and outbox through their verbs; owns no table and calls nobody.
Refuses to guess: a missing fact is empty, an unknown status is carried as it is.
"""

from service.projection._facts import PaymentFacts
from service.projection._families import Family, families
from service.projection._history import Standing
from service.projection._payouts import PayoutFacts
from service.projection._project import Projector
from service.projection._reactions import DUE_SOON, due_reaction
from service.projection._read import list_payments, load_payments, payment_in
from service.projection._read_payouts import PayoutDetails, list_payout_facts, page_payouts, read_payout
from service.projection._reporting import org_version
from service.projection._status import PICKLISTS, PaymentStatus, Reconciliation
from service.projection._widest import widest_records

__all__ = [
    "DUE_SOON",
    "PICKLISTS",
    "Family",
    "PaymentFacts",
    "PaymentStatus",
    "PayoutDetails",
    "PayoutFacts",
    "Projector",
    "Reconciliation",
    "Standing",
    "due_reaction",
    "families",
    "list_payments",
    "list_payout_facts",
    "load_payments",
    "org_version",
    "page_payouts",
    "payment_in",
    "read_payout",
    "widest_records",
]
