"""Fetching: objects known by name only, sights that contradict each other, and facts that are late."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from service import mirror, telemetry
from service.clients import Answer, StripeApi
from service.clock import Clock
from service.db import Database, Wakes
from service.domain import Evidence, Observation, Statement, retry_delay
from service.errors import Unreadable, VendorError
from service.intake import EXPANDED, observe, sight
from service.maintenance._belongings import belongings
from service.maintenance._reconcile import Reconciler
from service.mirror import FetchDue, faults

# Stripe takes 25 reads a second for a sandbox (docs.stripe.com/rate-limits); commands need their share.
_BATCH_LIMIT = 10
_GONE = "resource_missing"  # docs.stripe.com/error-codes
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(hours=1)


class Fetcher:
    """Asks Stripe for what is due; several may run at once."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        stripe: Mapping[str, StripeApi],
        reconciler: Reconciler,
        lease: timedelta,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._stripe = stripe
        self._reconciler = reconciler
        self._lease = lease

    async def step(self) -> int:
        """Fetch one batch; return how many objects it held, 0 when nothing is due."""
        async with self._database.transaction() as tx:
            due = await mirror.take_fetches(tx, now=self._clock.now(), lease=self._lease, limit=_BATCH_LIMIT)
        ended = await asyncio.gather(*(self._fetch_readable(one) for one in due), return_exceptions=True)
        if due:
            self._wakes.signal("mirror")
        for fault in ended:
            if fault is not None:  # once all have ended: none goes on behind the back of who called
                raise fault
        return len(due)

    async def _fetch_readable(self, due: FetchDue) -> None:
        """Fetch; what needs a stored text that cannot be opened is tried again, until its key is back."""
        try:
            await self._fetch(due)
        except Unreadable as error:
            await self._postpone(due, error.reason, again=True)

    async def _fetch(self, due: FetchDue) -> None:
        stripe = self._stripe.get(due.entity)
        if stripe is None:
            await self._postpone(due, "ENTITY_UNKNOWN", again=False)
            return
        with telemetry.span("stripe.fetch", parent=due.traceparent, attributes={"stripe.object_type": due.object_type}):
            try:
                if due.object_type == Statement.KIND:
                    await self._reconciler.step(stripe, due)
                    telemetry.fetches.add(1, {"type": due.object_type, "outcome": "fetched"})
                    return
                answer = await stripe.retrieve(due.object_type, due.object_id, expand=EXPANDED.get(due.object_type, ()))
                listed = await belongings(stripe, answer)
            except VendorError as error:
                if not (error.code == _GONE and await self._was_deleted(due)):
                    await self._postpone(due, error.reason, again=error.retryable)
                return
            await self._take(due, answer, listed)

    async def _take(self, due: FetchDue, answer: Answer, listed: Sequence[Answer] = ()) -> None:
        now = self._clock.now()
        seen = [
            seen
            for one in (answer, *listed)
            for seen in sight(
                due.entity,
                one.body,
                # Asked after everything that was known then, it is no older than that, whatever the clocks say.
                as_of=max(one.as_of, due.as_of),
                evidence=Evidence.FETCH,
                now=now,
                traceparent=due.traceparent if one is answer else None,
                cause=one.request_id,
            )
        ]
        own = next(one for one in seen if one.object_id == answer.body["id"] and one.body is not None)
        await self._take_others(seen, own, now)
        async with self._database.transaction() as tx:
            believed = await mirror.settle_fetch(tx, due, again_at=own.fetch_after)
            if believed:
                await observe(tx, [own], now=now)
        if due.error is not None:  # and gone: what was given up for the same need not wait for it
            async with self._database.transaction() as tx:
                await faults.release_fetches(tx, entity=due.entity, error=due.error, now=now)
        telemetry.fetches.add(1, {"type": due.object_type, "outcome": "fetched" if believed else "overtaken"})

    async def _take_others(self, seen: Sequence[Observation], own: Observation, now: datetime) -> None:
        """Take what came with an object, in a commit before its own: a writer that holds a row waits for no other.

        Nobody asked for these, so news of them may have come since: they are believed like answers.
        """
        others = [
            replace(one, evidence=min(one.evidence, Evidence.ANSWER)) for one in seen if one.object_id != own.object_id
        ]
        if others:
            async with self._database.transaction() as tx:
                await observe(tx, others, now=now)

    async def _was_deleted(self, due: FetchDue) -> bool:
        """Bury an object that Stripe no longer has; False for one that cannot be deleted, as in another account.

        Only a draft invoice leaves no tombstone at Stripe (docs.stripe.com/api/invoices/delete).
        """
        if due.object_type != "invoice":
            return False
        async with self._database.read() as tx:
            rows = await mirror.load_family(tx, entities=[due.entity], roots=[due.object_id])
        known = next((row.body for row in rows if row.object_id == due.object_id), None)
        if known is not None and known.get("status") != "draft":
            return False
        tombstone = {"id": due.object_id, "object": due.object_type, "deleted": True}
        await self._take(due, Answer(tombstone, due.as_of, None, replayed=False))
        return True

    async def _postpone(self, due: FetchDue, reason: str, *, again: bool) -> None:
        delay = retry_delay(due.attempts, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        until = self._clock.now() + delay if again else None  # an outage is waited out, at a gentle pace
        async with self._database.transaction() as tx:
            await mirror.postpone_fetch(tx, due, until=until, error=reason)
        telemetry.fetches.add(1, {"type": due.object_type, "outcome": reason})
        if until is None:
            telemetry.log().error(
                "fetch.given_up", entity=due.entity, object_id=due.object_id, attempts=due.attempts, reason=reason
            )
