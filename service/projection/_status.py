"""One picklist for what Stripe says of a payment in three places.

The precedence when several hold: what became of the money (disputed, refunded) over how it was paid, and that over how
far the request got. Sources: docs.stripe.com/payments/paymentintents/lifecycle, docs.stripe.com/api/charges/object.
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
    DISPUTED = "Disputed"
    UNKNOWN = "Unknown"  # Stripe said something newer than this table: see the Stripe status beside it


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
}
_SESSION = {"open": PaymentStatus.REQUESTED, "expired": PaymentStatus.CANCELLED, "complete": PaymentStatus.PROCESSING}


def charge_status(charge: Body) -> PaymentStatus:  # noqa: PLR0911  (a table, in order of precedence)
    """Return where one attempt to take money stands."""
    status = charge.get("status")
    if status == "pending":
        return PaymentStatus.PROCESSING
    if status == "failed":
        return PaymentStatus.FAILED
    if status != "succeeded":
        return PaymentStatus.UNKNOWN
    if charge.get("disputed"):
        return PaymentStatus.DISPUTED
    if charge.get("refunded"):
        return PaymentStatus.REFUNDED
    if charge.get("amount_refunded"):
        return PaymentStatus.PARTIALLY_REFUNDED
    return PaymentStatus.PAID if charge.get("captured") else PaymentStatus.AUTHORIZED


def intent_status(intent: Body, charge: Body | None) -> PaymentStatus:
    """Return where a payment intent stands; `charge` is its latest, if known."""
    status = intent.get("status")
    if status == "succeeded":
        if charge is None or charge.get("status") != "succeeded":
            return PaymentStatus.PAID
        paid = charge_status(charge)
        # The charge's own news may lag behind the intent's: money is in once the intent says so.
        return PaymentStatus.PAID if paid is PaymentStatus.AUTHORIZED else paid
    if status == "requires_payment_method" and intent.get("last_payment_error"):
        return PaymentStatus.FAILED
    return _INTENT.get(str(status), PaymentStatus.UNKNOWN)


def request_status(request: Body, session: Body | None) -> PaymentStatus:
    """Return where a request stands that has no payment intent yet."""
    if session is not None:
        return _SESSION.get(str(session.get("status")), PaymentStatus.UNKNOWN)
    return _REQUEST.get(str(request.get("state")), PaymentStatus.UNKNOWN)
