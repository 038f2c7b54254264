"""Delivering to one org: claim lanes, few and full calls, a settlement per record.

An idle org gets a record at once. While records keep coming, calls are held back a little, at most a second, so that
each carries more and what changes often is sent once. An outage pauses the org and counts against no record.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from service import outbox, telemetry
from service.clients import SalesforceApi
from service.clock import Clock
from service.config import Delivery
from service.db import Database, Wakes
from service.delivery._budget import URGENT, Allowance, allowance
from service.delivery._bulk import BulkDelivery
from service.delivery._plan import CALL_GROUPS, plan
from service.delivery._send import CallFailed, Sent, send
from service.delivery._settle import settle
from service.domain import retry_delay
from service.domain.retry import next_linger
from service.errors import VendorDenied, VendorError
from service.mapping import Names
from service.outbox import Claimed

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)
# A session may be refused in passing; a permission is given by a person.
_FIRST_DENIED_PAUSE, _LONGEST_DENIED_PAUSE = timedelta(seconds=5), timedelta(minutes=2)
_LONGEST_LIMIT_PAUSE = timedelta(hours=1)
_BUDGET_PAUSE = timedelta(minutes=1)
_LIMIT = "SALESFORCE_LIMIT"
_UNTRIED_PAUSE = timedelta(minutes=1)
_UPKEEP_INTERVAL = timedelta(seconds=30)


class Deliverer:
    """Sends what waits for one org. Several may run at once, here and elsewhere: a lane belongs to one at a time."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        org: str,
        salesforce: SalesforceApi,
        names: Names,
        terms: Delivery,
        holder: str,
        lease: timedelta,
        call_timeout: timedelta,
        batch_limit: int,
        attempts_limit: int,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._org = org
        self._salesforce = salesforce
        self._names = names
        self._terms = terms
        self._holder = holder
        self._lease = lease
        self._group_records = batch_limit
        self._attempts_limit = attempts_limit
        self._bulk = BulkDelivery(
            database,
            clock,
            org=org,
            salesforce=salesforce,
            names=names,
            holder=holder,
            call_timeout=call_timeout,
            attempts_limit=attempts_limit,
        )
        self._most = self._limit = batch_limit * CALL_GROUPS
        self._after = ""
        self._linger = timedelta()
        self._paused_until: datetime | None = None
        self._failures = 0
        self._calls_noted = salesforce.calls
        self._upkeep_at: datetime | None = None

    async def step(self) -> int:
        """Deliver one batch; return how many records it held, 0 when nothing may be sent now."""
        if self._paused_until is not None and self._clock.now() < self._paused_until:
            return 0
        if self._linger:
            await asyncio.sleep(self._linger.total_seconds())
        now = self._clock.now()
        share = await self._look_after(now)
        moved = await self._bulk.step(now)  # a job under way holds records: it is ended, whatever is left to us
        if share is Allowance.NOTHING:
            self._pause(now + _BUDGET_PAUSE, "BUDGET_SPENT")
            return moved
        claimed = await self._claim(now, share)
        if claimed:
            async with self._kept():
                await self._deliver(claimed)
        elif self._after:
            self._after = ""
            return 1  # there may be work in the lanes before
        self._linger = next_linger(self._linger, found=len(claimed), room=self._limit)
        if len(claimed) == self._limit == self._most:
            await self._bulk.open(self._clock.now(), above=self._terms.bulk_above)
        return len(claimed) + moved

    async def _look_after(self, now: datetime) -> Allowance:
        """Count our calls, decide what may be sent, and give one dead record of each cause its chance."""
        async with self._database.transaction() as tx:
            if made := self._salesforce.calls - self._calls_noted:
                await outbox.note_calls(tx, org=self._org, calls=made, now=now)
            total = await outbox.calls_made(tx, org=self._org, now=now)
            if self._upkeep_at is None or now >= self._upkeep_at:
                await outbox.probe(tx, org=self._org, now=now)
                self._upkeep_at = now + _UPKEEP_INTERVAL
        self._calls_noted += made
        return allowance(made=total, usage=self._salesforce.usage, share_percent=self._terms.api_share_percent)

    async def _claim(self, now: datetime, share: Allowance) -> list[Claimed]:
        async with self._database.transaction() as tx:
            claimed = await outbox.claim(
                tx,
                org=self._org,
                holder=self._holder,
                now=now,
                lease=self._lease,
                limit=self._limit,
                after=self._after,
                urgent=URGENT if share is Allowance.URGENT_ONLY else None,
            )
        self._after = claimed[-1].lane if len(claimed) == self._limit else self._after if not claimed else ""
        return claimed

    @asynccontextmanager
    async def _kept(self) -> AsyncIterator[None]:
        """Keep what we claimed, for as long as a call takes: two calls for one lane would meet in a lock."""
        over = asyncio.Event()
        keeping = asyncio.create_task(self._keep(over))
        try:
            yield
        finally:
            over.set()
            await keeping

    async def _keep(self, over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                async with asyncio.timeout(self._lease.total_seconds() / 3):
                    await over.wait()
            except TimeoutError:
                until = self._clock.now() + self._lease
                try:
                    async with self._database.transaction() as tx:
                        await outbox.renew(tx, org=self._org, holder=self._holder, until=until)
                except (SQLAlchemyError, OSError) as error:
                    telemetry.log().warning("delivery.not_renewed", org=self._org, error=type(error).__name__)

    async def _deliver(self, claimed: Sequence[Claimed]) -> None:
        arranged = plan(claimed, group_records=self._group_records)
        missing = {(record.sobject, record.key) for record in arranged.later}
        waiting = list(arranged.calls)
        back = list(arranged.later)
        failed: VendorError | None = None
        while waiting and failed is None:
            groups = [[record for record in group if record.awaits not in missing] for group in waiting.pop(0)]
            groups = [group for group in groups if group]
            if not groups:
                continue
            try:
                sent = await send(self._salesforce, self._names, groups)
            except CallFailed as call:
                failed = call.error
                back += [record for group in groups for record in group]
            else:
                await self._settle(sent)
                missing |= sent.missing
        # Children whose parents Salesforce does not hold wait for them, and what was not reached waits too.
        back += [record for record in claimed if record.awaits in missing]
        back += [record for call in waiting for group in call for record in group if record.awaits not in missing]
        await self._end(claimed, back, failed)

    async def _settle(self, sent: Sent) -> None:
        """Settle what Salesforce answered for; what it was not asked has time."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await settle(
                tx, self._clock, sent.results, holder=self._holder, now=now, attempts_limit=self._attempts_limit
            )
            await outbox.give_back(tx, sent.untried, holder=self._holder, not_before=now + _UNTRIED_PAUSE)
        if any(result.success for _, result in sent.results):
            self._wakes.signal("outbox")  # children may have waited for these

    async def _end(self, claimed: Sequence[Claimed], back: Sequence[Claimed], failed: VendorError | None) -> None:
        now = self._clock.now()
        if failed is None:
            self._failures, self._paused_until = 0, None
            self._limit = min(self._limit * 4, self._most)
            async with self._database.transaction() as tx:
                await outbox.give_back(tx, back, holder=self._holder)
            return
        self._failures += 1
        note = (failed.reason, failed.code, f"the call failed: {failed.message}", now)
        # A record that Salesforce stumbles over each time must not hold the others: ever fewer go together, until
        # it is alone and waits by itself.
        alone = failed.code is not None and failed.reason != _LIMIT and len(claimed) == 1
        pause = self._pause_after(failed)
        async with self._database.transaction() as tx:
            await outbox.give_back(
                tx, back, holder=self._holder, failure=note, not_before=now + 10 * pause if alone else None
            )
        if failed.code is not None and failed.reason != _LIMIT and not isinstance(failed, VendorDenied):
            self._limit = max(1, len(claimed) // 4)
        self._after = claimed[-1].lane
        self._pause(now + pause, failed.reason)

    def _pause_after(self, failed: VendorError) -> timedelta:
        if failed.reason == _LIMIT:
            first, longest = failed.retry_after or _FIRST_PAUSE, _LONGEST_LIMIT_PAUSE
        elif isinstance(failed, VendorDenied):
            first, longest = failed.retry_after or _FIRST_DENIED_PAUSE, _LONGEST_DENIED_PAUSE
        else:
            first, longest = failed.retry_after or _FIRST_PAUSE, _LONGEST_PAUSE
        pause = retry_delay(self._failures, first=first, longest=max(first, longest))
        return pause + self._clock.jitter(pause / 4)

    def _pause(self, until: datetime, reason: str) -> None:
        self._paused_until = until
        telemetry.log().warning("delivery.paused", org=self._org, until=until.isoformat(), reason=reason)
