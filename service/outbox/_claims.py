"""Claiming what waits, and settling each record by its own result.

A claim is a lease: whoever dies with it loses it. A record that was put again while it was on its way keeps waiting,
because the settled version is not the one that is wanted now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, Interval, and_, bindparam, case, text, tuple_, update

from service.db import Transaction
from service.domain import Reference, Value, fields_from
from service.outbox._put import State, table

_DETAIL_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """One record on its way; `attempts` counts this one."""

    org: str
    sobject: str
    key: str
    key_field: str
    fields: dict[str, Value | Reference]
    digest: str
    lane: str
    version: int
    attempts: int
    traceparent: str | None


# Parents first; a child waits until its parent has been delivered once, because its lookup needs it.
_CLAIM = text(
    """
    WITH ready AS (
        SELECT org, sobject, key FROM outbox waiting
        WHERE state = 'waiting' AND not_before <= :now AND (leased_until IS NULL OR leased_until < :now)
          AND NOT EXISTS (
              SELECT 1 FROM outbox parent
              WHERE parent.org = waiting.org AND parent.sobject = waiting.parent_sobject
                AND parent.key = waiting.parent_key AND parent.delivered_at IS NULL)
        ORDER BY rank, sobject, lane
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET leased_by = :holder, leased_until = :now + :lease, attempts = outbox.attempts + 1
    FROM ready
    WHERE outbox.org = ready.org AND outbox.sobject = ready.sobject AND outbox.key = ready.key
    RETURNING outbox.org, outbox.sobject, outbox.key, outbox.key_field, outbox.content, outbox.digest, outbox.lane,
              outbox.version, outbox.attempts, outbox.traceparent
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)), bindparam("lease", type_=Interval))


async def claim(tx: Transaction, *, holder: str, now: datetime, lease: timedelta, limit: int) -> list[Claimed]:
    """Take up to `limit` records that may be sent now."""
    rows = await tx.execute(_CLAIM, {"holder": holder, "now": now, "lease": lease, "limit": limit})
    return [
        Claimed(
            org=row.org,
            sobject=row.sobject,
            key=row.key,
            key_field=row.key_field,
            fields=fields_from(row.content),
            digest=row.digest,
            lane=row.lane,
            version=row.version,
            attempts=row.attempts,
            traceparent=row.traceparent,
        )
        for row in rows
    ]


def _held(record: Claimed, holder: str) -> ColumnElement[bool]:
    return and_(
        table.c.org == record.org,
        table.c.sobject == record.sobject,
        table.c.key == record.key,
        table.c.leased_by == holder,
    )


# A failed attempt may have had its effect all the same: what Salesforce holds is unknown, so that no content, not even
# the one delivered before, counts as delivered until it is sent again.
_FAILED = {"leased_by": None, "leased_until": None, "delivered_digest": None}


_DELIVERED = text(
    """
    UPDATE outbox SET
        leased_by = NULL, leased_until = NULL, attempts = 0, error_reason = NULL, error_detail = NULL,
        state = CASE WHEN outbox.version = sent.version THEN 'delivered' ELSE outbox.state END,
        delivered_digest = sent.digest, delivered_at = :now,
        salesforce_id = coalesce(sent.salesforce_id, outbox.salesforce_id)
    FROM unnest(CAST(:org AS text[]), CAST(:sobject AS text[]), CAST(:key AS text[]), CAST(:version AS bigint[]),
                CAST(:digest AS text[]), CAST(:salesforce_id AS text[]))
         AS sent (org, sobject, key, version, digest, salesforce_id)
    WHERE outbox.org = sent.org AND outbox.sobject = sent.sobject AND outbox.key = sent.key
      AND outbox.leased_by = :holder
    RETURNING outbox.org, outbox.sobject, outbox.key
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def settle_delivered(
    tx: Transaction, records: Sequence[tuple[Claimed, str | None]], *, holder: str, now: datetime
) -> None:
    """Record that Salesforce holds what was sent; each comes with its Salesforce id."""
    names = ("org", "sobject", "key", "version", "digest")
    arrays: dict[str, list[object]] = {name: [getattr(record, name) for record, _ in records] for name in names}
    arrays["salesforce_id"] = [salesforce_id for _, salesforce_id in records]
    held = {tuple(row) for row in await tx.execute(_DELIVERED, arrays | {"now": now, "holder": holder})}
    lost = [key for record, _ in records if (key := (record.org, record.sobject, record.key)) not in held]
    await _send_anew(tx, lost)


async def _send_anew(tx: Transaction, lost: Sequence[tuple[str, str, str]]) -> None:
    """Want records sent once more whose lease ran out on the way.

    Another holder may have written in between: which of the two writes Salesforce took last is unknown.
    """
    if lost:
        await tx.execute(
            update(table)
            .where(tuple_(table.c.org, table.c.sobject, table.c.key).in_(lost))
            .values(state=State.WAITING, delivered_digest=None, version=table.c.version + 1)
        )


async def settle_again(
    tx: Transaction, record: Claimed, *, holder: str, not_before: datetime, reason: str, detail: str
) -> None:
    """Record an attempt that may be repeated from `not_before` on."""
    current = table.c.version == record.version
    settled = await tx.execute(
        update(table)
        .where(_held(record, holder))
        .values(
            **_FAILED,
            not_before=case((current, not_before), else_=table.c.not_before),
            error_reason=reason,
            error_detail=detail[:_DETAIL_LIMIT],
        )
    )
    if not settled.rowcount:
        await _send_anew(tx, [(record.org, record.sobject, record.key)])


async def settle_dead(tx: Transaction, record: Claimed, *, holder: str, reason: str, detail: str) -> None:
    """Record an attempt that will not be repeated; newer content that was put meanwhile gets its own chance."""
    current = table.c.version == record.version
    settled = await tx.execute(
        update(table)
        .where(_held(record, holder))
        .values(
            **_FAILED,
            state=case((current, State.DEAD), else_=table.c.state),
            error_reason=reason,
            error_detail=detail[:_DETAIL_LIMIT],
        )
    )
    if not settled.rowcount:
        await _send_anew(tx, [(record.org, record.sobject, record.key)])
