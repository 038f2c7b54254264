"""InvoicesService at the gRPC door: what reaches the commands, and what the caller is told."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from service.access import Gate
from service.api import GrpcServer, InvoiceReader, InvoicesService, Readiness
from service.clock import SystemClock
from service.commands import Command, CommandState
from service.config import Settings
from service.errors import VendorUnavailable
from service.gen.counterfoil.v1 import invoice_pb2, invoices_service_pb2, invoices_service_pb2_grpc, payment_pb2
from service.projection.invoices import InvoiceFacts, invoice_in
from tests.integration.api.payments_door import OPPORTUNITY, MemoryCommands, detail_of, info_of, status_of

api = invoices_service_pb2
NAMED: dict[str, Any] = {"entity": "acme", "invoice_id": "in_1"}
LATER: Any = 99  # of a later version: an open enumeration carries any number


def body(invoice_id: str = "in_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": invoice_id,
        "object": "invoice",
        "status": "open",
        "currency": "usd",
        "subtotal": 1000,
        "total": 1190,
        "total_taxes": [{"amount": 190}],
        "amount_due": 1190,
        "amount_paid": 0,
        "amount_remaining": 1190,
        "customer": "cus_1",
        "created": 1_700_000_000,
        "metadata": {"salesforce_record_id": OPPORTUNITY},
        "lines": {"data": [{"description": "Seat", "amount": 1000, "quantity_decimal": "2.5", "taxes": []}]},
        **changes,
    }


class Vendor(MemoryCommands):
    """Commands in memory, with Stripe's view of an invoice."""

    shown: dict[str, Any] | None = None

    async def look(
        self, command: Command, object_type: str, object_id: str, *, expand: Sequence[str] = ()
    ) -> dict[str, Any]:
        assert (command.entity, object_type, expand) == ("acme", "invoice", ())
        if self.shown is None:
            raise VendorUnavailable("no answer", vendor="stripe", reason="STRIPE_UNAVAILABLE")
        return {**self.shown, "id": object_id}


class Shelf(InvoiceReader):
    """Invoices in a list."""

    def __init__(self) -> None:
        self.invoices: list[InvoiceFacts] = []

    async def read(self, entity: str, invoice_id: str) -> InvoiceFacts | None:
        return next((one for one in self.invoices if (one.entity, one.invoice_id) == (entity, invoice_id)), None)

    async def page(self, query: Any) -> tuple[list[InvoiceFacts], tuple[datetime, str] | None]:
        after = query.after[1] if query.after else ""
        left = [one for one in self.invoices if one.invoice_id > after and query.status in {None, one.status}]
        shown = left[: query.page_size]
        last = shown[-1] if shown else None
        more = last is not None and last.created_at is not None and len(left) > len(shown)
        return shown, (last.created_at, last.invoice_id) if more and last and last.created_at else None


@dataclass
class Door:
    """A running door and what stands behind it."""

    commands: Vendor
    shelf: Shelf
    stub: invoices_service_pb2_grpc.InvoicesServiceStub


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    commands, shelf = Vendor(), Shelf()
    service = InvoicesService(commands, shelf, {"acme"})
    server = GrpcServer([service], Readiness([]), Settings(grpc_port=0), Gate(None, SystemClock()))
    port = await server.start()
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        yield Door(commands, shelf, invoices_service_pb2_grpc.InvoicesServiceStub(channel))
    await server.stop(timedelta(seconds=1))


async def test_a_new_invoice_in_all_its_words(door: Door) -> None:
    door.commands.outcome = {"state": CommandState.SUCCEEDED, "result_id": "in_1"}
    door.commands.shown = body()
    request = api.CreateInvoiceRequest(
        entity="acme",
        record_id=OPPORTUNITY,
        amount_source=payment_pb2.AMOUNT_SOURCE_LINES,
        collection_method=api.COLLECTION_METHOD_SEND_INVOICE,
        days_until_due=0,
        advance_to=api.ADVANCE_TO_SENT,
        version="2",
        request_id="r-1",
    )
    answer = await door.stub.CreateInvoice(request)
    [asked] = door.commands.requests
    assert (asked.operation, asked.record_id, asked.version, asked.request_id) == (
        "create_invoice",
        OPPORTUNITY,
        "2",
        "r-1",
    )
    assert asked.arguments == {
        "amount_source": "lines",
        "collection_method": "send_invoice",
        "days_until_due": "0",
        "advance_to": "sent",
    }
    shown = answer.invoice
    assert (shown.state, shown.total.amount_minor, shown.tax.amount_minor, shown.record_id) == (
        invoice_pb2.Invoice.STATE_OPEN,
        1190,
        190,
        OPPORTUNITY,
    )
    assert [(line.description, line.quantity) for line in shown.lines] == [("Seat", "2.5")]
    assert not shown.HasField("due_time")


async def test_a_decline_of_a_new_invoice_is_an_outcome(door: Door) -> None:
    door.commands.outcome = {"state": CommandState.DECLINED, "result_id": "in_1", "failure_code": "card_declined"}
    answer = await door.stub.CreateInvoice(api.CreateInvoiceRequest(entity="acme", record_id=OPPORTUNITY))
    assert (answer.request_state, answer.failure.code) == (payment_pb2.REQUEST_STATE_DECLINED, "card_declined")
    assert (answer.invoice.invoice_id, answer.invoice.entity) == ("in_1", "acme"), "all that is known without Stripe"


