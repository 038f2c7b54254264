"""The table of operations: everything that can be asked for. A new one is a file with its steps, and a line here."""

from service.commands._cancel import CANCEL_PAYMENT
from service.commands._capture import CAPTURE_PAYMENT
from service.commands._create_payment import CREATE
from service.commands._operation import Operation
from service.commands._refund import REFUND_PAYMENT
from service.commands._request import Request
from service.commands._sync_customer import SYNC_CUSTOMER
from service.errors import InvalidRequest, Violation

OPERATIONS: dict[str, Operation] = {
    one.name: one for one in (CREATE, CAPTURE_PAYMENT, CANCEL_PAYMENT, REFUND_PAYMENT, SYNC_CUSTOMER)
}


def checked(request: Request) -> Request:
    """Return the request in the one form that its operation gives it.

    Raises:
        InvalidRequest: every violation at once.
    """
    operation = OPERATIONS.get(request.operation)
    if operation is None:
        raise InvalidRequest([Violation("operation", f"is unknown: give one of {', '.join(OPERATIONS)}")])
    return operation.checked(request)
