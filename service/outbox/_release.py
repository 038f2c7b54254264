"""Trying the dead again without a person: when one of the same cause succeeds, and one of each cause now and then.

A cause is org, object and Salesforce's code. Each release of a record doubles its next wait, so that a cause that comes
back costs ever fewer calls; new content starts afresh.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import DateTime, bindparam, text

from service.db import Transaction
from service.domain import retry_delay

FIRST_RELEASE = timedelta(minutes=15)
LAST_RELEASE = timedelta(hours=24)
# After so many releases in vain a success elsewhere proves nothing about this record: only the slow probe goes on.
_LIMIT_RELEASES = 6

Cause = tuple[str, str, str]


def release_delay(releases: int) -> timedelta:
    """Return how long a record that just died stays dead before it may be probed: doubling, a day at most."""
    return retry_delay(releases + 1, first=FIRST_RELEASE, longest=LAST_RELEASE)


_RELEASE = text(
    """
    WITH freed AS (
        SELECT outbox.org, outbox.sobject, outbox.key FROM outbox
        JOIN unnest(CAST(:org AS text[]), CAST(:sobject AS text[]), CAST(:code AS text[])) AS cause (org, sobject, code)
          ON outbox.org = cause.org AND outbox.sobject = cause.sobject AND outbox.error_code = cause.code
        WHERE outbox.error_reason IS NOT NULL AND outbox.leased_until IS NULL AND outbox.releases < :most
          AND (outbox.state = 'dead' OR outbox.state = 'waiting' AND outbox.not_before > :now)
        LIMIT :limit
        FOR UPDATE OF outbox SKIP LOCKED
    )
    UPDATE outbox SET state = 'waiting', attempts = 0, not_before = :now, release_at = NULL,
                      releases = outbox.releases + 1
    FROM freed
    WHERE outbox.org = freed.org AND outbox.sobject = freed.sobject AND outbox.key = freed.key
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def release_causes(tx: Transaction, causes: Collection[Cause], *, now: datetime, limit: int = 1000) -> int:
    """Try again what failed for causes that are gone: one of the same just succeeded; return how many records."""
    if not causes:
        return 0
    ordered = sorted(causes)
    result = await tx.execute(
        _RELEASE,
        {
            "org": [org for org, _, _ in ordered],
            "sobject": [sobject for _, sobject, _ in ordered],
            "code": [code for _, _, code in ordered],
            "now": now,
            "most": _LIMIT_RELEASES,
            "limit": limit,
        },
    )
    return result.rowcount


_PROBE = text(
    """
    WITH due AS (
        SELECT DISTINCT ON (sobject, error_code) org, sobject, key FROM outbox dead
        WHERE org = :org AND error_reason IS NOT NULL AND state = 'dead' AND release_at <= :now
        ORDER BY sobject, error_code, release_at
        LIMIT :limit
    ), free AS (
        SELECT outbox.org, outbox.sobject, outbox.key FROM outbox JOIN due USING (org, sobject, key)
        FOR NO KEY UPDATE OF outbox SKIP LOCKED
    )
    UPDATE outbox SET state = 'waiting', attempts = 0, not_before = :now, release_at = NULL,
                      releases = outbox.releases + 1
    FROM free
    WHERE outbox.org = free.org AND outbox.sobject = free.sobject AND outbox.key = free.key
      AND outbox.state = 'dead' AND outbox.leased_until IS NULL
    """
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def probe(tx: Transaction, *, org: str, now: datetime, limit: int = 10) -> int:
    """Try one dead record of each cause again, if it has been dead long enough; return how many."""
    return (await tx.execute(_PROBE, {"org": org, "now": now, "limit": limit})).rowcount
