"""An observation is one sight of a Stripe object: in a webhook, in the answer to our call, or fetched.

Evidence says how fresh a sight is. `as_of` is Stripe's own clock in whole seconds (an event's `created`, an answer's
`Date` header), so two sights of one second cannot be ordered by it; a fetch made because of such a tie settles it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import orjson


class Evidence(IntEnum):
    """How we came to see an object. Order is meaning: of two sights in one second the higher one is believed."""

    EVENT = 1  # rendered by Stripe when the event was made; may arrive at any time
    ANSWER = 2  # the reply to our own write
    FETCH = 3  # read on purpose, after everything we had seen before


_NESTED = (dict, list)


def scrub(value: Any) -> Any:
    """Remove client secrets, at any depth, in place: they are bearer secrets of one customer's payment."""
    if isinstance(value, dict):
        value.pop("client_secret", None)
        inners: Iterable[Any] = value.values()
    else:
        inners = value if isinstance(value, list) else ()
    for inner in inners:
        if isinstance(inner, _NESTED):  # most are neither, and calling for each would be most of the cost
            scrub(inner)
    return value


@dataclass(frozen=True, slots=True)
class Observation:
    """One sight of one object.

    Attributes:
        entity: name of the legal entity whose account holds the object.
        object_type: Stripe's `object` word, such as "payment_intent"; or "counterfoil.request" for our own outcomes.
        object_id: the object's id.
        body: the object as JSON, without client secrets; None when only its existence is known (fetch it).
        as_of: UTC, whole seconds, by Stripe's clock.
        evidence: how it was seen.
        parent_id: the object it belongs to: a charge's payment intent, a balance transaction's charge.
        record_id: the Salesforce record it was made for, from our metadata.
        created_at: when Stripe made the object, UTC.
        deleted: the object is gone; the row stays as a tombstone.
        traceparent: the trace it belongs to, if it carries one.
        linked_id: the object of another family it names: an invoice payment's payment intent, a payment's customer.
        cause: the event or the API request that showed it.
        fetch_after: ask Stripe for the object at this time at the latest: a fact is still to come.
    """

    entity: str
    object_type: str
    object_id: str
    body: str | None
    as_of: datetime
    evidence: Evidence
    parent_id: str | None = None
    record_id: str | None = None
    created_at: datetime | None = None
    deleted: bool = False
    traceparent: str | None = None
    linked_id: str | None = None
    fetch_after: datetime | None = None
    cause: str | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the digest that tells equal content apart from changed content."""
        content = "" if self.body is None else self.body
        object.__setattr__(self, "digest", hashlib.sha256(content.encode()).hexdigest()[:32])


_LATEST = 4_102_444_800  # the year 2100, in Unix seconds


def moment(value: Any) -> datetime | None:
    """Return a time that Stripe gives in whole Unix seconds; None for what cannot be one, 0 included."""
    is_time = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LATEST
    return datetime.fromtimestamp(value, UTC) if is_time else None


def canonical(body: dict[str, Any]) -> str:
    """Return JSON with sorted keys, so that equal content has an equal digest whoever rendered it."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
