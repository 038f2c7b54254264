"""Invoices: Invoice__c with its lines, its payments (many to many with Payment__c) and its credit notes.

Lines are written once the invoice is final: those of a draft may still come and go. A draft that was deleted is Void,
with the word "deleted" beside it and nothing left to pay; nothing is ever deleted in Salesforce.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from service.domain import SOURCE_OBJECTS, Carried, DesiredRecord, Reference, normalise_salesforce_id
from service.errors import InvalidRequest
from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._invoice_status import DELETED, credit_note_status, invoice_payment_status, invoice_status
from service.projection._status import InvoiceStatus
from service.projection._values import Fields, Lane, currency_of, cut, money, reference, unix

_INVOICE_RANK, _BELOW_RANK, _PAYMENT_RANK = 0, 1, 3
_ACCOUNT_PREFIX = "001"
_URL_LENGTH = 255  # of a Salesforce Url field; a link that is cut leads nowhere
_THOUSANDTH = Decimal("0.001")
_AMOUNTS = {
    "Subtotal__c": "subtotal",
    "Total__c": "total",
    "Amount_Due__c": "amount_due",
    "Amount_Paid__c": "amount_paid",
    "Amount_Remaining__c": "amount_remaining",
}


def invoice_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the invoice, then what is below it."""
    row = family.root
    invoice = reference("Invoice__c", row.object_id)
    fields = _deleted(row) if row.deleted else _invoice(row, lane)
    yield lane.record("Invoice__c", row.object_id, fields, _INVOICE_RANK, None, row.traceparent)
    for line in _final_lines(row):
        yield lane.record(
            "Invoice_Line__c", line["id"], _line(line, row, invoice), _BELOW_RANK, invoice, row.traceparent
        )
    for note in family.all("credit_note"):
        yield lane.record(
            "Credit_Note__c", note.object_id, _credit_note(note, invoice), _BELOW_RANK, invoice, row.traceparent
        )
    for paying in family.all("invoice_payment"):
        payment = _payment_of(paying, lane)
        fields = _invoice_payment(paying, invoice, payment)
        # The invoice comes before it in their lane; the payment has a lane of its own.
        yield lane.record(
            "Invoice_Payment__c", paying.object_id, fields, _PAYMENT_RANK, payment or invoice, row.traceparent
        )


def _invoice(row: MirrorRow, lane: Lane) -> Fields:
    body = row.body or {}
    currency, moments = currency_of(body), body.get("status_transitions") or {}
    sale = lane.route.sale
    source = SOURCE_OBJECTS.get((sale or "")[:3])
    fields: Fields = {name: money(body.get(field), currency) for name, field in _AMOUNTS.items()}
    off_stripe = body.get("amount_paid_off_stripe", 0 if body.get("status") == "draft" else None)
    if off_stripe is not None:  # told only when it is asked for: no event may empty it
        fields["Amount_Paid_Off_Stripe__c"] = money(off_stripe, currency)
    return fields | {
        "Entity__c": row.entity,
        "Number__c": cut(body.get("number"), 40),
        "Status__c": invoice_status(body).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Currency_Code__c": currency,
        "Tax__c": money(_tax(body.get("total_taxes")), currency),
        "Due_At__c": unix(body.get("due_date")),
        "Finalized_At__c": unix(moments.get("finalized_at")),
        "Paid_At__c": unix(moments.get("paid_at")),
        "Voided_At__c": unix(moments.get("voided_at")),
        "Created_At__c": unix(body.get("created")),
        "Hosted_Url__c": _link(body.get("hosted_invoice_url")),
        "Pdf_Url__c": _link(body.get("invoice_pdf")),
        "Stripe_Customer_Id__c": cut(body.get("customer"), 255),
        "Account__c": _account(row, lane) or lane.route.account,
        "Opportunity__c": sale if source == "Opportunity" else None,
        "Order__c": sale if source == "Order" else None,
    }