@pytest.mark.parametrize(
    ("call", "request_of", "operation", "arguments"),
    [
        ("FinaliseInvoice", api.FinaliseInvoiceRequest(**NAMED), "finalise_invoice", {}),
        ("SendInvoice", api.SendInvoiceRequest(**NAMED), "send_invoice", {}),
        ("PayInvoice", api.PayInvoiceRequest(**NAMED, out_of_band=True), "pay_invoice", {"method": "out_of_band"}),
        (
            "PayInvoice",
            api.PayInvoiceRequest(**NAMED, payment_method_id="pm_1"),
            "pay_invoice",
            {"payment_method_id": "pm_1"},
        ),
        ("VoidInvoice", api.VoidInvoiceRequest(**NAMED), "void_invoice", {}),
        (
            "MarkInvoiceUncollectible",
            api.MarkInvoiceUncollectibleRequest(**NAMED),
            "mark_invoice_uncollectible",
            {},
        ),
        (
            "CreditInvoice",
            api.CreditInvoiceRequest(
                **NAMED,
                amount=payment_pb2.MinorAmount(amount_minor=1050, currency_code="KWD"),
                reason=api.CREDIT_REASON_ORDER_CHANGE,
                credit_to=api.CREDIT_TO_OUT_OF_BAND,
            ),
            "credit_invoice",
            {"amount": "1.05", "currency": "KWD", "reason": "order_change", "credit_to": "out_of_band"},
        ),
    ],
)
async def test_every_change_reaches_the_commands(
    door: Door, call: str, request_of: Any, operation: str, arguments: dict[str, str]
) -> None:
    door.commands.outcome = {"state": CommandState.SUCCEEDED, "result_id": "cn_1"}
    door.commands.shown = body(status="void")
    answer = await getattr(door.stub, call)(request_of)
    [asked] = door.commands.requests
    assert (asked.operation, asked.target_id, asked.record_id, asked.arguments) == (operation, "in_1", None, arguments)
    assert answer.invoice.state == invoice_pb2.Invoice.STATE_VOID
    assert getattr(answer, "credit_note_id", "cn_1") == "cn_1"


async def test_what_came_to_nothing_is_an_error_of_the_invoice(door: Door) -> None:
    door.commands.outcome = {"state": CommandState.REFUSED, "reason": "INVOICE_WRONG_STATE", "message": "it is void"}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await door.stub.PayInvoice(api.PayInvoiceRequest(**NAMED))
    info = info_of(raised.value)
    assert (raised.value.code(), info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INVOICE_WRONG_STATE")
    assert dict(info.metadata) == {"invoice_id": "in_1", "request_state": "REFUSED"}


@pytest.mark.parametrize(
    ("call", "request_of", "fields"),
    [
        (
            "CreateInvoice",
            api.CreateInvoiceRequest(
                record_id="x",
                days_until_due=-1,
                advance_to=LATER,
                version="a b",
                request_id="\n",
            ),
            {"entity", "record_id", "days_until_due", "advance_to", "version", "request_id"},
        ),
        (
            "CreateInvoice",
            api.CreateInvoiceRequest(
                entity="acme",
                record_id=OPPORTUNITY,
                collection_method=api.COLLECTION_METHOD_CHARGE_AUTOMATICALLY,
                days_until_due=3,
                advance_to=api.ADVANCE_TO_SENT,
                payment_method_id="card",
            ),
            {"days_until_due", "advance_to", "payment_method_id"},
        ),
        (
            "CreditInvoice",
            api.CreditInvoiceRequest(
                invoice_id="pi_1", amount=payment_pb2.MinorAmount(amount_minor=0, currency_code="usd"), reason=LATER
            ),
            {"entity", "invoice_id", "amount.amount_minor", "amount.currency_code", "reason"},
        ),
        ("GetInvoice", api.GetInvoiceRequest(invoice_id="cmd_1"), {"entity", "invoice_id"}),
        (
            "ListInvoices",
            api.ListInvoicesRequest(
                record_id="y",
                customer_id="z",
                state=LATER,
                page_size=-1,
                page_token="?",
            ),
            {"entity", "record_id", "customer_id", "state", "page_size", "page_token"},
        ),
    ],
)
async def test_every_violation_is_told_at_once(door: Door, call: str, request_of: Any, fields: set[str]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(door.stub, call)(request_of)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert bad is not None
    assert {violation.field for violation in bad.field_violations} == fields
    assert door.commands.requests == []


async def test_reading_and_paging(door: Door) -> None:
    door.shelf.invoices = [invoice_in("acme", body(f"in_{number}")) for number in range(5)]
    assert (await door.stub.GetInvoice(api.GetInvoiceRequest(entity="acme", invoice_id="in_3"))).invoice.total
    with pytest.raises(grpc.aio.AioRpcError, match="no invoice"):
        await door.stub.GetInvoice(api.GetInvoiceRequest(entity="acme", invoice_id="in_9"))
    request, found = api.ListInvoicesRequest(entity="acme", state=invoice_pb2.Invoice.STATE_OPEN, page_size=2), []
    while True:
        page = await door.stub.ListInvoices(request)
        found += [one.invoice_id for one in page.invoices]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert found == [f"in_{number}" for number in range(5)]
    request = api.ListInvoicesRequest(entity="acme", page_size=2)
    request.page_token = (await door.stub.ListInvoices(request)).next_page_token
    request.customer_id = "cus_1"
    with pytest.raises(grpc.aio.AioRpcError, match="filters"):
        await door.stub.ListInvoices(request)
