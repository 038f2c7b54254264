"""Settling each record by its own result.

A record that was put again while it was on its way keeps waiting, because the settled version is not the one that is
wanted now. A success also frees what failed for the same cause: see `service.outbox._release`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, DateTime, and_, bindparam, case, func, text, update

from service.db import Transaction, among
from service.outbox._claims import Claimed
from service.outbox._order import KEY, hold
from service.outbox._put import State, table

_DETAIL_LIMIT = 500


def _held(record: Claimed, holder: str) -> ColumnElement[bool]:
    return and_(
        table.c.org == record.org,
        table.c.sobject == record.sobject,
        table.c.key == record.key,
        table.c.leased_by == holder,
    )


async def hold_claimed(tx: Transaction, records: Sequence[Claimed]) -> None:
    """Lock records before they are settled one by one."""
    await hold(tx, _any_of(records))


def _any_of(records: Sequence[Claimed]) -> ColumnElement[bool]:
    return among(KEY, {(record.org, record.sobject, record.key) for record in records})


_FREE = {"leased_by": None, "leased_until": None, "bulk_job": None}
# A failed attempt may have had its effect all the same: what Salesforce holds is unknown, so that no content, not even
# the one delivered before, counts as delivered until it is sent again.
_FAILED = _FREE | {"delivered_digest": None}


_DELIVERED = text(
    """
    UPDATE outbox SET
        leased_by = NULL, leased_until = NULL, bulk_job = NULL, attempts = 0, error_reason = NULL, error_detail = NULL,
        error_code = NULL, failed_at = NULL, releases = 0, release_at = NULL,
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
            .where(among(KEY, lost))
            .values(state=State.WAITING, delivered_digest=None, version=table.c.version + 1)
        )


async def settle_again(
    tx: Transaction,
    record: Claimed,
    *,
    holder: str,
    now: datetime,
    not_before: datetime,
    reason: str,
    code: str | None,
    detail: str,
) -> None:
    """Record an attempt that failed and may be repeated from `not_before` on."""
    current = table.c.version == record.version
    await tx.execute(
        update(table)
        .where(_held(record, holder))
        .values(
            **_FAILED,
            not_before=case((current, not_before), else_=table.c.not_before),
            error_reason=reason,
            error_code=code,
            error_detail=detail[:_DETAIL_LIMIT],
            failed_at=now,
        )
    )


async def settle_dead(
    tx: Transaction,
    record: Claimed,
    *,
    holder: str,
    now: datetime,
    release_at: datetime,
    reason: str,
    code: str | None,
    detail: str,
) -> None:
    """Record an attempt that will not be repeated before `release_at`; content put meanwhile gets its own chance."""
    current = table.c.version == record.version
    await tx.execute(
        update(table)
        .where(_held(record, holder))
        .values(
            **_FAILED,
            state=case((current, State.DEAD), else_=table.c.state),
            release_at=case((current, release_at), else_=table.c.release_at),
            error_reason=reason,
            error_code=code,
            error_detail=detail[:_DETAIL_LIMIT],
            failed_at=now,
        )
    )


async def give_back(
    tx: Transaction,
    records: Sequence[Claimed],
    *,
    holder: str,
    not_before: datetime | None = None,
    failure: tuple[str, str | None, str, datetime] | None = None,
) -> None:
    """Let go of records about which nothing was learned: the attempt does not count.

    Args:
        tx: the transaction.
        records: what is let go.
        holder: who holds them.
        not_before: earliest time of the next attempt; None leaves it as it is.
        failure: reason, code, detail and time of what kept them all from being sent, to be shown.
    """
    if not records:
        return
    freed = _FREE if failure is None else _FAILED
    values: dict[str, object] = {**freed, "attempts": func.greatest(table.c.attempts - 1, 0)}
    if not_before is not None:
        values["not_before"] = func.greatest(table.c.not_before, not_before)
    if failure is not None:
        reason, code, detail, now = failure
        values |= {"error_reason": reason, "error_code": code, "error_detail": detail[:_DETAIL_LIMIT], "failed_at": now}
    await hold_claimed(tx, records)
    await tx.execute(update(table).where(_any_of(records), table.c.leased_by == holder).values(**values))