def _deleted(row: MirrorRow) -> Fields:
    return dict.fromkeys((*_AMOUNTS, "Tax__c"), Decimal(0)) | {
        "Entity__c": row.entity,
        "Status__c": InvoiceStatus.VOID.value,
        "Stripe_Status__c": DELETED,
    }


def _account(row: MirrorRow, lane: Lane) -> str | None:
    """Return the Account that our metadata names, else the one the customer was made for."""
    named = ((row.body or {}).get("metadata") or {}).get(Carried.RECORD)
    customer = lane.known(row)
    for record_id in (named, customer.record_id if customer else None):
        if isinstance(record_id, str) and record_id.startswith(_ACCOUNT_PREFIX):
            try:
                return normalise_salesforce_id(record_id)
            except InvalidRequest:
                continue  # somebody else's metadata under our name
    return None


def _final_lines(row: MirrorRow) -> list[dict[str, Any]]:
    body = row.body or {}
    listed = (body.get("lines") or {}).get("data") or []
    return [] if row.deleted or body.get("status") == "draft" else listed


def _line(line: Mapping[str, Any], row: MirrorRow, invoice: Reference) -> Fields:
    currency, period = currency_of(dict(line)), line.get("period") or {}
    return {
        "Entity__c": row.entity,
        "Invoice__c": invoice,
        "Description__c": cut(line.get("description"), 255),
        "Quantity__c": _quantity(line),
        "Amount__c": money(line.get("amount"), currency),
        "Tax__c": money(_tax(line.get("taxes")), currency),
        "Currency_Code__c": currency,
        "Period_Start__c": unix(period.get("start")),
        "Period_End__c": unix(period.get("end")),
    }


def _credit_note(row: MirrorRow, invoice: Reference) -> Fields:
    body = row.body or {}
    currency = currency_of(body)
    return {
        "Entity__c": row.entity,
        "Invoice__c": invoice,
        "Number__c": cut(body.get("number"), 60),
        "Status__c": credit_note_status(body).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount__c": money(body.get("amount"), currency),
        "Pre_Payment_Amount__c": money(body.get("pre_payment_amount"), currency),
        "Post_Payment_Amount__c": money(body.get("post_payment_amount"), currency),
        "Currency_Code__c": currency,
        "Reason__c": cut(body.get("reason"), 60),
        "Created_At__c": unix(body.get("created")),
    }


def _payment_of(row: MirrorRow, lane: Lane) -> Reference | None:
    """Return the payment that pays, once it is known; money from outside Stripe has none."""
    intent = lane.known(row)
    return reference("Payment__c", intent.object_id) if intent else None


def _invoice_payment(row: MirrorRow, invoice: Reference, payment: Reference | None) -> Fields:
    body = row.body or {}
    currency = currency_of(body)
    return {
        "Entity__c": row.entity,
        "Invoice__c": invoice,
        "Payment__c": payment,
        "Status__c": invoice_payment_status(body).value,
        "Stripe_Status__c": cut(body.get("status"), 60),
        "Amount_Requested__c": money(body.get("amount_requested"), currency),
        "Amount_Paid__c": money(body.get("amount_paid"), currency),
        "Currency_Code__c": currency,
        "Paid_At__c": unix((body.get("status_transitions") or {}).get("paid_at")),
        "Created_At__c": unix(body.get("created")),
    }


def _tax(entries: Any) -> int:
    return sum(entry.get("amount") or 0 for entry in entries or ())


def _link(url: Any) -> str | None:
    return url if isinstance(url, str) and len(url) <= _URL_LENGTH else None


def _quantity(line: Mapping[str, Any]) -> Decimal | None:
    """Return the quantity, rounded to the three decimals that Salesforce keeps."""
    value = line.get("quantity_decimal") or line.get("quantity")
    try:
        return None if value is None else Decimal(str(value)).quantize(_THOUSANDTH)
    except InvalidOperation:
        return None
