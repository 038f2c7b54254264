"""One of every record that projection writes, with every field filled as far as the vendors' limits go.

It is made by the rules themselves from invented payments, so a check of an org that tries these values on its fields
can never lag behind the rules. It refuses nothing and nobody delivers it.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service.currencies import Reporting
from service.domain import SOURCE_OBJECTS, DesiredRecord, Limit, Statement
from service.mapping import Names, apply
from service.mirror import MirrorRow
from service.projection._history import widest_changes
from service.projection._records import _OURS, records
from service.projection._routing import CUSTOMER_FIELD
from service.projection._values import Lane

_ENTITY = "e" * 40  # service.config: the longest name
_LONG = "x" * 5000  # docs.stripe.com's OpenAPI description gives texts this limit, addresses of Checkout too
_MOMENT = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
_CREATED = int(_MOMENT.timestamp())
# The longest amounts are of 12 digits (IDR); three decimals are the most (KWD). Source: docs.stripe.com/currencies.
_AMOUNTS = {"idr": 999_999_999_999, "kwd": 99_999_990}
# The rate of a small unit to a large one needs nine decimals to keep five significant digits.
_RATE = 0.000060123


def _id(prefix: str) -> str:
    return prefix.ljust(255, "x")  # docs.stripe.com/upgrades: ids have at most 255 characters


def widest_records(
    org: str, names: Names = _OURS, *, customer_fields: Collection[str] = (CUSTOMER_FIELD,)
) -> list[DesiredRecord]:
    """Return every record there can be in `org`, for payments of each kind of source and course, and for customers.

    `customer_fields` are those of the org's entities.
    """
    found: list[DesiredRecord] = []
    for prefix in SOURCE_OBJECTS:
        for currency, amount in _AMOUNTS.items():
            for status in ("succeeded", "requires_payment_method", _LONG):
                rows = list(_rows(f"{prefix}000000000001AAA", currency, amount, status))
                found += records(rows, org=org, names=names, reporting={_ENTITY: Reporting(currency.upper())})
    for currency, amount in _AMOUNTS.items():
        found += records(list(_payout_rows(currency, amount)), org=org, names=names)
        named = [
            _row("customer", _id("cus_"), None, "001000000000001AAA", {}),
            _row("payment_intent", _id("pi_"), None, None, {}),
        ]
        for record_id, words in (
            ("006000000000001AAA", ("uncollectible", "open", "issued")),
            ("801000000000001AAA", (_LONG,) * 3),
        ):
            found += records(
                list(_invoice_rows(record_id, currency, amount, words)), org=org, linked=named, names=names
            )
    for field in customer_fields:
        found += records(list(_customer_rows()), org=org, names=names, customer_fields={_ENTITY: field})
    changes = widest_changes(Lane(org, _id("pi_")), _MOMENT)
    return found + apply(names, changes, {}, version="")


def _rows(record_id: str, currency: str, amount: int, status: str) -> Iterator[MirrorRow]:
    """Yield all that Stripe may tell of one payment; one without success is declined, with its page still open."""
    paid = status == "succeeded"
    request, intent, charge, transaction = "cmd_".ljust(36, "0"), _id("pi_"), _id("ch_"), _id("txn_")
    failure = {"code": _LONG, "decline_code": _LONG, "message": _LONG}
    money = {"amount": amount, "currency": currency, "created": _CREATED, "livemode": True}
    yield _row("counterfoil.request", request, None, record_id, _request(amount, currency))
    session = {"status": "complete" if paid else "open", "url": None if paid else f"https://{_LONG[8:]}"}
    yield _row("checkout.session", _id("cs_"), request, record_id, session)
    yield _row(
        "payment_intent",
        intent,
        request,
        record_id,
        {
            **money,
            "status": status,
            "amount_received": amount if paid else 0,
            "customer": _id("cus_"),
            "latest_charge": charge,
            "last_payment_error": None if paid else failure,
        },
    )
    details = {"type": _LONG, "card": {"brand": _LONG, "last4": _LONG}}
    taken = {
        **money,
        "status": {"requires_payment_method": "failed"}.get(status, status),
        "amount_captured": amount,
        "amount_refunded": amount,
        "captured": paid,
        "balance_transaction": transaction if paid else None,
        "failure_code": None if paid else _LONG,
        "failure_message": None if paid else _LONG,
        "payment_method_details": details,
    }
    yield _row("charge", charge, intent, "003000000000001AAA", taken)
    if paid:
        settled = {
            **money,
            "type": _LONG,
            "reporting_category": _LONG,
            "status": _LONG,
            "fee": amount,
            "net": amount,
            "exchange_rate": _RATE,
            "available_on": _CREATED,
        }
        yield _row("balance_transaction", transaction, charge, None, settled)
        yield from _back(charge, money, settled)


def _request(amount: int, currency: str) -> dict[str, Any]:
    texts = ("operation", "version", "method", "requested_by", "source", "reason", "failure_code", "message")
    ids = ("target_id", "payment_intent_id", "checkout_session_id", "result_id", "decided_by", "decision_note")
    times = dict.fromkeys(("settled_at", "approval_due_at", "decided_at"), "2026-11-23T12:34:56Z")
    # Words that only its own picklist has.
    known = {
        "account_id": "001000000000001AAA",
        "amount_minor": amount,
        "currency": currency,
        "state": "PENDING_APPROVAL",
    }
    return {**dict.fromkeys((*texts, *ids), _LONG), **times, **known, "planned_calls": _LONG * 7}


def _customer_rows() -> Iterator[MirrorRow]:
    """Yield a customer of each kind of owner, and a request that could not be carried out."""
    for owner in ("001000000000001AAA", "003000000000001AAA"):
        yield _row("counterfoil.operation", f"cmd_{owner}".ljust(36, "0"), None, owner, {"message": _LONG})
        yield _row("customer", _id(f"cus_{owner}"), None, owner, {})


def _back(charge: str, money: dict[str, Any], settled: dict[str, Any]) -> Iterator[MirrorRow]:
    """Yield a refund and a dispute of a charge, what each moved on the balance, and two in an unknown status."""
    refund, dispute = _id("re_"), _id("du_")
    returned = {**money, "reason": _LONG, "failure_reason": _LONG}
    contested = {**money, "reason": _LONG, "evidence_details": {"due_by": _CREATED}}
    yield _row("refund", refund, charge, None, {**returned, "status": "failed"})
    yield _row("refund", _id("re_0"), charge, None, {**returned, "status": _LONG})
    yield _row("dispute", dispute, charge, None, {**contested, "status": "needs_response"})
    yield _row("dispute", _id("du_0"), charge, None, {**contested, "status": _LONG})
    for number, source in enumerate((refund, dispute)):
        yield _row("balance_transaction", _id(f"txn_{number}"), source, None, {**settled, "amount": -money["amount"]})


def _payout_rows(currency: str, amount: int) -> Iterator[MirrorRow]:
    """Yield all that Stripe may tell of a payout, with a statement of one line."""
    payout = _id("po_")
    body = {
        **dict.fromkeys(("method", "status", "failure_code", "failure_message"), _LONG),
        "amount": amount,
        "currency": currency,
        "automatic": True,
        "reversed_by": _id("po_"),
        "trace_id": {"status": "supported", "value": _LONG},
        "arrival_date": _CREATED,
    }
    yield _row("payout", payout, None, None, body)
    sums = {"count": 999_999_999, "gross_minor": amount, "fee_minor": amount, "net_minor": -amount}
    lines = [{"category": _LONG, "currency": currency.upper(), **sums}]
    yield _row(Statement.KIND, Statement.id_of(payout), payout, None, {"lines": lines, "limits": list(Limit)})
    own = {"type": "payout", "reporting_category": "payout", "amount": -amount, "currency": currency}
    yield replace(_row("balance_transaction", _id("txn_"), payout, None, own), payout_id=payout)


def _invoice_rows(record_id: str, currency: str, amount: int, statuses: tuple[str, str, str]) -> Iterator[MirrorRow]:
    """Yield all that Stripe may tell of an invoice with a line, a payment and a credit note, in these statuses."""
    invoice = _id("in_")
    money = {"amount": amount, "currency": currency, "created": _CREATED}
    sums = dict.fromkeys(
        ("subtotal", "total", "amount_due", "amount_paid", "amount_remaining", "amount_paid_off_stripe"), amount
    )
    tax = [{"amount": amount}]
    # A period may name times of its own; a quantity is written in three decimals.
    line = {**money, "id": _id("il_"), "description": _LONG, "quantity": 999_999_999_999, "taxes": tax}
    line["period"] = {"start": _CREATED, "end": _CREATED}
    body = {
        **money,
        **sums,
        "number": _LONG,
        "status": statuses[0],
        "customer": _id("cus_"),
        "due_date": _CREATED,
        "hosted_invoice_url": f"https://{'x' * 247}",
        "invoice_pdf": f"https://{'x' * 247}",
        "lines": {"data": [line]},
        "status_transitions": dict.fromkeys(("finalized_at", "paid_at", "voided_at"), _CREATED),
        "total_taxes": tax,
    }
    yield replace(_row("invoice", invoice, None, record_id, body), linked_id=_id("cus_"))
    yield _row("counterfoil.operation", "cmd_".ljust(36, "1"), invoice, record_id, _request(amount, currency))
    paid = {**money, "amount_requested": amount, "amount_paid": amount, "status": statuses[1]}
    paid["status_transitions"] = {"paid_at": _CREATED}
    yield replace(_row("invoice_payment", _id("inpay_"), invoice, None, paid), linked_id=_id("pi_"))
    note = {**money, "pre_payment_amount": amount, "post_payment_amount": amount}
    note |= {"number": _LONG, "reason": _LONG, "status": statuses[2]}
    yield _row("credit_note", _id("cn_"), invoice, None, note)


def _row(kind: str, key: str, parent: str | None, record_id: str | None, body: dict[str, Any]) -> MirrorRow:
    return MirrorRow(
        entity=_ENTITY,
        object_id=key,
        object_type=kind,
        body=body,
        parent_id=parent,
        record_id=record_id,
        created_at=_MOMENT,
        deleted=False,
        traceparent=None,
        version=1,
    )
