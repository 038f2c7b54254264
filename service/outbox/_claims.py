"""Claiming what waits, by lanes: of one lane only one holder has records on their way, across all processes.

A lane is what Salesforce locks together, so two calls for one lane at once would meet in a row lock. A claim is a
lease: whoever dies with it loses it. Records come in the order of their lanes, so that those of one lane share a call,
and from a given lane on, so that no lane waits for ever behind busier ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Interval, and_, bindparam, func, literal, select, text, update

from service import telemetry
from service.db import Transaction, among
from service.domain import Reference, Value, fields_from
from service.errors import Unreadable
from service.outbox._order import KEY, hold
from service.outbox._put import CONTENT, table

Key = tuple[str, str]
# The key of what cannot be opened may be put back at any time, by a person.
_UNREADABLE_PAUSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One record on its way.

    Attributes:
        attempts: counts this one.
        awaits: object and key of the parent that Salesforce does not hold yet; it may come with the same claim.
        error_reason: what the last attempt failed with, since the last success.
        error_code: Salesforce's word for it.
        releases: how often it was dead and tried again without a person.
        delivered_digest: of what Salesforce was given last, as far as we know.
        mapping: version of the org's mapping that made it.
    """

    org: str
    sobject: str
    key: str
    key_field: str
    fields: dict[str, Value | Reference]
    digest: str
    lane: str
    rank: int
    version: int
    attempts: int
    traceparent: str | None
    awaits: Key | None = None
    error_reason: str | None = None
    error_code: str | None = None
    releases: int = 0
    delivered_digest: str | None = None
    mapping: str = ""


# A child goes when its parent has been delivered once, or goes with it: its lookup needs it.
READY = """
    waiting.org = :org AND waiting.state = 'waiting' AND waiting.not_before <= :now
    AND (waiting.leased_until IS NULL OR waiting.leased_until < :now)
    AND (NOT :urgent_only OR waiting.key_field = 'Id' OR waiting.sobject = ANY(CAST(:urgent AS text[])))
    AND NOT EXISTS (
        SELECT 1 FROM outbox busy
        WHERE busy.org = waiting.org AND busy.lane = waiting.lane AND busy.leased_until >= :now)
"""
ORPHANED = """
    EXISTS (SELECT 1 FROM outbox parent
            WHERE parent.org = waiting.org AND parent.sobject = waiting.parent_sobject
              AND parent.key = waiting.parent_key AND parent.delivered_at IS NULL)
"""
_COMES_WITH_IT = """
    EXISTS (SELECT 1 FROM outbox parent
            WHERE parent.org = waiting.org AND parent.sobject = waiting.parent_sobject
              AND parent.key = waiting.parent_key AND parent.lane = waiting.lane
              AND parent.state = 'waiting' AND parent.not_before <= :now
              AND (NOT :urgent_only OR parent.key_field = 'Id' OR parent.sobject = ANY(CAST(:urgent AS text[]))))
"""
RETURNED = """
    outbox.org, outbox.sobject, outbox.key, outbox.key_field, outbox.content, outbox.digest, outbox.lane, outbox.rank,
    outbox.version, outbox.attempts, outbox.traceparent, outbox.error_reason, outbox.error_code, outbox.releases,
    outbox.delivered_digest, outbox.mapping
"""
TIMES = (bindparam("now", type_=DateTime(timezone=True)), bindparam("lease", type_=Interval))
_CLAIM = text(
    f"""
    WITH ready AS (
        SELECT org, sobject, key, CASE WHEN orphaned THEN parent_sobject END AS awaits_sobject,
               CASE WHEN orphaned THEN parent_key END AS awaits_key
        FROM (SELECT waiting.*, {ORPHANED} AS orphaned FROM outbox waiting
              WHERE {READY} AND waiting.lane > :after AND (NOT {ORPHANED} OR {_COMES_WITH_IT})
              ORDER BY waiting.lane, waiting.rank
              LIMIT :limit FOR NO KEY UPDATE OF waiting SKIP LOCKED) chosen
    )
    UPDATE outbox SET leased_by = :holder, leased_until = :now + :lease, attempts = outbox.attempts + 1
    FROM ready
    WHERE outbox.org = ready.org AND outbox.sobject = ready.sobject AND outbox.key = ready.key
    RETURNING {RETURNED}, ready.awaits_sobject, ready.awaits_key
    """  # noqa: S608  (fragments are ours)
).bindparams(*TIMES)
_CLAIMED = _CLAIM.columns(content=CONTENT.each)


