"""Salesforce's REST API through simple-salesforce, and the sign-in that REST and the event stream share."""

from service.clients.salesforce._api import SalesforceApi
from service.clients.salesforce._bulk import BulkIngest, BulkState
from service.clients.salesforce._queries import MAX_QUERIES, Rows
from service.clients.salesforce._session import Session
from service.clients.salesforce._writes import Outcome, RecordResult, Write

__all__ = [
    "MAX_QUERIES",
    "BulkIngest",
    "BulkState",
    "Outcome",
    "RecordResult",
    "Rows",
    "SalesforceApi",
    "Session",
    "Write",
]
