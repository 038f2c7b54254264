"""Requests: Payment_Request__c for whatever was asked of Stripe, how far it got, and why not further.

The ledger of commands is the source; what it shows of a request takes the same road as Stripe's news. A request looks
up the payment or the invoice it is about once that has a record, and is written before, so that nobody asks in vain.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from service.domain import SOURCE_OBJECTS, DesiredRecord, Reference
from service.mirror import MirrorRow
from service.projection._families import OPERATION, PAYMENT_ROOTS, Family
from service.projection._payments import payment_of
from service.projection._status import RequestApproval, RequestStatus
from service.projection._values import Fields, Lane, cut, money, reference, when

_SOBJECT, _KEY, _RANK = "Payment_Request__c", "Request_Id__c", 1
_KINDS = ("counterfoil.request", OPERATION)
# Of a record that Salesforce does not show there can be no lookup.
_NO_RECORD = "RECORD_NOT_FOUND"
_STATUS = {
    "PENDING_APPROVAL": RequestStatus.WAITING_FOR_APPROVAL,
    "ACCEPTED": RequestStatus.UNDER_WAY,
    "RUNNING": RequestStatus.UNDER_WAY,
    "SUCCEEDED": RequestStatus.SUCCEEDED,
    "DECLINED": RequestStatus.DECLINED,
    "REFUSED": RequestStatus.REFUSED,
    "FAILED": RequestStatus.FAILED,
    "REJECTED": RequestStatus.REJECTED,
    "EXPIRED": RequestStatus.EXPIRED,
    "PREVIEWED": RequestStatus.PREVIEWED,
}
_APPROVAL = {
    None: RequestApproval.NOT_NEEDED,
    "WAITING": RequestApproval.WAITING,
    "APPROVED": RequestApproval.APPROVED,
    "REJECTED": RequestApproval.REJECTED,
    "EXPIRED": RequestApproval.EXPIRED,
}
Body = Mapping[str, Any]


def request_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield each request of the family: the one that is its root, and those about what is in it."""
    payment = payment_of(family) if family.root.object_type in PAYMENT_ROOTS else None
    invoice = reference("Invoice__c", family.root.object_id) if family.root.object_type == "invoice" else None
    for kind in _KINDS:
        for row in family.all(kind):
            fields = _request(row) | _belonging(row, lane, payment, invoice)
            trace = row.traceparent or family.root.traceparent
            parent = payment or invoice
            yield DesiredRecord(lane.org, _SOBJECT, _KEY, row.object_id, fields, lane.key, _RANK, parent, trace)


def _request(row: MirrorRow) -> Fields:
    body = row.body or {}
    currency = str(body.get("currency") or "").upper() or None
    return {
        "Entity__c": row.entity,
        "Operation__c": cut(body.get("operation"), 40),
        "Status__c": _STATUS.get(str(body.get("state")), RequestStatus.UNKNOWN).value,
        "Version__c": cut(body.get("version"), 80),
        "Method__c": cut(body.get("method"), 40),
        "Amount__c": money(body.get("amount_minor"), currency),
        "Currency_Code__c": currency,
        "Requested_By__c": cut(body.get("requested_by"), 255),
        "Source__c": cut(body.get("source"), 40),
        "Asked_At__c": when(row.created_at),
        "Ended_At__c": body.get("settled_at"),
        "Error__c": cut(body.get("conflict") or body.get("failure_message") or body.get("message"), 255),
        "Reason_Code__c": cut(body.get("reason"), 100),
        "Failure_Code__c": cut(body.get("failure_code"), 100),
        "Conflict__c": bool(body.get("conflict")),
        "Dry_Run__c": bool(body.get("dry_run")),
        "Planned_Calls__c": cut(body.get("planned_calls"), 32_768),
        "Target_Id__c": cut(body.get("target_id"), 255),
        "Payment_Intent_Id__c": cut(body.get("payment_intent_id"), 255),
        "Checkout_Session_Id__c": cut(body.get("checkout_session_id"), 255),
        "Result_Id__c": cut(body.get("result_id"), 255),
        **_approval(body),
    }


def _approval(body: Body) -> Fields:
    return {
        "Approval__c": _APPROVAL.get(body.get("approval"), RequestApproval.UNKNOWN).value,
        "Approval_Due_At__c": body.get("approval_due_at"),
        "Decided_By__c": cut(body.get("decided_by"), 255),
        "Decided_At__c": body.get("decided_at"),
        "Decision_Note__c": cut(body.get("decision_note"), 255),
    }


def _belonging(row: MirrorRow, lane: Lane, payment: Reference | None, invoice: Reference | None) -> Fields:
    body = row.body or {}
    known = body.get("reason") != _NO_RECORD
    account = row.record_id if (row.record_id or "").startswith("001") else lane.route.account
    source = SOURCE_OBJECTS.get((row.record_id or "")[:3]) if known else None
    return {
        "Record_Id__c": row.record_id,
        "Opportunity__c": row.record_id if source == "Opportunity" else None,
        "Order__c": row.record_id if source == "Order" else None,
        "Account__c": body.get("account_id") or (account if known else None),
        "Payment__c": payment,
        "Invoice__c": invoice,
    }
