"""What the audit log keeps of a command: who asked, who decided, what came of it. Parameters by their digest only."""

from datetime import datetime

from service.audit import Entry
from service.commands._ledger import Command, CommandState
from service.commands._request import Request


def asked(command: Command, request: Request, at: datetime) -> Entry:
    """Return the entry of a request that was accepted, or that took up an earlier one again."""
    details = {
        "command": command.id,
        "entity": command.entity,
        "operation": command.operation,
        "about": command.subject,
        "record": command.record_id,
        "version": command.version,
        "parameters": command.fingerprint,
        "request": request.request_id,
        "source": request.source,
        "policy": request.policy,
        "state": command.state.value,
    }
    return Entry("asked", request.requested_by or request.source, command.id, at, details)


def done(before: Command, after: Command) -> Entry:
    """Return the entry of a command that ended, with the objects of Stripe's that came of it."""
    details = {
        "entity": after.entity,
        "operation": after.operation,
        "before": before.state.value,
        "after": after.state.value,
        "reason": after.reason,
        "failure": after.failure_code,
        "payment_intent": after.payment_intent_id,
        "checkout_session": after.checkout_session_id,
        "result": after.result_id,
    }
    return Entry("done", "service", after.id, after.settled_at or after.created_at, details)


def decided(command: Command, *, by: str, before: Command | None, at: datetime) -> Entry:
    """Return the entry of a decision about a command: approved, rejected, or expired because nobody took one.

    The note is left out: it is a person's own words.
    """
    details = {
        "entity": command.entity,
        "operation": command.operation,
        "parameters": command.fingerprint,
        "asked_by": command.requested_by,
        "before": before.state.value if before else CommandState.PENDING_APPROVAL.value,
        "after": command.state.value,
    }
    return Entry(str(command.approval or "decided").lower(), by, command.id, at, details)
