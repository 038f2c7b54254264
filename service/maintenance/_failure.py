"""One failure, whichever shelf it is on, as a person sees it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from service import history, outbox
from service.inbox import failures as events
from service.mirror import faults

DELIVERY, PROJECTION, FETCH, EVENT = "delivery", faults.PROJECTION, faults.FETCH, "event"
REACTION = "reaction"
SHELVES = (DELIVERY, PROJECTION, FETCH, EVENT, REACTION)
ORG_UNKNOWN = "ORG_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. `payload` is where what was to be done is kept: the content, or the event's text."""

    id: str
    shelf: str
    where: str
    object_type: str
    key: str
    state: str
    attempts: int
    reason: str | None
    code: str | None
    detail: str | None
    failed_at: datetime | None
    next_at: datetime | None
    payload: str | None
    discarded_by: str | None = None
    discarded_at: datetime | None = None
    discard_reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for a machine."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


def of_outbox(record: outbox.failures.Undelivered, *, homeless: bool) -> Failure:
    """Return the failure of a record; `homeless` when nobody delivers to its org any more."""
    return Failure(
        f"{DELIVERY}/{record.org}/{record.sobject}/{record.key}",
        DELIVERY,
        record.org,
        record.sobject,
        record.key,
        record.state,
        record.attempts,
        ORG_UNKNOWN if homeless else record.error_reason,
        record.error_code,
        "this org is not configured" if homeless else record.error_detail,
        record.failed_at or record.put_at,
        None if homeless else record.next_at,
        record.content,
        record.discarded_by,
        record.discarded_at,
        record.discard_reason,
    )


def of_mirror(fault: faults.Fault) -> Failure:
    """Return the failure of an object that was set aside."""
    waits = fault.kind == FETCH and fault.next_at is not None
    return Failure(
        f"{fault.kind}/{fault.entity}/{fault.object_id}",
        fault.kind,
        fault.entity,
        fault.object_type,
        fault.object_id,
        "discarded" if fault.discarded_at else "waiting" if waits else "set aside",
        fault.fetch_attempts,
        (fault.fault or fault.fetch_error or "").partition(":")[0],
        None,
        fault.fault or fault.fetch_error,
        fault.observed_at,
        fault.next_at,
        None,
        fault.discarded_by,
        fault.discarded_at,
        fault.discard_reason,
    )


def of_history(one: history.failures.Unreacted) -> Failure:
    """Return the failure of a reaction."""
    return Failure(
        f"{REACTION}/{one.org}/{one.key}",
        REACTION,
        one.org,
        one.kind,
        one.key,
        one.state,
        one.attempts,
        one.error_reason,
        one.error_code,
        one.error_detail,
        one.failed_at or one.put_at,
        one.next_at,
        one.content,
        one.discarded_by,
        one.discarded_at,
        one.discard_reason,
    )


def of_inbox(event: events.Unhandled) -> Failure:
    """Return the failure of an event."""
    return Failure(
        f"{EVENT}/{event.source}/{event.account}/{event.event_id}",
        EVENT,
        event.account,
        event.kind,
        event.event_id,
        "discarded" if event.discarded_at else event.state,
        1,
        event.reason,
        None,
        None,
        event.received_at,
        None,
        event.payload,
        event.discarded_by,
        event.discarded_at,
        event.discard_reason,
    )
