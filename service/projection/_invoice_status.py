"""Where invoices, what pays them and what is taken off them stand, in the words of the one picklist.

    Stripe's invoice          Stripe's invoice payment   Stripe's credit note
    draft          Draft      open      Open             issued   Open (in force)
    open           Open       paid      Paid             void     Void
    paid           Paid       canceled  Cancelled
    void           Void
    uncollectible  Uncollectible
    (deleted)      Void

Anything else is Unknown, with Stripe's own word beside it. A paid invoice stays Paid when its payment is refunded or
disputed: that is told of the payment. Sources: docs.stripe.com/invoicing/overview, docs.stripe.com/api/invoice-payment,
docs.stripe.com/api/credit_notes.
"""

from service.projection._status import Body, InvoiceStatus

DELETED = "deleted"  # not a status of Stripe's, but all that is left to say of a deleted draft
_INVOICE = {
    "draft": InvoiceStatus.DRAFT,
    "open": InvoiceStatus.OPEN,
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
}
_PAYMENT = {"open": InvoiceStatus.OPEN, "paid": InvoiceStatus.PAID, "canceled": InvoiceStatus.CANCELLED}
_CREDIT_NOTE = {"issued": InvoiceStatus.OPEN, "void": InvoiceStatus.VOID}


def invoice_status(invoice: Body) -> InvoiceStatus:
    """Return where an invoice stands."""
    return _INVOICE.get(str(invoice.get("status")), InvoiceStatus.UNKNOWN)


def invoice_payment_status(payment: Body) -> InvoiceStatus:
    """Return where one payment of an invoice stands."""
    return _PAYMENT.get(str(payment.get("status")), InvoiceStatus.UNKNOWN)


def credit_note_status(note: Body) -> InvoiceStatus:
    """Return whether a credit note is in force."""
    return _CREDIT_NOTE.get(str(note.get("status")), InvoiceStatus.UNKNOWN)
