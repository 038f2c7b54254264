"""Maintenance: care that goes on for as long as the service runs.

Verbs: fetch what must be asked of Stripe, prune what need not be kept, check an installation against both vendors.
Touches mirror and inbox through their verbs and calls the clients; owns no table. Refuses to delete what is unsettled.
"""

from service.maintenance._check_salesforce import TopicProbe, check_mappings, check_org
from service.maintenance._check_stripe import check_account
from service.maintenance._facts import Fact, FactWatch, pending_facts
from service.maintenance._fetch import Fetcher
from service.maintenance._finding import Finding, Outcome, fault, note, ok
from service.maintenance._reconcile import Reconciler
from service.maintenance._retention import Retention

__all__ = [
    "Fact",
    "FactWatch",
    "Fetcher",
    "Finding",
    "Outcome",
    "Reconciler",
    "Retention",
    "TopicProbe",
    "check_account",
    "check_mappings",
    "check_org",
    "fault",
    "note",
    "ok",
    "pending_facts",
]
