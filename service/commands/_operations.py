"""The table of operations: everything that can be asked for. A new one is a file with its steps, and a line here."""

from service.commands._cancel import CANCEL_PAYMENT
from service.commands._capture import CAPTURE_PAYMENT
from service.commands._create_invoice import CREATE_INVOICE
from service.commands._create_payment import CREATE
from service.commands._credit_invoice import CREDIT_INVOICE
from service.commands._invoice_changes import FINALISE_INVOICE, MARK_INVOICE_UNCOLLECTIBLE, SEND_INVOICE, VOID_INVOICE
from service.commands._operation import Operation
from service.commands._pay_invoice import PAY_INVOICE
from service.commands._refund import REFUND_PAYMENT
from service.commands._request import Request
from service.commands._sync_customer import SYNC_CUSTOMER
from service.errors import InvalidRequest, Violation

_PAYMENTS = (CREATE, CAPTURE_PAYMENT, CANCEL_PAYMENT, REFUND_PAYMENT)
_INVOICES = (
    CREATE_INVOICE,
    FINALISE_INVOICE,
    SEND_INVOICE,
    PAY_INVOICE,
    VOID_INVOICE,
    MARK_INVOICE_UNCOLLECTIBLE,
    CREDIT_INVOICE,
)
OPERATIONS: dict[str, Operation] = {one.name: one for one in (*_PAYMENTS, *_INVOICES, SYNC_CUSTOMER)}


def checked(request: Request) -> Request:
    """Return the request in the one form that its operation gives it.

    Raises:
        InvalidRequest: every violation at once.
    """
    operation = OPERATIONS.get(request.operation)
    if operation is None:
        raise InvalidRequest([Violation("operation", f"is unknown: give one of {', '.join(OPERATIONS)}")])
    return operation.checked(request)
