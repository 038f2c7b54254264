"""What is to be done about a change, by the org's rules. Pure: the same change and rules always ask for the same.

A reaction's key is the change's and the rule's, so a change asks once, however often it is told.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from string import Template
from typing import Any

from service.config import Reaction
from service.history import Asked, Change
from service.projection._history import DISPUTE, Standing, change_key
from service.projection._status import DECIDED, DisputeStage, PaymentStatus
from service.projection._values import when

DUE_SOON = "dispute_due_soon"
# From here a payment that is Paid was paid before.
_AFTER_PAID = frozenset(
    {PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED, PaymentStatus.DISPUTED, PaymentStatus.LOST}
)
_PAYMENT = {
    PaymentStatus.PAID: "payment_paid",
    PaymentStatus.FAILED: "payment_failed",
    PaymentStatus.PARTIALLY_REFUNDED: "payment_refunded",
    PaymentStatus.REFUNDED: "payment_refunded",
}
_FAILED = {"refund": "refund_failed", "payout": "payout_failed"}
_DISPUTE = {DisputeStage.WON: "dispute_won", DisputeStage.LOST: "dispute_lost"}
# Where something without a payment is found.
_LISTS = {"charge": "Charge__c", "refund": "Refund__c", "dispute": "Dispute__c", "invoice": "Invoice__c"}
# Limits of Salesforce: of a task's subject, and of a notification's title and body.
_SUBJECT, _TITLE, _BODY, _MESSAGE = 255, 250, 750, 255


def happening(standing: Standing, change: Change) -> str | None:
    """Return the rules' word for a change, if they have one."""
    old, new = change.previous, standing.status
    if standing.object_type == DISPUTE:
        if new not in DECIDED:
            return "dispute_opened" if old is None or old in DECIDED else None
        return _DISPUTE.get(DisputeStage(new))
    if standing.object_type in {"payment_intent", "charge"}:
        return None if new == PaymentStatus.PAID and old in _AFTER_PAID else _PAYMENT.get(PaymentStatus(new))
    return _FAILED.get(standing.object_type) if new == PaymentStatus.FAILED else None


def reactions(rules: Sequence[Reaction], standing: Standing, change: Change, *, now: datetime) -> Iterator[Asked]:
    """Yield what the rules ask for after a change."""
    word = happening(standing, change)
    for rule in rules:
        age = timedelta(days=rule.not_older_than_days)
        if rule.when == word and _applies(rule, standing) and now - standing.changed_at <= age:
            yield _asked(rule, standing, change_key(standing.object_id, str(change.number), rule.name))


def due_reaction(rule: Reaction, standing: Standing) -> Asked | None:
    """Return what a rule about due dates asks for; None where its conditions do not hold."""
    if standing.due_at is None or not _applies(rule, standing):
        return None
    key = change_key(standing.object_id, f"due{int(standing.due_at.timestamp())}", rule.name)
    return _asked(rule, standing, key)


def _applies(rule: Reaction, standing: Standing) -> bool:
    wanted = rule.condition
    if wanted.entity and standing.entity not in wanted.entity:
        return False
    if wanted.currency and standing.currency not in wanted.currency:
        return False
    least = wanted.amount_at_least
    return least is None or (standing.amount is not None and abs(standing.amount) >= least)


def _asked(rule: Reaction, standing: Standing, key: str) -> Asked:
    values = {
        "amount": _plain(standing),
        "currency": standing.currency or "",
        "due_at": when(standing.due_at) or "",
        "entity": standing.entity,
        "object_id": standing.object_id,
        "payment_id": standing.payment_id or "",
        "reason": standing.reason or "",
        "status": standing.status.replace("_", " "),
        "stripe_status": standing.stripe_status or "",
    }

    def say(text: str, length: int) -> str:
        return Template(text).substitute(values)[:length]

    if (task := rule.do.task) is not None:
        content: dict[str, Any] = {
            "Subject": say(task.subject, _SUBJECT),
            "Description": say(task.description or "${status}: ${amount} ${currency}, ${object_id}", 32_000),
            "Priority": task.priority,
            "ActivityDate": (standing.changed_at + timedelta(days=task.due_in_days)).date().isoformat(),
            "WhatId": standing.record_id,
            "owner": task.owner,
            "otherwise": task.otherwise,
        }
        return Asked(key, "task", content, standing.traceparent)
    if (sent := rule.do.notification) is not None:
        content = {
            "type": sent.type,
            "title": say(sent.title, _TITLE),
            "body": say(sent.body, _BODY),
            "recipients": list(sent.recipients),
            "record": standing.record_id,
            "about": _LISTS.get(standing.object_type, "Payout__c") if standing.payment_id is None else "Payment__c",
        }
        return Asked(key, "notification", content, standing.traceparent)
    message = rule.do.event.message if rule.do.event else None
    return Asked(
        key, "event", _event(rule, standing, say(message, _MESSAGE) if message else None), standing.traceparent
    )


def _plain(standing: Standing) -> str:
    return "" if standing.amount is None else f"{standing.amount:f}"


def _event(rule: Reaction, standing: Standing, message: str | None) -> dict[str, Any]:
    return {
        "Outcome__c": rule.when,
        "Entity__c": standing.entity,
        "Object_Id__c": standing.object_id,
        "Payment_Id__c": standing.payment_id,
        "Record_Id__c": standing.record_id,
        "Status__c": standing.status,
        "Stripe_Status__c": (standing.stripe_status or "")[:60] or None,
        # As text, because JSON has no exact decimals; whoever sends it makes a number of it again.
        "Amount__c": _plain(standing) or None,
        "Currency_Code__c": standing.currency,
        "Changed_At__c": when(standing.changed_at),
        "Event_Id__c": standing.cause,
        "Message__c": message,
    }
