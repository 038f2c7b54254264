"""One picklist for what Stripe says of a payment in five places, and one for the stages of a dispute.

The precedence when several hold: what became of the money over how it was paid, and that over how far the request got.

    1  Disputed             a dispute is open: an inquiry, a chargeback, an appeal, or a stage nobody knows yet
    2  Lost                 none is open, and one was lost (or prevented by giving the money back)
    3  Refunded             all that was captured went back
    4  Partially_Refunded   a part of it went back
    5  Paid, Authorized     the charge succeeded and was captured, or waits to be
    6  Processing, Failed   the charge is pending, or failed
    7  what the payment intent says; without one, the payment link or the checkout session; without one, the request

A dispute that was won, prevented without loss, or an inquiry that was closed, changes nothing: then 3 to 7 hold again.
Once its disputes are known they decide, because a charge's own `disputed` stays true after a dispute was won. A refund
counts as soon as it is made and until it fails or is cancelled, as in the charge's `amount_refunded`.
Sources: docs.stripe.com/payments/paymentintents/lifecycle, docs.stripe.com/api/charges/object, docs.stripe.com/refunds,
docs.stripe.com/disputes/how-disputes-work.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

Body = Mapping[str, Any]


class PaymentStatus(StrEnum):
    """The values of the global value set Payment_Status, by their API names."""

    DRAFT = "Draft"  # an invoice not yet final
    REQUESTED = "Requested"  # asked for; Stripe has nothing to pay yet, or the customer has not begun
    REQUIRES_PAYMENT_METHOD = "Requires_Payment_Method"  # waits for the customer to choose how to pay
    REQUIRES_ACTION = "Requires_Action"  # waits for the customer to confirm, such as 3-D Secure
    PROCESSING = "Processing"  # the bank is at it
    AUTHORIZED = "Authorized"  # held on the card, not captured
    PAID = "Paid"
    PARTIALLY_REFUNDED = "Partially_Refunded"
    REFUNDED = "Refunded"
    FAILED = "Failed"  # the last attempt was declined, or the request could not be carried out
    CANCELLED = "Cancelled"
    LOST = "Lost"  # a dispute was: the payer's bank has the money back
    DISPUTED = "Disputed"  # the payer's bank asks the money back, or asks whether it may
    UNKNOWN = "Unknown"  # Stripe said something newer than this table: see the Stripe status beside it


class DisputeStage(StrEnum):
    """The values of the global value set Dispute_Stage, by their API names."""

    INQUIRY_NEEDS_RESPONSE = "Inquiry_Needs_Response"  # a question of the bank; no money has moved
    INQUIRY_UNDER_REVIEW = "Inquiry_Under_Review"
    INQUIRY_CLOSED = "Inquiry_Closed"
    NEEDS_RESPONSE = "Needs_Response"  # a chargeback; the money is withdrawn
    UNDER_REVIEW = "Under_Review"
    APPEAL_NEEDS_RESPONSE = "Appeal_Needs_Response"  # decided once, and moving again
    APPEAL_UNDER_REVIEW = "Appeal_Under_Review"
    WON = "Won"
    LOST = "Lost"
    PREVENTED = "Prevented"  # ended before it became a chargeback
    UNKNOWN = "Unknown"  # Stripe said something newer than this table: see the Stripe status beside it


class InvoiceStatus(StrEnum):
    """The values of the global value set Payment_Status that are of invoices, by their API names."""

    DRAFT = "Draft"
    OPEN = "Open"  # an invoice to be paid, a payment that is asked for, a credit note in force
    PAID = "Paid"
    VOID = "Void"  # an invoice or credit note that never counted, a draft that was deleted
    UNCOLLECTIBLE = "Uncollectible"  # an invoice written off; it may still be paid
    CANCELLED = "Cancelled"  # a payment that is no longer asked for
    UNKNOWN = "Unknown"  # Stripe said something newer than this table: see the Stripe status beside it


class Reconciliation(StrEnum):
    """The values of the global value set Payout_Reconciliation, by their API names."""

    PENDING = "Pending"  # Stripe has not said yet what is in it, or we are still reading it
    BALANCED = "Balanced"  # what Stripe says is in it adds up to it, to the minor unit
    ALLOCATED = "Allocated"  # Stripe cannot say what is in it: our rule does, oldest first, and it adds up
    DIFFERENCE = "Difference"  # it does not add up; the difference is told
    NOT_APPLICABLE = "Not_Applicable"  # nothing is in it: money collected from the bank by hand
    UNKNOWN = "Unknown"  # for words of later versions


class Routing(StrEnum):
    """The values of the global value set Routing, by their API names; empty while an answer is awaited."""

    MATCHED = "Matched"  # at least one record was found
    UNMATCHED = "Unmatched"  # none was: an exception, until one appears
    AMBIGUOUS = "Ambiguous"  # several hold the value that only one may hold
    UNKNOWN = "Unknown"  # for words of later versions


class RequestStatus(StrEnum):
    """The values of the global value set Request_Status, by their API names."""

    WAITING_FOR_APPROVAL = "Waiting_For_Approval"  # a second person decides
    UNDER_WAY = "Under_Way"
    SUCCEEDED = "Succeeded"  # Stripe took it; how the payment goes on is the payment's own status
    DECLINED = "Declined"  # the bank said no
    REFUSED = "Refused"  # not possible as asked; nothing happened
    FAILED = "Failed"  # given up, its outcome in doubt
    REJECTED = "Rejected"  # the second person said no
    EXPIRED = "Expired"  # nobody decided in time
    PREVIEWED = "Previewed"  # a dry run: what would be done is told, and nothing was
    UNKNOWN = "Unknown"  # for words of later versions


class RequestApproval(StrEnum):
    """The values of the global value set Request_Approval, by their API names."""

    NOT_NEEDED = "Not_Needed"
    WAITING = "Waiting"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"  # for words of later versions


# The words of every picklist that is written: an org must offer all of each.
PICKLISTS: tuple[type[StrEnum], ...] = (
    PaymentStatus,
    InvoiceStatus,
    DisputeStage,
    Reconciliation,
    Routing,
    RequestStatus,
    RequestApproval,
)

_INTENT = {
    "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT_METHOD,
    "requires_confirmation": PaymentStatus.REQUIRES_ACTION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "canceled": PaymentStatus.CANCELLED,
}
_REQUEST = {
    "ACCEPTED": PaymentStatus.REQUESTED,
    "RUNNING": PaymentStatus.REQUESTED,
    "SUCCEEDED": PaymentStatus.REQUESTED,
    "DECLINED": PaymentStatus.FAILED,
    "REFUSED": PaymentStatus.FAILED,
    "FAILED": PaymentStatus.FAILED,
    "PENDING_APPROVAL": PaymentStatus.REQUESTED,
    "REJECTED": PaymentStatus.CANCELLED,
    "PREVIEWED": PaymentStatus.CANCELLED,
    "EXPIRED": PaymentStatus.CANCELLED,
}
_SESSION = {"open": PaymentStatus.REQUESTED, "expired": PaymentStatus.CANCELLED, "complete": PaymentStatus.PROCESSING}
_REFUND = {
    "pending": PaymentStatus.PROCESSING,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "succeeded": PaymentStatus.REFUNDED,
    "failed": PaymentStatus.FAILED,
    "canceled": PaymentStatus.CANCELLED,
}
_STAGE = {
    "warning_needs_response": DisputeStage.INQUIRY_NEEDS_RESPONSE,
    "warning_under_review": DisputeStage.INQUIRY_UNDER_REVIEW,
    "warning_closed": DisputeStage.INQUIRY_CLOSED,
    "needs_response": DisputeStage.NEEDS_RESPONSE,
    "under_review": DisputeStage.UNDER_REVIEW,
    "appeal_needs_response": DisputeStage.APPEAL_NEEDS_RESPONSE,
    "appeal_under_review": DisputeStage.APPEAL_UNDER_REVIEW,
    "won": DisputeStage.WON,
    "lost": DisputeStage.LOST,
    "prevented": DisputeStage.PREVENTED,
}
# Somebody has answered, and the bank's word is awaited.
ANSWERED = frozenset({DisputeStage.INQUIRY_UNDER_REVIEW, DisputeStage.UNDER_REVIEW, DisputeStage.APPEAL_UNDER_REVIEW})
DECIDED = frozenset({DisputeStage.INQUIRY_CLOSED, DisputeStage.WON, DisputeStage.LOST, DisputeStage.PREVENTED})


def dispute_stage(dispute: Body) -> DisputeStage:
    """Return where a dispute stands."""
    return _STAGE.get(str(dispute.get("status")), DisputeStage.UNKNOWN)


def refund_status(refund: Body) -> PaymentStatus:
    """Return where one refund stands: Refunded once the money is on its way back."""
    return _REFUND.get(str(refund.get("status")), PaymentStatus.UNKNOWN)


def money_status(*, captured: int, refunded: int, open_disputes: bool, lost: bool) -> PaymentStatus:
    """Return what became of money that was captured; amounts are in minor units of one currency."""
    if open_disputes:
        return PaymentStatus.DISPUTED
    if lost:
        return PaymentStatus.LOST
    if refunded >= captured > 0:
        return PaymentStatus.REFUNDED
    return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PAID


def attempt_status(charge: Body) -> PaymentStatus:
    """Return where one attempt to take money stands, before anything became of the money."""
    match charge.get("status"):
        case "pending":
            return PaymentStatus.PROCESSING
        case "failed":
            return PaymentStatus.FAILED
        case "succeeded":
            return PaymentStatus.PAID if charge.get("captured") else PaymentStatus.AUTHORIZED
    return PaymentStatus.UNKNOWN


def intent_status(intent: Body) -> PaymentStatus:
    """Return where a payment intent stands, before anything became of the money."""
    status = intent.get("status")
    if status == "succeeded":
        return PaymentStatus.PAID
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        return PaymentStatus.FAILED
    return _INTENT.get(str(status), PaymentStatus.UNKNOWN)


def link_status(link: Body) -> PaymentStatus:
    """Return where a payment link stands by itself: nobody has paid, somebody has, or nobody can any more.

    Source: docs.stripe.com/api/payment-link/object. Whether Stripe deactivates a link at its limit is not said there.
    """
    completed = (link.get("restrictions") or {}).get("completed_sessions") or {}
    if completed.get("count"):
        return PaymentStatus.PROCESSING
    return PaymentStatus.REQUESTED if link.get("active") else PaymentStatus.CANCELLED


def request_status(request: Body, session: Body | None) -> PaymentStatus:
    """Return where a request stands that has no payment intent yet."""
    if session is not None:
        return _SESSION.get(str(session.get("status")), PaymentStatus.UNKNOWN)
    return _REQUEST.get(str(request.get("state")), PaymentStatus.UNKNOWN)
