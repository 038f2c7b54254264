"""Observing: a newer sight replaces an older one, in SQL; an undecidable one asks for a fetch.

Two sights of one second cannot be ordered, and an API answer's clock may run a little ahead of an event's. Such a sight
with other content is not believed and not ignored: the row keeps what it has and is marked to be fetched. A sight
without a body only says that an object exists: it makes a stub to be fetched, and never replaces a body.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import DateTime, Interval, bindparam, text

from service.db import Transaction
from service.domain import Evidence, Observation

_COLUMNS = {
    "entity": "text",
    "object_id": "text",
    "object_type": "text",
    "body": "text",
    "digest": "text",
    "as_of": "timestamptz",
    "evidence": "smallint",
    "parent_id": "text",
    "record_id": "text",
    "created_at": "timestamptz",
    "deleted": "boolean",
    "traceparent": "text",
    "fetch_after": "timestamptz",
    "linked_id": "text",
    "cause": "text",
}
_NAMES = ", ".join(_COLUMNS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())
_NOW = bindparam("now", type_=DateTime(timezone=True))
# How far the clock of an API answer may be ahead of the clock that stamps events.
CLOCK_SLACK = timedelta(seconds=5)

# A newer sight also settles what was to be fetched because of older ones, unless it brings a wish of its own. A fetch
# that is due since a moment after that sight stays due: it was wished for something that may be newer.
# A stub (no body) yields to any sight and never replaces one. A fetch was made after everything seen before it, so it
# also settles the second it falls into.
_OBSERVE = text(
    f"""
    INSERT INTO mirror AS known
        (entity, object_id, object_type, body, digest, as_of, evidence, parent_id, record_id, created_at, deleted,
         traceparent, fetch_at, linked_id, cause, caused_at, dirty, announce, observed_at)
    SELECT entity, object_id, object_type, body, digest, as_of, evidence, parent_id, record_id, created_at, deleted,
           traceparent, fetch_after, linked_id, cause, as_of, body IS NOT NULL, body IS NOT NULL, :now
    FROM unnest({_ARRAYS}) AS seen ({_NAMES})
    ORDER BY entity, object_id
    ON CONFLICT (entity, object_id) DO UPDATE SET
        body = excluded.body,
        digest = excluded.digest,
        as_of = excluded.as_of,
        evidence = excluded.evidence,
        parent_id = coalesce(excluded.parent_id, known.parent_id),
        record_id = coalesce(excluded.record_id, known.record_id),
        created_at = coalesce(excluded.created_at, known.created_at),
        deleted = excluded.deleted,
        traceparent = coalesce(excluded.traceparent, known.traceparent),
        version = known.version + (known.digest <> excluded.digest)::int,
        cause = CASE WHEN known.digest <> excluded.digest THEN excluded.cause ELSE known.cause END,
        caused_at = CASE WHEN known.digest <> excluded.digest THEN excluded.as_of ELSE known.caused_at END,
        dirty = known.dirty OR known.digest <> excluded.digest,
        linked_id = coalesce(excluded.linked_id, known.linked_id),
        announce = known.announce OR known.body IS NULL OR known.deleted <> excluded.deleted
                   OR known.record_id IS DISTINCT FROM coalesce(excluded.record_id, known.record_id),
        fetch_at = CASE WHEN known.fetch_at BETWEEN excluded.as_of AND :now AND excluded.evidence <> :fetch
                        THEN known.fetch_at ELSE excluded.fetch_at END,
        fetch_attempts = 0,
        observed_at = excluded.observed_at
    WHERE excluded.body IS NOT NULL
      AND (known.body IS NULL
           OR excluded.as_of > known.as_of
           OR excluded.as_of = known.as_of AND excluded.evidence = :fetch)
    RETURNING entity, object_id
    """  # noqa: S608  (names are ours)
).bindparams(_NOW)
# What was not believed although it may be newer. `least` keeps an earlier wish.
_DOUBT = text(
    """
    UPDATE mirror AS known
    SET fetch_at = least(known.fetch_at, :now), fetch_attempts = 0
    FROM unnest(CAST(:entity AS text[]), CAST(:object_id AS text[]), CAST(:digest AS text[]),
                CAST(:as_of AS timestamptz[]), CAST(:has_body AS boolean[]))
         AS seen (entity, object_id, digest, as_of, has_body)
    WHERE known.entity = seen.entity AND known.object_id = seen.object_id
      AND (NOT seen.has_body OR seen.digest <> known.digest)
      AND seen.as_of >= known.as_of - CASE WHEN known.evidence = :event THEN interval '0'
                                           ELSE :slack END
    """
).bindparams(_NOW, bindparam("slack", type_=Interval))


def fold(observations: Iterable[Observation]) -> tuple[list[Observation], list[Observation]]:
    """Return the newest sight of each object, sorted by key, and the sights that contradict it in the same second."""
    newest: dict[tuple[str, str], Observation] = {}
    doubtful: list[Observation] = []
    for seen in observations:
        key = (seen.entity, seen.object_id)
        known = newest.setdefault(key, seen)
        if known is seen:
            continue
        if (seen.body is not None, seen.as_of, seen.evidence) > (known.body is not None, known.as_of, known.evidence):
            newest[key], seen = seen, known  # noqa: PLW2901  (the loser is looked at below)
        kept = newest[key]
        told_later = seen.body is None and kept.body is not None and seen.as_of >= kept.as_of
        if told_later or (seen.body is not None and seen.as_of == kept.as_of and seen.digest != kept.digest):
            doubtful.append(seen)
    return [newest[key] for key in sorted(newest)], doubtful


class Observed(NamedTuple):
    """What sights did: how many objects show something newer, and whether any is to be fetched."""

    changed: int
    fetch: bool


async def observe(tx: Transaction, observations: Sequence[Observation], *, now: datetime) -> Observed:
    """Take sights of any number of objects, in any order."""
    if not observations:
        return Observed(0, fetch=False)
    newest, doubtful = fold(observations)
    arrays = {name: [getattr(seen, name) for seen in newest] for name in _COLUMNS}
    result = await tx.execute(
        _OBSERVE, arrays | {"now": now, "event": Evidence.EVENT.value, "fetch": Evidence.FETCH.value}
    )
    applied = {(row.entity, row.object_id) for row in result}
    doubtful += [seen for seen in newest if (seen.entity, seen.object_id) not in applied]
    if doubtful:
        await tx.execute(
            _DOUBT,
            {
                "entity": [seen.entity for seen in doubtful],
                "object_id": [seen.object_id for seen in doubtful],
                "digest": [seen.digest for seen in doubtful],
                "as_of": [seen.as_of for seen in doubtful],
                "has_body": [seen.body is not None for seen in doubtful],
                "now": now,
                "event": Evidence.EVENT.value,
                "slack": CLOCK_SLACK,
            },
        )
    return Observed(len(applied), fetch=bool(doubtful) or any(seen.fetch_after for seen in newest))
