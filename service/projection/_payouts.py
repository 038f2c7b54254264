"""Payouts: Payout__c with its statement, Payout_Line__c for each category and currency of it, and the facts of both."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.domain import DesiredRecord, Limit, Rule, Statement, moment
from service.projection._families import Family
from service.projection._status import Body, PaymentStatus, Reconciliation
from service.projection._values import Fields, Lane, cut, money, reference, when

_RANK, _LINE_RANK = 0, 1
_KEY_CHARS, _DIGEST_CHARS = 255, 32
# Source: docs.stripe.com/api/payouts/object. A payout may fail after it was paid: the newest word counts.
_STATUS = {
    "pending": PaymentStatus.PROCESSING,
    "in_transit": PaymentStatus.PROCESSING,
    "paid": PaymentStatus.PAID,
    "failed": PaymentStatus.FAILED,
    "canceled": PaymentStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class PayoutFacts:
    """One payout, as every reader sees it. Amounts are signed integers in minor units of `currency`; times are UTC.

    `difference_minor` is what the statement lacks (positive) or has too much; None while there is no statement. `rule`
    is how it is known what the payout holds, `limits` what the rule did not look at, `again_at` when the statement is
    made once more because it does not add up, after `tries` times.
    """

    entity: str
    payout_id: str
    status: PaymentStatus
    stripe_status: str | None
    amount_minor: int | None
    currency: str | None
    automatic: bool
    method: str | None
    reconciliation: Reconciliation
    statement: Statement | None
    difference_minor: int | None
    failure_code: str | None
    failure_message: str | None
    trace_id: str | None
    reversed_by: str | None
    arrival_at: datetime | None
    created_at: datetime | None
    rule: Rule | None = None
    limits: tuple[Limit, ...] = ()
    tries: int = 0
    again_at: datetime | None = None


def payout_facts(family: Family) -> PayoutFacts:
    """Derive a payout's facts. Pure: the same family always gives the same facts."""
    root = family.root
    body = root.body or {}
    row = family.latest(Statement.KIND)
    told = (row.body or {}) if row else {}
    statement = Statement.read(told["lines"]) if told.get("lines") is not None else None
    amount, currency = body.get("amount"), str(body.get("currency") or "").upper() or None
    difference = None
    if statement is not None and isinstance(amount, int) and currency is not None:
        difference = statement.difference(amount, currency)
    return PayoutFacts(
        entity=root.entity,
        payout_id=root.object_id,
        status=_STATUS.get(str(body.get("status")), PaymentStatus.UNKNOWN),
        stripe_status=body.get("status"),
        amount_minor=amount,
        currency=currency,
        automatic=bool(body.get("automatic")),
        method=body.get("method"),
        reconciliation=_reconciliation(body, statement),
        statement=statement,
        difference_minor=difference,
        failure_code=body.get("failure_code"),
        failure_message=body.get("failure_message"),
        trace_id=(body.get("trace_id") or {}).get("value"),
        reversed_by=_id(body.get("reversed_by")),
        arrival_at=moment(body.get("arrival_date")),
        created_at=root.created_at,
        rule=None if statement is None else Rule.LISTED if body.get("automatic") else Rule.ALLOCATED,
        limits=tuple(Limit(word) for word in told.get("limits") or ()),
        tries=int(told.get("tries") or 0),
        again_at=moment(told.get("again")),
    )


def _id(value: Any) -> str | None:
    return value.get("id") if isinstance(value, dict) else value


def _reconciliation(body: Body, statement: Statement | None) -> Reconciliation:
    automatic = bool(body.get("automatic"))
    amount, currency = int(body.get("amount") or 0), str(body.get("currency") or "").upper()
    if statement is None:
        holds_nothing = not automatic and (amount <= 0 or body.get("original_payout") is not None)
        return Reconciliation.NOT_APPLICABLE if holds_nothing else Reconciliation.PENDING
    if statement.difference(amount, currency) or statement.foreign(currency):
        return Reconciliation.DIFFERENCE
    return Reconciliation.BALANCED if automatic else Reconciliation.ALLOCATED


def payout_records(family: Family, lane: Lane) -> Iterator[DesiredRecord]:
    """Yield the payout and the lines of its statement."""
    facts = payout_facts(family)
    trace = family.root.traceparent
    payout = reference("Payout__c", facts.payout_id)
    yield lane.record("Payout__c", facts.payout_id, _payout(facts), _RANK, None, trace)
    for line in facts.statement.lines if facts.statement else ():
        fields: Fields = {
            "Entity__c": facts.entity,
            "Payout__c": payout,
            "Category__c": cut(line.category, 80),
            "Currency_Code__c": line.currency,
            "Count__c": line.count,
            "Gross__c": money(line.gross_minor, line.currency),
            "Fee__c": money(line.fee_minor, line.currency),
            "Net__c": money(line.net_minor, line.currency),
        }
        key = _key(facts.payout_id, line.category, line.currency)
        yield lane.record("Payout_Line__c", key, fields, _LINE_RANK, payout, trace)


def _key(*parts: str) -> str:
    key = "_".join(parts)
    if len(key) <= _KEY_CHARS:
        return key
    return f"{key[: _KEY_CHARS - _DIGEST_CHARS]}{hashlib.sha256(key.encode()).hexdigest()[:_DIGEST_CHARS]}"


def _payout(facts: PayoutFacts) -> Fields:
    currency = facts.currency
    totals = facts.statement.totals(currency) if facts.statement and currency else None
    return {
        "Entity__c": facts.entity,
        "Status__c": facts.status.value,
        "Stripe_Status__c": cut(facts.stripe_status, 60),
        "Amount__c": money(facts.amount_minor, currency),
        "Currency_Code__c": currency,
        "Automatic__c": facts.automatic,
        "Method__c": cut(facts.method, 60),
        "Arrival_At__c": when(facts.arrival_at),
        "Reconciliation__c": facts.reconciliation.value,
        "Allocation_Rule__c": facts.rule.label if facts.rule else None,
        "Allocation_Limits__c": "; ".join(limit.label for limit in facts.limits) or None,
        "Difference__c": money(facts.difference_minor, currency),
        "Gross__c": money(totals.gross_minor if totals else None, currency),
        "Fees__c": money(totals.fees_minor if totals else None, currency),
        "Refunds__c": money(totals.refunds_minor if totals else None, currency),
        "Disputes__c": money(totals.disputes_minor if totals else None, currency),
        "Adjustments__c": money(totals.adjustments_minor if totals else None, currency),
        "Net__c": money(totals.net_minor if totals else None, currency),
        "Transaction_Count__c": totals.count if totals else None,
        "Failure_Code__c": cut(facts.failure_code, 100),
        "Failure_Message__c": cut(facts.failure_message, 255),
        "Trace_Id__c": cut(facts.trace_id, 255),
        "Reversed_By__c": cut(facts.reversed_by, 255),
        "Created_At__c": when(facts.created_at),
    }
