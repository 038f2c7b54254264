"""Salesforce's REST API through simple-salesforce, and the sign-in that REST and the event stream share."""

from service.clients.salesforce._api import CLIENT_NAME, SalesforceApi
from service.clients.salesforce._bulk import BulkIngest, BulkState
from service.clients.salesforce._session import Session
from service.clients.salesforce._writes import Outcome, RecordResult, Write

__all__ = ["CLIENT_NAME", "BulkIngest", "BulkState", "Outcome", "RecordResult", "SalesforceApi", "Session", "Write"]
