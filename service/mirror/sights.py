"""Observing: a newer sight replaces an older one, in SQL; an undecidable one asks for a fetch.

Two sights of one second cannot be ordered, and an API answer's clock may run a little ahead of an event's. Such a sight
with other content is not believed and not ignored: the row keeps what it has and is marked to be fetched. A sight
without a body only says that an object exists: it makes a stub to be fetched, and never replaces a body.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ARRAY, bindparam, text

from service.db import Transaction
from service.domain import Evidence, Observation
from service.mirror._table import BODY

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
_ARRAYS = ", ".join(f"CAST(:seen_{name} AS {kind}[])" for name, kind in _COLUMNS.items())
_NOW = "CAST(:now AS timestamptz)"
# How far the clock of an API answer may be ahead of the clock that stamps events.
CLOCK_SLACK = timedelta(seconds=5)

# A stub (no body) yields to any sight and never replaces one. A fetch was made after everything seen before it, so it
# also settles the second it falls into.
_BELIEVED = f"""(excluded.body IS NOT NULL
    AND (known.body IS NULL OR excluded.as_of > known.as_of
         OR excluded.as_of = known.as_of AND excluded.evidence = {Evidence.FETCH.value}))"""
# A stub dated before everything only names an object: no news of one that is already being asked for.
_TELLS = """(excluded.body IS NULL
    AND (excluded.as_of > to_timestamp(0) OR known.fetch_at IS NULL OR known.fetch_error IS NOT NULL))"""
# Not believed, although it may be newer.
_DOUBTED = f"""(excluded.as_of >= known.as_of - CASE WHEN known.evidence = {Evidence.EVENT.value} THEN interval '0'
                                     ELSE interval '{CLOCK_SLACK.total_seconds()} seconds' END
    AND ({_TELLS} OR excluded.body IS NOT NULL AND (excluded.digest <> known.digest OR excluded.fetch_at <= {_NOW})))"""
_CHANGED = f"({_BELIEVED} AND known.digest <> excluded.digest)"
# An answer is dated when it left Stripe and shows what was a moment before: news of that moment may be newer. So may be
# what a stub of the same second or a later one tells of.
_OVERTAKEN = f"""(known.body IS NULL AND known.as_of >= excluded.as_of AND excluded.evidence <> {Evidence.FETCH.value}
    OR excluded.evidence = {Evidence.ANSWER.value}
    AND (known.body IS NULL OR known.digest <> excluded.digest OR known.fetch_at IS NOT NULL)
    AND known.as_of >= excluded.as_of - interval '{CLOCK_SLACK.total_seconds()} seconds')"""
_REPLACED = ("body", "digest", "evidence", "deleted", "observed_at")
_KEPT_UNLESS_SAID = ("parent_id", "record_id", "created_at", "traceparent", "linked_id")
_TAKEN = ",\n        ".join(
    [f"{name} = CASE WHEN {_BELIEVED} THEN excluded.{name} ELSE known.{name} END" for name in _REPLACED]
    + [
        f"{name} = CASE WHEN {_BELIEVED} THEN coalesce(excluded.{name}, known.{name}) ELSE known.{name} END"
        for name in _KEPT_UNLESS_SAID
    ]
)
# A stub moves `as_of` alone: the object is known to have changed by then, so that older news cannot settle its wish.
# One statement for any number of sights. A believed one also settles what was to be fetched because of older ones,
# unless it brings a wish of its own or was overtaken; a doubted one changes nothing but that wish, of which the earlier
# stands.
OBSERVE = f"""
    INSERT INTO mirror AS known
        (entity, object_id, object_type, body, digest, as_of, evidence, parent_id, record_id, created_at, deleted,
         traceparent, fetch_at, linked_id, cause, caused_at, dirty, announce, observed_at)
    SELECT entity, object_id, object_type, body, digest, as_of, evidence, parent_id, record_id, created_at, deleted,
           traceparent, fetch_after, linked_id, cause, as_of, body IS NOT NULL, body IS NOT NULL, {_NOW}
    FROM unnest({_ARRAYS}) AS seen ({_NAMES})
    ORDER BY entity, object_id
    ON CONFLICT (entity, object_id) DO UPDATE SET
        {_TAKEN},
        as_of = CASE WHEN {_BELIEVED} OR excluded.body IS NULL THEN greatest(known.as_of, excluded.as_of)
                     ELSE known.as_of END,
        version = known.version + {_CHANGED}::int,
        cause = CASE WHEN {_CHANGED} THEN excluded.cause ELSE known.cause END,
        caused_at = CASE WHEN {_CHANGED} THEN excluded.as_of ELSE known.caused_at END,
        dirty = known.dirty OR {_CHANGED},
        announce = known.announce OR {_BELIEVED} AND (
            known.body IS NULL OR known.deleted <> excluded.deleted
            OR known.record_id IS DISTINCT FROM coalesce(excluded.record_id, known.record_id)),
        fetch_at = CASE WHEN {_BELIEVED} AND NOT {_OVERTAKEN} THEN excluded.fetch_at
                        ELSE least(known.fetch_at, {_NOW}) END,
        fetch_attempts = 0,
        fetch_error = CASE WHEN {_BELIEVED} THEN NULL ELSE known.fetch_error END
    WHERE {_BELIEVED} OR {_DOUBTED}
    RETURNING dirty, fetch_at
    """  # noqa: S608  (names and numbers are ours)
OBSERVE_TYPES = (bindparam("seen_body", type_=ARRAY(BODY)),)
# What to read from the rows OBSERVE returns: the fields of `Observed`.
OBSERVED = f"coalesce(bool_or(dirty), false), coalesce(bool_or(fetch_at <= {_NOW}), false)"
_OBSERVE = text(f"WITH observed AS ({OBSERVE}) SELECT {OBSERVED} FROM observed").bindparams(*OBSERVE_TYPES)  # noqa: S608  (ours too)


class Observed(NamedTuple):
    """What sights did: whether an object waits for the projection, and whether one is to be fetched now."""

    changed: bool
    fetch: bool


def fold(observations: Iterable[Observation], *, now: datetime) -> list[Observation]:
    """Return the newest sight of each object, sorted by key; fetched at once where one of its second contradicts it.

    A stub that is newer than every body stays alone: an older body beside it would hide what it tells of.
    """
    newest: dict[tuple[str, str], Observation] = {}
    contradicted: dict[tuple[str, str], datetime] = {}
    for seen in observations:
        key = (seen.entity, seen.object_id)
        known = newest.setdefault(key, seen)
        if known is seen:
            continue
        if (seen.as_of, seen.body is not None, seen.evidence) > (known.as_of, known.body is not None, known.evidence):
            newest[key], seen = seen, known  # noqa: PLW2901  (the loser is looked at below)
        kept = newest[key]
        if seen.digest != kept.digest and seen.as_of >= kept.as_of:
            contradicted[key] = max(seen.as_of, contradicted.get(key, seen.as_of))
    for key, second in contradicted.items():
        if newest[key].as_of <= second:
            newest[key] = replace(newest[key], fetch_after=now)
    return [newest[key] for key in sorted(newest)]


def observe_parameters(observations: Iterable[Observation], *, now: datetime) -> dict[str, object]:
    """Return the parameters of OBSERVE: sights of any number of objects, in any order."""
    newest = fold(observations, now=now)
    arrays: dict[str, object] = {f"seen_{name}": [getattr(seen, name) for seen in newest] for name in _COLUMNS}
    return arrays | {"now": now}


async def observe(tx: Transaction, observations: Sequence[Observation], *, now: datetime) -> Observed:
    """Take sights of any number of objects, in any order."""
    result = await tx.execute(_OBSERVE, observe_parameters(observations, now=now))
    return Observed(*result.one())
