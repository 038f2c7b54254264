"""Maintenance: care that goes on for as long as the service runs.

Verbs: fetch what must be asked of Stripe, prune what need not be kept, check an installation against both vendors.
Touches mirror and inbox through their verbs and calls the clients; owns no table. Refuses to delete what is unsettled.
"""

from service.maintenance._check_salesforce import TopicProbe, check_org
from service.maintenance._check_stripe import check_account
from service.maintenance._currencies import CurrencyReader
from service.maintenance._due import DueWatch
from service.maintenance._facts import Fact, FactWatch, pending_facts
from service.maintenance._fetch import Fetcher
from service.maintenance._finding import Finding, Outcome, fault, note, ok
from service.maintenance._heal import Healer
from service.maintenance._link import Linker
from service.maintenance._mappings import verify_mappings
from service.maintenance._reconcile import Reconciler
from service.maintenance._remap import Remapper
from service.maintenance._retention import Retention

__all__ = [
    "CurrencyReader",
    "DueWatch",
    "Fact",
    "FactWatch",
    "Fetcher",
    "Finding",
    "Healer",
    "Linker",
    "Outcome",
    "Reconciler",
    "Remapper",
    "Retention",
    "TopicProbe",
    "check_account",
    "check_org",
    "fault",
    "note",
    "ok",
    "pending_facts",
    "verify_mappings",
]
