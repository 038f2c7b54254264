"""The only code that talks to Stripe's or Salesforce's REST API.

Owns: connections, sign-in, signatures, and one closed-by-default error table per vendor.
Verbs: create, retrieve, list (Stripe); query, queries, describe, upsert, update, write, bulk (Salesforce);
       verify_webhook.
Touches: the two vendors, never the database. A call is made once: whoever calls decides about another try.
Refuses: a write to Stripe without an idempotency key, a sign-in to another org than the configured one.
"""

from simple_salesforce.format import format_soql

from service.clients.salesforce import (
    MAX_QUERIES,
    BulkState,
    Outcome,
    RecordResult,
    Rows,
    SalesforceApi,
    Session,
    Write,
)
from service.clients.stripe import Answer, Purpose, StripeApi, verify_webhook

__all__ = [
    "MAX_QUERIES",
    "Answer",
    "BulkState",
    "Outcome",
    "Purpose",
    "RecordResult",
    "Rows",
    "SalesforceApi",
    "Session",
    "StripeApi",
    "Write",
    "format_soql",
    "verify_webhook",
]
