"""Salesforce's REST API through simple-salesforce, and the sign-in that REST and the event stream share."""

from service.clients.salesforce._api import RecordResult, SalesforceApi
from service.clients.salesforce._session import Session

__all__ = ["RecordResult", "SalesforceApi", "Session"]
