"""Reading a webhook's body: strict about what makes it an event, indifferent to everything else in it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from service import telemetry
from service.domain import scrub
from service.errors import InvalidRequest, Violation
from service.redaction import may_hold_unkept, remove_unkept

_ID = re.compile(r"^[\x21-\x7e]{1,255}$")
_SECRET = re.compile(rb'"client_secret"\s*:\s*("(?:[^"\\]|\\.)*"|null)')
_LATEST = 4_102_444_800  # the year 2100, in Unix seconds


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event, snapshot or thin.

    Attributes:
        entity: the legal entity at whose address it arrived.
        payload: the body to keep, as JSON without client secrets.
        subject: the snapshot's object without client secrets, or None (thin events name theirs by `subject_type` and
            `subject_id`).
        account: the connected account it speaks of, if it says so.
    """

    entity: str
    event_id: str
    kind: str
    created: datetime
    livemode: bool
    api_version: str | None
    payload: str
    subject: dict[str, Any] | None
    subject_type: str | None
    subject_id: str | None
    account: str | None

    @property
    def traceparent(self) -> str | None:
        """The trace that our own metadata on the object carries, if any."""
        metadata = (self.subject or {}).get("metadata")
        value = metadata.get("traceparent") if isinstance(metadata, dict) else None
        return value if isinstance(value, str) else None


def _fault(field: str, description: str) -> InvalidRequest:
    return InvalidRequest([Violation(field, description)])


def _identifier(body: dict[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _fault(field, "must be text of 1 to 255 visible characters")
    return value


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise _fault("body", "is not JSON") from None
    if not isinstance(body, dict):
        raise _fault("body", "is not a JSON object")
    return body


def _without_secrets(raw: bytes, body: dict[str, Any]) -> bytes:
    """Remove client secrets from `body`, and return the text without them.

    Nearly always there is one, of the object itself: then it is cut out of the text, which need not be written anew.
    """
    data = body.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    if isinstance(subject, dict) and "client_secret" in subject and raw.count(b'"client_secret"') == 1:
        found = _SECRET.search(raw)
        if found is not None:
            del subject["client_secret"]
            return raw[: found.start(1)] + b"null" + raw[found.end(1) :]
    scrub(body)
    return orjson.dumps(body)


def read_stripe_event(entity: str, raw: bytes) -> StripeEvent:
    """Read the body of a webhook whose signature was verified.

    Raises:
        InvalidRequest: it is not JSON, or not an event; names the field. The text quotes nothing of the body.
    """
    body = _decode(raw)
    if b"client_secret" in raw:
        raw = _without_secrets(raw, body)
    if may_hold_unkept(raw) and (fields := remove_unkept(body)):
        telemetry.log().warning("unkept.removed", source="stripe", fields=fields[:10])
        raw = orjson.dumps(body)
    if not isinstance(body.get("livemode"), bool):
        raise _fault("livemode", "must be true or false")
    if body.get("object") == "v2.core.event":
        return _thin(entity, body, raw)
    if body.get("object") != "event":
        raise _fault("object", "must be 'event' or 'v2.core.event'")
    created = body.get("created")
    if not isinstance(created, int) or isinstance(created, bool) or not 0 <= created <= _LATEST:
        raise _fault("created", "must be a time in whole Unix seconds")
    data = body.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    if not isinstance(subject, dict) or not isinstance(subject.get("object"), str):
        raise _fault("data.object", "must be an object that names its type")
    if body.get("type") == f"{subject['object']}.deleted":
        subject["deleted"] = True  # Stripe sends the object as it was
    has_id = "id" in subject
    account = body.get("account")
    return StripeEvent(
        entity=entity,
        event_id=_identifier(body, "id"),
        kind=_identifier(body, "type"),
        created=datetime.fromtimestamp(created, UTC),
        livemode=body["livemode"],
        api_version=body["api_version"] if isinstance(body.get("api_version"), str) else None,
        payload=raw.decode(),
        subject=subject if has_id else None,
        subject_type=_identifier(subject, "object"),
        subject_id=_identifier(subject, "id") if has_id else None,
        account=account if isinstance(account, str) else None,
    )


def _thin(entity: str, body: dict[str, Any], raw: bytes) -> StripeEvent:
    try:
        created = datetime.fromisoformat(str(body.get("created"))).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise _fault("created", "must be an RFC 3339 time") from None
    related = body.get("related_object")
    related = related if isinstance(related, dict) else None
    context = body.get("context")
    return StripeEvent(
        entity=entity,
        event_id=_identifier(body, "id"),
        kind=_identifier(body, "type"),
        created=created,
        livemode=body["livemode"],
        api_version=None,
        payload=raw.decode(),
        subject=None,
        subject_type=_identifier(related, "type") if related else None,
        subject_id=_identifier(related, "id") if related else None,
        account=context if isinstance(context, str) else None,
    )
