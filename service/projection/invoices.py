"""Invoices for readers: the same facts that Salesforce gets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service import mirror
from service.db import Transaction
from service.domain import SOURCE_OBJECTS, Carried, moment
from service.mirror import MirrorRow
from service.projection._invoice_status import DELETED, invoice_status
from service.projection._status import InvoiceStatus

__all__ = ["InvoiceFacts", "InvoiceStatus", "LineFacts", "Position", "invoice_in", "list_invoices", "read_invoice"]

_TYPES = ("invoice",)
_PAGE = 200
_SCAN_LIMIT = 5000
_EPOCH = datetime.fromtimestamp(0, UTC)
Position = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line of an invoice; amounts in minor units of the invoice's currency, `quantity` as a decimal text."""

    description: str | None
    quantity: str | None
    amount_minor: int | None
    tax_minor: int


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """One invoice, as every reader sees it: amounts in minor units of `currency` (upper case), times in UTC.

    What is not known yet is None. `credited_minor` is what credit notes took off, before and after payment.
    """

    invoice_id: str
    entity: str
    record_id: str | None
    customer_id: str | None
    status: InvoiceStatus
    stripe_status: str | None
    number: str | None
    currency: str | None
    subtotal_minor: int | None
    tax_minor: int
    total_minor: int | None
    due_minor: int | None
    paid_minor: int | None
    remaining_minor: int | None
    credited_minor: int
    hosted_url: str | None
    pdf_url: str | None
    livemode: bool | None
    created_at: datetime | None
    finalised_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    lines: tuple[LineFacts, ...]


def invoice_facts(row: MirrorRow) -> InvoiceFacts:
    """Derive an invoice's facts. Pure."""
    body = row.body or {}
    moments = body.get("status_transitions") or {}
    currency = body.get("currency")
    return InvoiceFacts(
        invoice_id=row.object_id,
        entity=row.entity,
        record_id=row.belongs_to,
        customer_id=body.get("customer"),
        status=InvoiceStatus.VOID if row.deleted else invoice_status(body),
        stripe_status=DELETED if row.deleted else body.get("status"),
        number=body.get("number"),
        currency=currency.upper() if isinstance(currency, str) else None,
        subtotal_minor=body.get("subtotal"),
        tax_minor=_tax(body.get("total_taxes")),
        total_minor=body.get("total"),
        due_minor=body.get("amount_due"),
        paid_minor=body.get("amount_paid"),
        remaining_minor=body.get("amount_remaining"),
        credited_minor=sum(int(body.get(f"{when}_payment_credit_notes_amount") or 0) for when in ("pre", "post")),
        hosted_url=body.get("hosted_invoice_url"),
        pdf_url=body.get("invoice_pdf"),
        livemode=body.get("livemode"),
        created_at=row.created_at,
        finalised_at=moment(moments.get("finalized_at")),
        due_at=moment(body.get("due_date")),
        paid_at=moment(moments.get("paid_at")),
        lines=tuple(_lines(body)),
    )


def invoice_in(entity: str, body: Mapping[str, Any]) -> InvoiceFacts:
    """Derive the facts of an invoice as Stripe has just shown it; its record is the one that our metadata name."""
    named = (body.get("metadata") or {}).get(Carried.RECORD)
    row = MirrorRow(
        entity=entity,
        object_id=str(body["id"]),
        object_type="invoice",
        body=dict(body),
        parent_id=None,
        record_id=named if isinstance(named, str) and named[:3] in SOURCE_OBJECTS else None,
        created_at=moment(body.get("created")),
        deleted=body.get("deleted") is True,
        traceparent=None,
        version=0,
    )
    return invoice_facts(row)


def _lines(body: Mapping[str, Any]) -> Iterator[LineFacts]:
    for line in (body.get("lines") or {}).get("data") or ():
        quantity = line.get("quantity_decimal") or line.get("quantity")
        yield LineFacts(
            description=line.get("description"),
            quantity=None if quantity is None else str(quantity),
            amount_minor=line.get("amount"),
            tax_minor=_tax(line.get("taxes")),
        )


def _tax(entries: Any) -> int:
    return sum(entry.get("amount") or 0 for entry in entries or ())


async def read_invoice(tx: Transaction, entity: str, invoice_id: str) -> InvoiceFacts | None:
    """Return an invoice by its id; None if it is unknown, or no invoice."""
    row = (await mirror.load(tx, [(entity, invoice_id)])).get((entity, invoice_id))
    return invoice_facts(row) if row is not None and row.object_type in _TYPES else None


async def list_invoices(
    tx: Transaction,
    entity: str,
    *,
    record_id: str | None,
    status: InvoiceStatus | None,
    customer_id: str | None,
    after: Position | None,
    limit: int,
) -> tuple[list[InvoiceFacts], Position | None]:
    """Return up to `limit` invoices after a position, newest first, and the position to go on from, if there is more.

    Status and customer are compared while reading on, over at most 5,000 invoices a call: a rare value may give a short
    page, or an empty one, with a position to go on from.
    """
    found: list[InvoiceFacts] = []
    for _ in range(_SCAN_LIMIT // _PAGE):
        rows = await mirror.list_roots(tx, entity=entity, record_id=record_id, after=after, limit=_PAGE, types=_TYPES)
        for place, row in enumerate(rows, 1):
            after = (row.created_at or _EPOCH, row.object_id)
            fact = invoice_facts(row)
            if status in {None, fact.status} and customer_id in {None, fact.customer_id}:
                found.append(fact)
            if len(found) == limit:
                more = place < len(rows) or len(rows) == _PAGE
                return found, after if more else None
        if len(rows) < _PAGE:
            return found, None
    return found, after
