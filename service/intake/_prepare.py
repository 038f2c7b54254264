"""From an event to its row and what it shows, wherever the event came from: a webhook, or a list of Stripe's."""

from dataclasses import replace
from datetime import datetime

from service import inbox, telemetry
from service.config import Entity
from service.domain import Evidence, Observation
from service.inbox import InboxRow
from service.intake._objects import KNOWN_TYPES, sight, stub
from service.intake._stripe_event import StripeEvent


def prepare(
    event: StripeEvent, entity: Entity, owner: str | None, *, api_version: str, now: datetime
) -> tuple[InboxRow, list[Observation]]:
    """Return the row of an event, and what it shows; nothing is shown by one that is not to be acted on.

    Args:
        event: what was received.
        entity: at whose address.
        owner: the name of the entity it is of, None for nobody's.
        api_version: of the shape that is read; another is fetched instead.
        now: the present.
    """
    fault = _fault(event, entity, owner)
    if owner is not None:
        event = replace(event, entity=owner)
    sights: list[Observation] = []
    if fault is None and event.subject_type is not None and event.subject_id is not None:
        if event.subject is not None and event.api_version == api_version:
            sights = sight(
                event.entity,
                event.subject,
                as_of=event.created,
                evidence=Evidence.EVENT,
                now=now,
                cause=event.event_id,
                scrubbed=True,
            )
        elif event.subject_type in KNOWN_TYPES:
            # Thin, or rendered in another version's shape: not read, fetched in ours instead. What nothing here reacts
            # to is not asked for either: its event is kept.
            sights = [stub(event.entity, event.subject_type, event.subject_id, fetch_after=now, as_of=event.created)]
        if event.subject_type not in KNOWN_TYPES:
            telemetry.events_unrecognised.add(1, {"kind": event.kind})
    row = InboxRow(
        source="stripe",
        account=event.entity,
        event_id=event.event_id,
        kind=event.kind,
        object_id=event.subject_id,
        payload=event.payload,
        state=inbox.State.QUARANTINED if fault else inbox.State.HANDLED,
        reason=fault,
        traceparent=sights[-1].traceparent if sights else None,
        occurred_at=event.created,
        received_at=now,
    )
    return row, sights


def _fault(event: StripeEvent, entity: Entity, owner: str | None) -> str | None:
    """Return why an event is kept and not believed: it is of the other mode, or of an account that is nobody's."""
    if event.livemode is not entity.stripe.livemode:
        return "LIVEMODE_MISMATCH"
    if owner is None:
        return "ACCOUNT_MISMATCH"
    return None
