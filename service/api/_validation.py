"""Requests of the payments API, checked in full: every violation at once, each with its field and its remedy.

Plain functions instead of protovalidate: its rules would need a `.proto` that neither it nor a package registry ships,
and the rules that matter here (a Salesforce id's checksum, a page token's filters) are code anyway. No description
repeats a value: what was sent may be anything.
"""

import re
from dataclasses import dataclass
from typing import Any

from service.api._checks import Check
from service.api._pages import Position, filter_digest
from service.api._tokens import read_resume_token
from service.commands import CREATE_PAYMENT, Request, checked
from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2
from service.history.feed import FeedFilter, FeedHead
from service.projection import PaymentStatus

_CHANGES = {
    payments_service_pb2.CapturePaymentRequest: "capture_payment",
    payments_service_pb2.CancelPaymentRequest: "cancel_payment",
    payments_service_pb2.RefundPaymentRequest: "refund_payment",
}
# Stands for the payment in the rules that all requests share, until its request is known to have reached Stripe.
_SOME_PAYMENT = "pi_0"
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A checked listing. `digest` is of its filters, for the token of the next page."""

    entity: str
    record_id: str | None
    status: PaymentStatus | None
    customer_id: str | None
    page_size: int
    after: Position | None
    digest: bytes


def parse_create(request: payments_service_pb2.CreatePaymentRequest) -> Request:
    """Return the checked request; the rules shared with Salesforce's requests are those of its operation.

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    off_session = request.off_session
    arguments = {"method": request.WhichOneof("method") or ""}
    if off_session.HasField("payment_method_id"):
        arguments["payment_method_id"] = off_session.payment_method_id
    if request.capture_method:
        arguments["capture_method"] = _capture_method(request.capture_method)
    if request.amount_source:
        arguments["amount_source"] = word(payment_pb2.AmountSource, request.amount_source)
    asked = Request(
        entity=check.entity(request.entity),
        operation=CREATE_PAYMENT,
        record_id=request.record_id,
        arguments=arguments,
        version=request.version or "1",
        request_id=request.request_id or None,
        source="grpc",
    )
    parsed = check.gather(lambda: checked(asked)) or asked
    check.done()
    return parsed


def _capture_method(method: int) -> str:
    name = payments_service_pb2.CaptureMethod.DESCRIPTOR.values_by_number.get(method)
    return name.name.removeprefix("CAPTURE_METHOD_").lower() if name else "a method of a later version"


def word(enum: Any, number: int) -> str:
    """Return our word for a value of an enumeration of the contract; one of a later version is no word of ours."""
    known = enum.DESCRIPTOR.values_by_number
    name = known.get(number)
    return name.name.removeprefix(known[0].name.removesuffix("UNSPECIFIED")).lower() if name else "of a later version"


def parse_change(
    request: payments_service_pb2.CapturePaymentRequest
    | payments_service_pb2.CancelPaymentRequest
    | payments_service_pb2.RefundPaymentRequest,
) -> tuple[str, Request]:
    """Return (payment id, checked request) of something to be done with a payment, which names it later.

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    payment_id = check.payment_id(request.payment_id)
    arguments: dict[str, str] = {}
    if not isinstance(request, payments_service_pb2.CancelPaymentRequest) and request.HasField("amount"):
        arguments |= check.amount(request.amount)
    if not isinstance(request, payments_service_pb2.CapturePaymentRequest) and request.reason:
        arguments["reason"] = _reason(request.reason)
    asked = Request(
        entity=check.entity(request.entity),
        operation=_CHANGES[type(request)],
        target_id=_SOME_PAYMENT,
        arguments=arguments,
        version=request.version or "1",
        request_id=request.request_id or None,
    )
    parsed = check.gather(lambda: checked(asked)) or asked
    check.done()
    return payment_id, parsed


def _reason(reason: int) -> str:
    name = payments_service_pb2.Reason.DESCRIPTOR.values_by_number.get(reason)
    return name.name.removeprefix("REASON_").lower() if name else "a reason of a later version"


def parse_get(request: payments_service_pb2.GetPaymentRequest) -> tuple[str, str]:
    """Return (entity, payment id).

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    payment_id = check.payment_id(request.payment_id)
    check.done()
    return entity, payment_id


def parse_watch(request: payments_service_pb2.WatchPaymentsRequest) -> tuple[FeedFilter, FeedHead | None]:
    """Return (whose changes, the place to go on from).

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    record_id = check.record_id(request.record_id) if request.record_id else None
    customer_id = request.customer_id or None
    if customer_id:
        check.matches("customer_id", customer_id, _CUSTOMER, "give the id of a Stripe customer (cus_...)")
    resume = check.gather(lambda: read_resume_token(request.resume_token)) if request.resume_token else None
    check.done()
    return FeedFilter(entity, record_id, customer_id), resume


def _status(check: Check, state: int) -> PaymentStatus | None:
    if state == payment_pb2.Payment.STATE_UNSPECIFIED:
        return None
    name = payment_pb2.Payment.State.DESCRIPTOR.values_by_number.get(state)
    if name is None:
        check.wrong("state", "is not a state of this version: use one of Payment.State")
        return None
    return PaymentStatus[name.name.removeprefix("STATE_")]


def parse_list(request: payments_service_pb2.ListPaymentsRequest) -> ListQuery:
    """Return the checked listing; an oversized page is cut to the largest allowed (AIP-158).

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    record_id = check.record_id(request.record_id) if request.record_id else None
    customer_id = request.customer_id or None
    if customer_id:
        check.matches("customer_id", customer_id, _CUSTOMER, "give the id of a Stripe customer (cus_...)")
    status = _status(check, request.state)
    size = check.page_size(request.page_size)
    # The normalised record id: both forms of one id are one filter.
    digest = filter_digest("payments", entity, record_id or "", str(status or ""), customer_id or "")
    after = check.position(request.page_token, digest)
    check.done()
    return ListQuery(entity, record_id, status, customer_id, size, after, digest)
