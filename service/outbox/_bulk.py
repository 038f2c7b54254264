"""Bulk jobs: records that travel together for minutes, and how far their job got, so that it survives this process.

The records are held by the job, not by a process; the job itself is leased by whoever moves it on. What was sent is
remembered with each record, because other content may be put while the job runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, DateTime, Index, SmallInteger, Table, Text, delete, or_, select, text, update

from service.db import Transaction, metadata
from service.outbox._claims import ORPHANED, READY, RETURNED, TIMES, Claimed, hold_claims, opened
from service.outbox._order import hold
from service.outbox._put import CONTENT
from service.outbox._put import table as records

table = Table(
    "bulk_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org", Text, nullable=False),
    Column("sobject", Text, nullable=False),
    Column("key_field", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("job_id", Text),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("leased_by", Text),
    Column("leased_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
Index("bulk_jobs_next", table.c.org, table.c.next_at)
# A job is done within hours or not at all; whatever happened to it, its records are free again after a day.
_HOLD = timedelta(hours=24)


class JobState(StrEnum):
    """How far we got with a job."""

    NEW = "new"  # its records are held; leaves when Salesforce has opened a job
    OPEN = "open"  # Salesforce waits for the data; leaves when they are all there
    RUNNING = "running"  # Salesforce works; leaves when every record is settled


@dataclass(frozen=True, slots=True)
class BulkJob:
    """One job, as it was when taken; `attempts` counts failures in its present state."""

    id: str
    org: str
    sobject: str
    key_field: str
    state: JobState
    job_id: str | None
    attempts: int

    @property
    def holder(self) -> str:
        """Whose its records are."""
        return f"bulk:{self.id}"


_HOLD_RECORDS = text(
    f"""
    WITH ready AS (
        SELECT DISTINCT ON (waiting.lane) waiting.org, waiting.sobject, waiting.key FROM outbox waiting
        WHERE {READY} AND waiting.sobject = :sobject AND waiting.key_field = :key_field
          AND NOT {ORPHANED} AND waiting.error_reason IS NULL
        ORDER BY waiting.lane, waiting.rank
        LIMIT :limit
    ), free AS (
        SELECT outbox.org, outbox.sobject, outbox.key FROM outbox JOIN ready USING (org, sobject, key)
        FOR NO KEY UPDATE OF outbox SKIP LOCKED
    )
    UPDATE outbox SET leased_by = :holder, leased_until = :now + :lease, attempts = outbox.attempts + 1, bulk_job = :job
    FROM free
    WHERE outbox.org = free.org AND outbox.sobject = free.sobject AND outbox.key = free.key
    """  # noqa: S608  (fragments are ours)
).bindparams(*TIMES)


async def open_job(
    tx: Transaction, *, job: str, org: str, sobject: str, key_field: str, now: datetime, limit: int
) -> int:
    """Hold up to `limit` unrelated records for a new job; return how many. One job at a time for each object."""
    await hold_claims(tx, org)
    running = select(table.c.id).where(table.c.org == org, table.c.sobject == sobject)
    if (await tx.execute(running.limit(1))).first() is not None:
        return 0
    parameters = {
        "org": org,
        "sobject": sobject,
        "key_field": key_field,
        "holder": f"bulk:{job}",
        "job": job,
        "now": now,
        "lease": _HOLD,
        "limit": limit,
        "urgent_only": False,
        "urgent": [],
    }
    held = (await tx.execute(_HOLD_RECORDS, parameters)).rowcount
    if held:
        values = {"id": job, "org": org, "sobject": sobject, "key_field": key_field, "state": JobState.NEW}
        await tx.execute(table.insert().values(**values, next_at=now, created_at=now))
    return held


async def take_job(tx: Transaction, *, org: str, holder: str, now: datetime, lease: timedelta) -> BulkJob | None:
    """Take the job that is due first, if nobody else moves it."""
    due = (
        select(table.c.id)
        .where(
            table.c.org == org,
            table.c.next_at <= now,
            or_(table.c.leased_until.is_(None), table.c.leased_until < now),
        )
        .order_by(table.c.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    names = ("id", "org", "sobject", "key_field", "state", "job_id", "attempts")
    statement = update(table).where(table.c.id == due).values(leased_by=holder, leased_until=now + lease)
    row = (await tx.execute(statement.returning(*(table.c[name] for name in names)))).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
    return BulkJob(**{**values, "state": JobState(values["state"])})


async def advance_job(
    tx: Transaction,
    job: BulkJob,
    *,
    holder: str,
    state: JobState,
    job_id: str | None,
    next_at: datetime,
    attempts: int = 0,
    keep: bool = False,
) -> None:
    """Store how far a job got, and let it go unless its holder wants to `keep` it for the next stage."""
    free = {} if keep else {"leased_by": None, "leased_until": None}
    await tx.execute(
        update(table)
        .where(table.c.id == job.id, table.c.leased_by == holder)
        .values(state=state, job_id=job_id, next_at=next_at, attempts=attempts, **free)
    )


async def retry_job(tx: Transaction, job: BulkJob, *, holder: str, next_at: datetime) -> None:
    """Try a stage again at `next_at`, from wherever the job stands by now."""
    await tx.execute(
        update(table)
        .where(table.c.id == job.id, table.c.leased_by == holder)
        .values(next_at=next_at, attempts=table.c.attempts + 1, leased_by=None, leased_until=None)
    )


_MARK = text(
    f"""
    UPDATE outbox SET sent_version = version, sent_digest = digest
    WHERE bulk_job = :job AND leased_by = :holder
    RETURNING {RETURNED}
    """  # noqa: S608  (fragments are ours)
)
_SENT = text(
    f"""
    SELECT {RETURNED}, sent_version, sent_digest FROM outbox WHERE bulk_job = :job AND leased_by = :holder
    """  # noqa: S608  (fragments are ours)
)


async def mark_sent(tx: Transaction, job: BulkJob, *, now: datetime) -> list[Claimed]:
    """Return a job's records as they are now, and remember that this is what is sent."""
    await hold(tx, records.c.bulk_job == job.id)
    marked = await tx.execute(_MARK.columns(content=CONTENT.each), {"job": job.id, "holder": job.holder})
    return await opened(tx, marked.all(), now=now)


async def sent_records(tx: Transaction, job: BulkJob) -> list[Claimed]:
    """Return a job's records with the version that was sent."""
    found: list[Claimed] = []
    for row in await tx.execute(_SENT, {"job": job.id, "holder": job.holder}):
        values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
        values["version"], values["digest"] = values.pop("sent_version"), values.pop("sent_digest")
        values["fields"] = {}
        values.pop("content")
        found.append(Claimed(**values))
    return found


async def close_job(tx: Transaction, job: BulkJob) -> None:
    """Forget a job whose records are settled; whatever it still holds is free again."""
    await hold(tx, records.c.bulk_job == job.id)
    await tx.execute(
        update(records).where(records.c.bulk_job == job.id).values(bulk_job=None, leased_by=None, leased_until=None)
    )
    await tx.execute(delete(table).where(table.c.id == job.id))


async def list_jobs(tx: Transaction) -> Sequence[tuple[str, str, str, str | None, datetime]]:
    """Return the jobs under way: org, object, state, Salesforce's id, and since when."""
    query = select(table.c.org, table.c.sobject, table.c.state, table.c.job_id, table.c.created_at)
    return [tuple(row) for row in await tx.execute(query.order_by(table.c.created_at))]
