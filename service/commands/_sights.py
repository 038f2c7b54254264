"""A command as an observation, so that its outcome takes the same road to Salesforce as Stripe's news. Pure.

A request for a payment is the root of that payment. Every other request belongs to the object it is about, once that is
known, and until then to the record it was made for: it is told there, and is no payment.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from service.commands._ledger import Command, CommandState
from service.commands._request import CREATE_PAYMENT
from service.domain import Evidence, Observation, canonical
from service.errors import CounterfoilError

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"  # as Salesforce takes it
PAYMENT, OTHER = "counterfoil.request", "counterfoil.operation"


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.strftime(_MOMENT)


def _kind(operation: str | None) -> str:
    return PAYMENT if operation == CREATE_PAYMENT else OTHER


def _parent(command: Command) -> str | None:
    """Return the object it is about: one that was found to belong to the record, or one named without a record."""
    found: str | None = (command.terms or {}).get("target_id")
    return found or (command.target_id if command.record_id is None else None)


def sight_of(command: Command) -> Observation:
    """Return what is to be seen of a command."""
    terms = command.terms or {}
    kind = _kind(command.operation)
    body = {
        "id": command.id,
        "object": kind,
        "operation": command.operation,
        "state": command.state.value,
        "reason": command.reason,
        "message": command.message,
        "conflict": command.conflict,
        "failure_code": command.failure_code,
        "failure_message": command.failure_message,
        "method": command.method,
        "version": command.version,
        "request_id": command.request_id,
        "requested_by": command.requested_by,
        "account_id": terms.get("account_id"),
        "amount_minor": terms.get("amount_minor"),
        "currency": terms.get("currency"),
        "target_id": terms.get("target_id") or command.target_id,
        "payment_intent_id": command.payment_intent_id,
        "checkout_session_id": command.checkout_session_id,
        "result_id": command.result_id,
        "source": command.source,
        "settled_at": _moment(command.settled_at),
        "approval": command.approval,
        "approval_due_at": _moment(command.approval_due_at),
        "decided_by": command.decided_by,
        "decided_at": _moment(command.decided_at),
        "decision_note": command.decision_note,
    }
    return Observation(
        entity=command.entity,
        object_type=kind,
        object_id=command.id,
        body=canonical(body),
        # Ordered by revision, not by the clocks of the machines that happened to write.
        as_of=command.created_at + timedelta(microseconds=command.revision),
        evidence=Evidence.FETCH,
        parent_id=None if kind == PAYMENT else _parent(command),
        record_id=command.record_id,
        created_at=command.created_at,
        traceparent=command.traceparent,
    )


def refusal_of(
    event_id: str,
    entity: str,
    record_id: str,
    asked: Mapping[str, str | None],
    error: CounterfoilError,
    *,
    at: datetime,
) -> Observation:
    """Return a request that was refused before it became a command, as an observation of its record.

    `asked` is what its sight tells of what was asked: operation, version, requested_by and so on.
    """
    kind = _kind(asked.get("operation"))
    body = {
        **asked,
        "id": f"refused_{event_id}",
        "object": kind,
        "source": "salesforce",
        "state": CommandState.REFUSED.value,
        "reason": error.reason,
        "message": error.message,
        "settled_at": _moment(at),
    }
    return Observation(
        entity=entity,
        object_type=kind,
        object_id=f"refused_{event_id}",
        body=canonical(body),
        as_of=at,
        evidence=Evidence.FETCH,
        record_id=record_id,
        created_at=at,
    )