async def hold_claims(tx: Transaction, org: str) -> None:
    """Let nobody else claim for `org` until the transaction ends: a lane must be seen to be free by one at a time."""
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal(f"outbox:{org}"), 0))))


async def claim(
    tx: Transaction,
    *,
    org: str,
    holder: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    after: str = "",
    urgent: Sequence[str] | None = None,
) -> list[Claimed]:
    """Take up to `limit` records of `org` that may be sent now, sorted by lane, then parents before children.

    Args:
        tx: the transaction.
        org: whose.
        holder: a name nobody else has.
        now: the present.
        lease: how long they are ours unless renewed.
        limit: the most to take.
        after: only lanes after this one.
        urgent: only these objects, and records of the customer's; None for all.
    """
    await hold_claims(tx, org)
    rows = await tx.execute(
        _CLAIMED,
        {
            "org": org,
            "holder": holder,
            "now": now,
            "lease": lease,
            "limit": limit,
            "after": after,
            "urgent_only": urgent is not None,
            "urgent": list(urgent or ()),
        },
    )
    taken = await opened(tx, rows.all(), now=now)
    return sorted(taken, key=lambda record: (record.lane, record.rank, record.sobject))


async def opened(tx: Transaction, rows: Sequence[Any], *, now: datetime) -> list[Claimed]:
    """Return rows of RETURNED as what they mean; one that cannot be opened waits by itself, and says why."""
    for row in rows:
        if isinstance(row.content, Unreadable):
            telemetry.log().error("outbox.unreadable", key=row.key, key_id=row.content.key_id, alarm=True)
            values = {"leased_by": None, "leased_until": None, "bulk_job": None, "failed_at": now}
            why = {"error_reason": row.content.reason, "error_code": None, "error_detail": row.content.message}
            mine = among(KEY, [(row.org, row.sobject, row.key)])
            await tx.execute(update(table).where(mine).values(not_before=now + _UNREADABLE_PAUSE, **values, **why))
    return [_claimed(row) for row in rows if not isinstance(row.content, Unreadable)]


def _claimed(row: Any) -> Claimed:
    values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
    parent = values.pop("awaits_sobject", None), values.pop("awaits_key", None)
    fields = fields_from(values.pop("content"))
    return Claimed(**values, fields=fields, awaits=(parent[0], parent[1]) if parent[0] and parent[1] else None)


async def renew(tx: Transaction, *, org: str, holder: str, until: datetime) -> None:
    """Keep what a holder has of an org for longer: a call may outlast a lease."""
    held = and_(table.c.org == org, table.c.leased_by == holder, table.c.leased_until.is_not(None))
    await hold(tx, held)
    await tx.execute(update(table).where(held).values(leased_until=until))


_CROWDED = text(
    f"""
    SELECT sobject, key_field, count(*) AS records FROM (
        SELECT DISTINCT ON (waiting.sobject, waiting.lane) waiting.sobject, waiting.key_field FROM outbox waiting
        WHERE {READY} AND waiting.key_field <> 'Id' AND NOT {ORPHANED} AND waiting.error_reason IS NULL
    ) apart
    GROUP BY sobject, key_field HAVING count(*) > :threshold
    ORDER BY records DESC LIMIT 1
    """  # noqa: S608  (fragments are ours)
).bindparams(TIMES[0])


async def crowded(tx: Transaction, *, org: str, now: datetime, threshold: int) -> tuple[str, str] | None:
    """Return object and key field of which more than `threshold` records wait in lanes of their own, if any."""
    parameters = {"org": org, "now": now, "threshold": threshold, "urgent_only": False, "urgent": []}
    row = (await tx.execute(_CROWDED, parameters)).one_or_none()
    return None if row is None else (row.sobject, row.key_field)
