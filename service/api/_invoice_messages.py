"""Facts of an invoice as messages of the API. Translation only: no fact is made up, and an unknown one stays unset."""

from typing import cast

from service.api._messages import amount_of, time_of
from service.gen.counterfoil.v1 import invoice_pb2
from service.projection.invoices import InvoiceFacts, InvoiceStatus, LineFacts


def state_of(status: InvoiceStatus) -> invoice_pb2.Invoice.State:
    """Return the API's word for an invoice's status; what invoices never are is unknown."""
    known = invoice_pb2.Invoice.State.keys()
    name = f"STATE_{status.name}"
    value = invoice_pb2.Invoice.State.Value(name if name in known else "STATE_UNKNOWN")
    return cast("invoice_pb2.Invoice.State", value)


def invoice_from_facts(facts: InvoiceFacts) -> invoice_pb2.Invoice:
    """Return an invoice as the API shows it."""
    code = facts.currency
    return invoice_pb2.Invoice(
        invoice_id=facts.invoice_id,
        entity=facts.entity,
        record_id=facts.record_id or "",
        state=state_of(facts.status),
        stripe_status=facts.stripe_status or "",
        number=facts.number or "",
        subtotal=amount_of(facts.subtotal_minor, code),
        tax=amount_of(facts.tax_minor, code),
        total=amount_of(facts.total_minor, code),
        amount_due=amount_of(facts.due_minor, code),
        amount_paid=amount_of(facts.paid_minor, code),
        amount_remaining=amount_of(facts.remaining_minor, code),
        amount_credited=amount_of(facts.credited_minor, code),
        hosted_invoice_url=facts.hosted_url or "",
        pdf_url=facts.pdf_url or "",
        customer_id=facts.customer_id or "",
        livemode=bool(facts.livemode),
        create_time=time_of(facts.created_at),
        finalize_time=time_of(facts.finalised_at),
        due_time=time_of(facts.due_at),
        pay_time=time_of(facts.paid_at),
        lines=[_line(line, code) for line in facts.lines],
    )


def _line(line: LineFacts, code: str | None) -> invoice_pb2.InvoiceLine:
    return invoice_pb2.InvoiceLine(
        description=line.description or "",
        quantity=line.quantity or "",
        amount=amount_of(line.amount_minor, code),
        tax=amount_of(line.tax_minor, code),
    )
