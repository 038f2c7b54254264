"""Requests of the invoices API, checked in full: every violation at once, each with its field and its remedy."""

import re
from dataclasses import dataclass, replace
from typing import Any

from service.api._checks import DEFAULT_PAGE, MAX_PAGE, Check
from service.api._pages import Position, filter_digest, read_token
from service.api._validation import word
from service.commands import Request, checked
from service.gen.counterfoil.v1 import invoice_pb2, invoices_service_pb2, payment_pb2
from service.projection.invoices import InvoiceStatus

_INVOICE = re.compile(r"in_[A-Za-z0-9_]{1,120}")
_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")
Change = (
    invoices_service_pb2.FinaliseInvoiceRequest
    | invoices_service_pb2.SendInvoiceRequest
    | invoices_service_pb2.PayInvoiceRequest
    | invoices_service_pb2.VoidInvoiceRequest
    | invoices_service_pb2.MarkInvoiceUncollectibleRequest
    | invoices_service_pb2.CreditInvoiceRequest
)
_OPERATIONS: dict[type[Any], str] = {
    invoices_service_pb2.FinaliseInvoiceRequest: "finalise_invoice",
    invoices_service_pb2.SendInvoiceRequest: "send_invoice",
    invoices_service_pb2.PayInvoiceRequest: "pay_invoice",
    invoices_service_pb2.VoidInvoiceRequest: "void_invoice",
    invoices_service_pb2.MarkInvoiceUncollectibleRequest: "mark_invoice_uncollectible",
    invoices_service_pb2.CreditInvoiceRequest: "credit_invoice",
}


@dataclass(frozen=True, slots=True)
class InvoiceQuery:
    """A checked listing. `digest` is of its filters, for the token of the next page."""

    entity: str
    record_id: str | None
    status: InvoiceStatus | None
    customer_id: str | None
    page_size: int
    after: Position | None
    digest: bytes


def parse_create(request: invoices_service_pb2.CreateInvoiceRequest) -> Request:
    """Return the checked request.

    Raises:
        InvalidRequest: with every violation.
    """
    arguments: dict[str, str] = {}
    if request.amount_source:
        arguments["amount_source"] = word(payment_pb2.AmountSource, request.amount_source)
    if request.collection_method:
        arguments["collection_method"] = word(invoices_service_pb2.CollectionMethod, request.collection_method)
    if request.HasField("days_until_due"):
        arguments["days_until_due"] = str(request.days_until_due)
    if request.advance_to:
        arguments["advance_to"] = word(invoices_service_pb2.AdvanceTo, request.advance_to)
    if request.payment_method_id:
        arguments["payment_method_id"] = request.payment_method_id
    asked = Request(request.entity, "create_invoice", record_id=request.record_id, arguments=arguments)
    return _checked(Check(), request, asked)


def parse_change(request: Change) -> Request:
    """Return the checked request of something to be done with an invoice.

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    arguments: dict[str, str] = {}
    if isinstance(request, invoices_service_pb2.PayInvoiceRequest):
        if request.out_of_band:
            arguments["method"] = "out_of_band"
        if request.payment_method_id:
            arguments["payment_method_id"] = request.payment_method_id
    if isinstance(request, invoices_service_pb2.CreditInvoiceRequest):
        if request.HasField("amount"):
            arguments |= check.amount(request.amount)
        if request.reason:
            arguments["reason"] = word(invoices_service_pb2.CreditReason, request.reason)
        if request.credit_to:
            arguments["credit_to"] = word(invoices_service_pb2.CreditTo, request.credit_to)
    asked = Request(request.entity, _OPERATIONS[type(request)], target_id=request.invoice_id, arguments=arguments)
    return _checked(check, request, asked)


def _checked(check: Check, request: invoices_service_pb2.CreateInvoiceRequest | Change, asked: Request) -> Request:
    """Return a request with what every message has, checked by the rules that Salesforce's requests share."""
    check.entity(request.entity)
    asked = replace(asked, version=request.version or "1", request_id=request.request_id or None)
    parsed = check.gather(lambda: checked(asked)) or asked
    check.done()
    return parsed


def parse_get(request: invoices_service_pb2.GetInvoiceRequest) -> tuple[str, str]:
    """Return (entity, invoice id).

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    invoice_id = check.matches("invoice_id", request.invoice_id, _INVOICE, "give an invoice's id (in_...)")
    check.done()
    return entity, invoice_id


def parse_list(request: invoices_service_pb2.ListInvoicesRequest) -> InvoiceQuery:
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
    if request.page_size < 0:
        check.wrong("page_size", f"is negative: give 1 to {MAX_PAGE}, or nothing for {DEFAULT_PAGE}")
    digest = filter_digest("invoices", entity, record_id or "", str(status or ""), customer_id or "")
    after = check.gather(lambda: read_token(request.page_token, digest)) if request.page_token else None
    check.done()
    size = min(request.page_size or DEFAULT_PAGE, MAX_PAGE)
    return InvoiceQuery(entity, record_id, status, customer_id, size, after, digest)


def _status(check: Check, state: int) -> InvoiceStatus | None:
    if state == invoice_pb2.Invoice.STATE_UNSPECIFIED:
        return None
    name = word(invoice_pb2.Invoice.State, state).upper()
    if name not in InvoiceStatus.__members__:
        check.wrong("state", "is not a state of this version: use one of Invoice.State")
        return None
    return InvoiceStatus[name]
