"""Story: an Opportunity with lines becomes an invoice, is sent, paid, credited. Asked in Salesforce, and over gRPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Row
from service.gen.counterfoil.v1 import invoice_pb2, invoices_service_pb2, invoices_service_pb2_grpc, payment_pb2
from tests.support.operations import ask, told
from tests.support.stage import CLOSE_DATE, dead_letters, drain, new_account, opportunity, saved_card

CARD = "pm_card_visa"


@contextmanager
def invoices_door(cast: Cast) -> Iterator[invoices_service_pb2_grpc.InvoicesServiceStub]:
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        yield invoices_service_pb2_grpc.InvoicesServiceStub(channel)


def with_lines(cast: Cast, currency: str, *lines: tuple[str, float, dict[str, Any]]) -> str:
    """Make an Opportunity with line items, of an Account whose customer has one saved card; return its id."""
    account = new_account(cast)
    saved_card(cast, account, CARD)
    fields = {"Name": "Fenwick seats", "StageName": "Prospecting", "CloseDate": CLOSE_DATE}
    record = str(cast.salesforce.create("Opportunity", AccountId=account, CurrencyIsoCode=currency, **fields)["id"])
    soql = "SELECT Id, CurrencyIsoCode, Product2.ProductCode FROM PricebookEntry"
    entries = {
        (row["Product2"]["ProductCode"], row["CurrencyIsoCode"]): row["Id"] for row in cast.salesforce.query(soql)
    }
    for code, quantity, more in lines:
        entry = entries[code, currency]
        cast.salesforce.create(
            "OpportunityLineItem", OpportunityId=record, PricebookEntryId=entry, Quantity=quantity, **more
        )
    return record


def invoices(cast: Cast, record: str) -> list[Row]:
    """Return the invoices that Salesforce shows of an Opportunity."""
    soql = f"SELECT FIELDS(ALL) FROM Invoice__c WHERE Opportunity__c = '{record}' LIMIT 200"  # noqa: S608  (our own words)
    return cast.salesforce.query(soql)


def below(cast: Cast, sobject: str, invoice: Row) -> list[Row]:
    soql = f"SELECT FIELDS(ALL) FROM {sobject} WHERE Invoice__c = '{invoice['Id']}' LIMIT 200"  # noqa: S608  (our own words)
    return cast.salesforce.query(soql)


def until(cast: Cast, record: str, status: str, field: str = "Status__c") -> Row:
    def look() -> Row | None:
        return next((row for row in invoices(cast, record) if row[field] == status), None)

    cast.wait(f"the invoice as {status}", look)
    drain(cast)
    found = look()
    assert found is not None
    return found


def test_sent_paid_and_credited_as_asked_in_salesforce(cast: Cast) -> None:
    record = with_lines(
        cast, "EUR", ("CF-SUB", 10, {"UnitPrice": 110, "Discount": 10}), ("CF-ONB", 0.5, {"UnitPrice": 1380})
    )
    ask(cast, "create_invoice", record, Days_Until_Due__c=14)
    invoice = until(cast, record, "Open")
    assert told(cast, record) is None
    assert (invoice["Total__c"], invoice["Currency_Code__c"]) == (1680, "EUR")
    lines = sorted(below(cast, "Invoice_Line__c", invoice), key=lambda line: line["Amount__c"])
    assert [(row["Amount__c"], row["Quantity__c"], row["Description__c"]) for row in lines] == [
        (690, Decimal("0.5"), "Onboarding Package"),
        (990, 1, "Platform Subscription (10 x 110.00, less 10 %)"),
    ]
    assert opportunity(cast, record)["Amount"] == invoice["Total__c"]

    ask(cast, "credit_invoice", record, Amount__c=80, Reason__c="order_change")
    cast.wait("the credit note", lambda: below(cast, "Credit_Note__c", invoice))
    ask(cast, "pay_invoice", record)
    paid = until(cast, record, "Paid")
    assert told(cast, record) is None
    assert (paid["Amount_Paid__c"], paid["Amount_Remaining__c"]) == (1600, 0)
    [paying] = below(cast, "Invoice_Payment__c", invoice)
    assert (paying["Amount_Paid__c"], paying["Status__c"]) == (1600, "Paid")
    shown = opportunity(cast, record)
    assert (shown["Payment_Status__c"], shown["Amount_Paid__c"]) == ("Paid", 1600)

    ask(cast, "credit_invoice", record, Amount__c=100, Version__c="2")
    cast.wait("the refund", lambda: opportunity(cast, record)["Payment_Status__c"] == "Partially_Refunded")
    assert told(cast, record) is None
    notes = {row["Amount__c"]: row for row in below(cast, "Credit_Note__c", invoice)}
    assert (notes[80]["Pre_Payment_Amount__c"], notes[80]["Reason__c"]) == (80, "order_change")
    assert notes[100]["Post_Payment_Amount__c"] == 100
    assert opportunity(cast, record)["Amount_Paid__c"] == 1500
    assert dead_letters(cast) == 0


def test_what_cannot_be_invoiced_is_told_on_the_record(cast: Cast) -> None:
    record = with_lines(cast, "USD")
    ask(cast, "create_invoice", record)
    cast.wait("the refusal", lambda: opportunity(cast, record)["Payment_Error__c"])
    error = told(cast, record) or ""
    assert "Amount" in error
    ask(cast, "pay_invoice", record, Version__c="2")
    cast.wait("the refusal", lambda: "no invoice" in (opportunity(cast, record)["Payment_Error__c"] or ""))
    ask(cast, "credit_invoice", record, Credit_To__c="elsewhere")
    cast.wait("the refusal", lambda: "give one of refund" in (opportunity(cast, record)["Payment_Error__c"] or ""))
    assert invoices(cast, record) == []


def test_over_grpc_a_draft_is_led_to_its_end(cast: Cast) -> None:
    api = invoices_service_pb2
    record = with_lines(cast, "JPY", ("CF-SUB", 3, {"UnitPrice": 18_000}))
    entity = cast.stack.entity
    create = api.CreateInvoiceRequest(
        entity=entity, record_id=record, advance_to=api.ADVANCE_TO_DRAFT, days_until_due=0, request_id="inv-1"
    )
    with invoices_door(cast) as door:
        made, again = door.CreateInvoice(create, timeout=20), door.CreateInvoice(create, timeout=20)
        draft = made.invoice
        assert (draft.state, draft.subtotal.amount_minor, draft.record_id) == (
            invoice_pb2.Invoice.STATE_DRAFT,
            54_000,
            record,
        )
        assert (again.replayed, again.invoice.invoice_id) == (True, draft.invoice_id)
        named = {"entity": entity, "invoice_id": draft.invoice_id}
        final = door.FinaliseInvoice(api.FinaliseInvoiceRequest(**named), timeout=20).invoice
        assert (final.state, bool(final.number)) == (invoice_pb2.Invoice.STATE_OPEN, True)
        assert [(line.quantity, line.amount.amount_minor) for line in final.lines] == [("3", 54_000)]
        sent = door.SendInvoice(api.SendInvoiceRequest(**named), timeout=20)
        assert sent.request_state == payment_pb2.REQUEST_STATE_SUCCEEDED
        part = payment_pb2.MinorAmount(amount_minor=4000, currency_code="JPY")
        credit = api.CreditInvoiceRequest(
            **named, amount=part, reason=api.CREDIT_REASON_DUPLICATE, credit_to=api.CREDIT_TO_BALANCE
        )
        assert door.CreditInvoice(credit, timeout=20).credit_note_id.startswith("cn_")
        paid = door.PayInvoice(api.PayInvoiceRequest(**named), timeout=20).invoice
        assert (paid.state, paid.amount_paid.amount_minor) == (invoice_pb2.Invoice.STATE_PAID, 50_000)
        with pytest.raises(grpc.RpcError, match="credit it instead"):
            door.VoidInvoice(api.VoidInvoiceRequest(**named), timeout=20)
        drain(cast)
        read = door.GetInvoice(api.GetInvoiceRequest(**named), timeout=20).invoice
        assert (read.amount_credited.amount_minor, read.amount_remaining.amount_minor) == (4000, 0)
        listed = door.ListInvoices(api.ListInvoicesRequest(entity=entity, record_id=record), timeout=20)
        assert [one.invoice_id for one in listed.invoices] == [draft.invoice_id]
    assert until(cast, record, "Paid")["Amount_Paid__c"] == 50_000


def test_over_grpc_one_is_called_off_and_another_given_up(cast: Cast) -> None:
    api, entity = invoices_service_pb2, cast.stack.entity
    record = with_lines(cast, "KWD", ("CF-SUB", 2, {"UnitPrice": 36.84}))
    with invoices_door(cast) as door:
        first, second = (
            door.CreateInvoice(
                api.CreateInvoiceRequest(entity=entity, record_id=record, version=version), timeout=20
            ).invoice.invoice_id
            for version in ("1", "2")
        )
        voided = door.VoidInvoice(api.VoidInvoiceRequest(entity=entity, invoice_id=first), timeout=20)
        assert voided.invoice.state == invoice_pb2.Invoice.STATE_VOID
        request = api.MarkInvoiceUncollectibleRequest(entity=entity, invoice_id=second)
        given_up = door.MarkInvoiceUncollectible(request, timeout=20).invoice
        assert (given_up.state, given_up.total.amount_minor) == (invoice_pb2.Invoice.STATE_UNCOLLECTIBLE, 73_680)
        page = api.ListInvoicesRequest(entity=entity, record_id=record, page_size=1)
        found = door.ListInvoices(page, timeout=20)
        page.page_token = found.next_page_token
        rest = door.ListInvoices(page, timeout=20)
    ids = [one.invoice_id for one in (*found.invoices, *rest.invoices)]
    assert (set(ids), rest.next_page_token) == ({first, second}, "")
    drain(cast)
    assert {row["Status__c"] for row in invoices(cast, record)} == {"Void", "Uncollectible"}
