"""Loads of unrelated records through Bulk API 2.0: each step moves one job on by one stage and stores how far it got.

Whoever dies between two stages is replaced: a job that Salesforce had opened but not been given its data is given up
and opened anew; one that runs is asked for its results. Rows that a job did not process are delivered as others are.
"""

from datetime import datetime, timedelta

from service import outbox, telemetry
from service.clients import BulkState, SalesforceApi
from service.clock import Clock
from service.db import Database, Transaction
from service.delivery._render import render
from service.delivery._settle import settle
from service.domain import retry_delay
from service.errors import VendorError
from service.mapping import Names, field_name, object_name
from service.outbox import bulk

_MOST_RECORDS = 10_000
_LOOK_INTERVAL = timedelta(seconds=5)
_FIRST_POLL, _LONGEST_POLL = timedelta(seconds=1), timedelta(seconds=30)
# An org without the Bulk API, or one whose batches are spent, gets its records the usual way meanwhile.
_REFUSED_PAUSE = timedelta(hours=1)
_MOST_ATTEMPTS = 10
_GONE = ("NOT_FOUND", "INVALID_JOB", "INVALIDJOB")  # what is said of a job that there is not
_SHORT_LEASE = timedelta(seconds=60)


class BulkDelivery:
    """The bulk jobs of one org; several processes may move them, each job one at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        org: str,
        salesforce: SalesforceApi,
        names: Names,
        holder: str,
        call_timeout: timedelta,
        attempts_limit: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._org = org
        self._salesforce = salesforce
        self._names = names
        self._holder = holder
        # Longer than the calls of one stage together, so that nobody takes the job over while it moves.
        self._lease = 4 * call_timeout + _SHORT_LEASE
        self._attempts_limit = attempts_limit
        self._look_at: datetime | None = None

    async def open(self, now: datetime, *, above: int) -> int:
        """Hold records for a job if more than `above` unrelated ones of one object wait; return how many."""
        if self._look_at is not None and now < self._look_at:
            return 0
        self._look_at = now + _LOOK_INTERVAL
        async with self._database.transaction() as tx:
            crowd = await outbox.crowded(tx, org=self._org, now=now, threshold=above)
            if crowd is None:
                return 0
            sobject, key_field = crowd
            job = self._clock.new_id().hex
            held = await bulk.open_job(
                tx, job=job, org=self._org, sobject=sobject, key_field=key_field, now=now, limit=_MOST_RECORDS
            )
        if held:
            telemetry.log().info("bulk.opened", org=self._org, sobject=sobject, records=held)
        return held

    async def step(self, now: datetime) -> int:
        """Move one job on; return 1 when there was one to move."""
        async with self._database.transaction() as tx:
            job = await bulk.take_job(tx, org=self._org, holder=self._holder, now=now, lease=self._lease)
        if job is None:
            return 0
        try:
            match job.state:
                case bulk.JobState.NEW:
                    await self._create(job)
                case bulk.JobState.OPEN:
                    await self._resume(job)
                case bulk.JobState.RUNNING:
                    await self._collect(job)
        except VendorError as error:
            await self._failed(job, error)
        return 1

    async def _create(self, job: bulk.BulkJob) -> None:
        api = self._salesforce.bulk
        sobject, key_field = self._target(job)
        job_id = await api.create(sobject, key_field)
        async with self._database.transaction() as tx:
            records = await bulk.mark_sent(tx, job, now=self._clock.now())
            await self._advance(tx, job, bulk.JobState.OPEN, job_id, keep=True)
        await api.upload(job_id, [render(self._names, record) for record in records])
        await api.complete(job_id)
        async with self._database.transaction() as tx:
            await self._advance(tx, job, bulk.JobState.RUNNING, job_id)

    async def _resume(self, job: bulk.BulkJob) -> None:
        """Go on after somebody who died: data can be given once only, and whether that was done nobody knows."""
        api = self._salesforce.bulk
        if job.job_id is not None and await api.state(job.job_id) is not BulkState.OPEN:
            async with self._database.transaction() as tx:
                await self._advance(tx, job, bulk.JobState.RUNNING, job.job_id)
            return
        if job.job_id is not None:
            await api.abort(job.job_id)
        async with self._database.transaction() as tx:
            await self._advance(tx, job, bulk.JobState.NEW, None)

    async def _collect(self, job: bulk.BulkJob) -> None:
        api, job_id = self._salesforce.bulk, str(job.job_id)
        if not (await api.state(job_id)).is_final:
            delay = retry_delay(job.attempts + 1, first=_FIRST_POLL, longest=_LONGEST_POLL)
            async with self._database.transaction() as tx:
                await self._advance(
                    tx, job, bulk.JobState.RUNNING, job_id, delay=delay, attempts=min(job.attempts + 1, 100)
                )
            return
        results = await api.results(job_id, self._target(job)[1])
        now = self._clock.now()
        async with self._database.transaction() as tx:
            sent = await bulk.sent_records(tx, job)
            known = [(record, results[record.key]) for record in sent if record.key in results]
            await settle(tx, self._clock, known, holder=job.holder, now=now, attempts_limit=self._attempts_limit)
            rest = [record for record in sent if record.key not in results]
            await outbox.give_back(tx, rest, holder=job.holder)
            await bulk.close_job(tx, job)
        telemetry.log().info("bulk.settled", org=self._org, sobject=job.sobject, records=len(known), left=len(rest))

    async def _failed(self, job: bulk.BulkJob, error: VendorError) -> None:
        now = self._clock.now()
        telemetry.log().warning("bulk.failed", org=self._org, sobject=job.sobject, reason=error.reason, code=error.code)
        # A job that runs is asked for again, as long as there is an answer to hope for.
        hopeless = not error.retryable or job.attempts >= _MOST_ATTEMPTS
        if hopeless and await self._ended(job):
            self._look_at = now + _REFUSED_PAUSE
            async with self._database.transaction() as tx:
                await outbox.give_back(tx, await bulk.sent_records(tx, job), holder=job.holder)
                await bulk.close_job(tx, job)
            return
        delay = error.retry_after or retry_delay(job.attempts + 1, first=_FIRST_POLL, longest=_LONGEST_POLL)
        async with self._database.transaction() as tx:
            await bulk.retry_job(tx, job, holder=self._holder, next_at=now + delay)

    async def _ended(self, job: bulk.BulkJob) -> bool:
        """Tell whether Salesforce works on a job no longer: one that does would write over what is sent otherwise."""
        if job.job_id is None:
            return True
        api = self._salesforce.bulk
        try:
            if not (await api.state(job.job_id)).is_final:
                await api.abort(job.job_id)
        except VendorError as error:
            return error.code in _GONE
        return True

    async def _advance(
        self,
        tx: Transaction,
        job: bulk.BulkJob,
        state: bulk.JobState,
        job_id: str | None,
        *,
        keep: bool = False,
        delay: timedelta = timedelta(),
        attempts: int = 0,
    ) -> None:
        await bulk.advance_job(
            tx,
            job,
            holder=self._holder,
            state=state,
            job_id=job_id,
            next_at=self._clock.now() + delay,
            attempts=attempts,
            keep=keep,
        )

    def _target(self, job: bulk.BulkJob) -> tuple[str, str]:
        """Return object and key field in the org's words."""
        key_field = field_name(self._names, job.sobject, job.key_field) or job.key_field
        return object_name(self._names, job.sobject), key_field
