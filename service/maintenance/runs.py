"""Sweeps and backfills: reading Stripe's lists a page at a time, and starting, following and ending that.

A sweep looks for events that never arrived as webhooks. Stripe tries a webhook for three days and keeps events for
thirty (docs.stripe.com/webhooks, docs.stripe.com/api/events): what is older than that only a backfill finds, which
reads objects. Both take in what they find by the road of everything else, so what is known already changes nothing.
Each step is one page: read, then taken in and noted in one commit. Killed between the two, it is done again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from service import inbox, runs, telemetry
from service.clients import Answer, StripeApi
from service.clock import Clock
from service.config import Installation
from service.db import Database, Transaction, Wakes
from service.domain import Evidence, Observation, retry_delay
from service.errors import Conflict, InvalidRequest, NotFound, Refused, VendorError, Violation
from service.inbox import InboxRow
from service.intake import KNOWN_TYPES, observe, prepare, read_stripe_event, sight, stub
from service.runs import Kind, Place, Run, State

__all__ = ["BACKFILLED", "MAX_SWEEP", "Kind", "Run", "RunRunner", "Runs", "State"]

# What a backfill reads unless told otherwise: what belongs to others after them. No payment links: they have no time of
# creation by which a list could be narrowed (docs.stripe.com/api/payment-link).
BACKFILLED = (
    "customer",
    "payment_intent",
    "charge",
    "refund",
    "dispute",
    "invoice",
    "credit_note",
    "checkout.session",
    "payout",
)
# A list of these shows them in part: each is fetched whole instead.
_FETCHED = frozenset({"invoice"})
MAX_SWEEP = timedelta(days=30)
_EVENT = "event"
_PAGE = 100
# Between pages, so that commands have most of the 25 reads a second Stripe allows (docs.stripe.com/rate-limits).
_PAUSE = timedelta(milliseconds=200)
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=2), timedelta(minutes=10)
# A sweep goes back a little behind the one before: an event is listed a moment after it is dated.
_OVERLAP = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


class Runs:
    """What a person does with runs; the running service carries them out."""

    def __init__(self, database: Database, wakes: Wakes, clock: Clock, installation: Installation) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._entities = installation.entities

    async def start_sweep(
        self, entity: str, *, since: datetime | None, who: str | None, request_id: str | None = None
    ) -> Run:
        """Start a sweep, from 30 days ago unless told otherwise.

        Raises:
            InvalidRequest: `since` lies in the future, or before what Stripe keeps.
            Refused: a sweep of this entity is under way.
            Conflict: the request id is of another run.
        """
        now = self._clock.now()
        earliest = now - MAX_SWEEP
        if since is not None and not earliest - _MINUTE <= since <= now:
            raise InvalidRequest([Violation("start_time", "must lie within the last 30 days: Stripe keeps no more")])
        return await self._start(self._new(entity, Kind.SWEEP, (_EVENT,), since or earliest, now, who, request_id))

    async def start_backfill(
        self,
        entity: str,
        *,
        object_types: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        who: str | None,
        request_id: str | None = None,
    ) -> Run:
        """Start a backfill, of everything unless told otherwise.

        Raises:
            InvalidRequest: a type that cannot be listed, twice the same, or an end before the beginning.
            Refused: a backfill of this entity is under way.
            Conflict: the request id is of another run.
        """
        now, types = self._clock.now(), tuple(object_types) or BACKFILLED
        wrong = [
            Violation(f"object_types[{place}]", f"is none of {', '.join(BACKFILLED)}, or is there twice")
            for place, name in enumerate(types)
            if name not in BACKFILLED or name in types[:place]
        ]
        if since is not None and since >= (until or now):
            wrong.append(Violation("start_time", "must lie before the end, which is now unless given"))
        if wrong:
            raise InvalidRequest(wrong)
        return await self._start(self._new(entity, Kind.BACKFILL, types, since, until or now, who, request_id))

    def _new(  # noqa: PLR0917  (the fields of a run, with two callers)
        self,
        entity: str,
        kind: Kind,
        types: tuple[str, ...],
        since: datetime | None,
        until: datetime,
        who: str | None,
        request_id: str | None,
    ) -> Run:
        if entity not in self._entities:
            raise NotFound("No legal entity of this name is configured.", reason="ENTITY_UNKNOWN")
        now, name = self._clock.now(), f"run_{self._clock.new_id().hex}"
        return Run(name, entity, kind, types, since, until, now, now, requested_by=who, request_id=request_id)

    async def _start(self, run: Run) -> Run:
        async with self._database.transaction() as tx:
            if await runs.start(tx, run):
                known = run
            else:
                known = await self._known(tx, run)
        self._wakes.signal("runs")
        return known

    @staticmethod
    async def _known(tx: Transaction, run: Run) -> Run:
        same = await runs.requested(tx, entity=run.entity, request_id=run.request_id) if run.request_id else None
        if same is not None:
            if (same.kind, same.object_types) != (run.kind, run.object_types):
                raise Conflict("This request id started another run.", metadata={"run_id": same.id})
            return same
        other = await runs.latest(tx, entity=run.entity, kind=run.kind, state=State.RUNNING)
        metadata = {"run_id": other.id} if other else {}
        raise Refused(f"A {run.kind.value} of this entity is under way.", reason="RUN_UNDER_WAY", metadata=metadata)

    async def get(self, entity: str, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: there is none of this id.
        """
        async with self._database.read() as tx:
            run = await runs.find(tx, entity=entity, run_id=run_id)
        if run is None:
            raise NotFound("There is no run of this id: check the id and the entity.")
        return run

    async def page(self, entity: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Run]:
        """Return runs, newest first."""
        async with self._database.read() as tx:
            return await runs.list_runs(tx, entity=entity, before=before, limit=limit)

    async def cancel(self, entity: str, run_id: str) -> Run:
        """End a run, and return it as it stands.

        Raises:
            NotFound: there is none of this id.
        """
        async with self._database.transaction() as tx:
            await runs.cancel(tx, entity=entity, run_id=run_id, now=self._clock.now())
        self._wakes.signal("runs")
        return await self.get(entity, run_id)


@dataclass(frozen=True, slots=True)
class _Page:
    """What a page held: events, each with what it shows, or objects; `seen` of Stripe's, up to the id `last`."""

    seen: int
    last: str | None
    events: list[tuple[InboxRow, list[Observation]]]
    objects: list[Observation]


class _Overtaken(Exception):
    """Undoes a step of a run that was ended, or that another has got on with."""


class RunRunner:
    """Carries runs out, and starts a sweep of each entity every so often; several may run at once."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        stripe: Mapping[str, StripeApi],
        installation: Installation,
        lease: timedelta,
        sweep_every: timedelta,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._stripe = stripe
        self._entities = installation.entities
        self._lease = max(lease, timedelta(seconds=60))
        self._every = sweep_every

    async def step(self) -> int:
        """Do one step of one run; return 0 when none is due."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            run = await runs.take(tx, now=now, lease=self._lease)
        if run is None:
            return 0
        stripe = self._stripe.get(run.entity)
        try:
            if stripe is None:
                await self._end(run, State.FAILED, "ENTITY_UNKNOWN")
                return 1
            with suppress(_Overtaken):
                await self._advance(run, await self._read(stripe, run))
        except VendorError as error:
            await self._fail(run, error)
        self._wakes.signal("runs")
        return 1

    async def schedule(self) -> int:
        """Start the sweeps that are due; return 0, as there is nothing left to do until the next time.

        The first time it only marks the present, from which the first sweep begins: what came before the service is
        what a person asks for.
        """
        for entity in self._entities:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                newest = await runs.latest(tx, entity=entity, kind=Kind.SWEEP)
                last = await runs.latest(tx, entity=entity, kind=Kind.SWEEP, state=State.SUCCEEDED)
                since = now if last is None else max(last.until - _OVERLAP, now - MAX_SWEEP)
                name = f"run_{self._clock.new_id().hex}"
                run = Run(name, entity, Kind.SWEEP, (_EVENT,), since, now, now, now)
                if newest is None:
                    await runs.start(tx, replace(run, state=State.SUCCEEDED))
                elif now - newest.created_at >= self._every and await runs.start(tx, run):
                    self._wakes.signal("runs")
        return 0

    async def _read(self, stripe: StripeApi, run: Run) -> _Page:
        kind = run.object_types[run.current]
        created = {"lte": int(run.until.timestamp())} | ({"gte": int(run.since.timestamp())} if run.since else {})
        after = {"starting_after": run.after} if run.after else {}
        found = await stripe.list(kind, {"created": created, **after}, limit=_PAGE)
        page = _Page(len(found), found[-1].body["id"] if found else None, [], [])
        for answer in found:
            if kind == _EVENT:
                page.events.extend(self._event(run.entity, answer))
            else:
                page.objects.extend(self._objects(run.entity, kind, answer))
        return page

    def _event(self, entity: str, answer: Answer) -> Iterator[tuple[InboxRow, list[Observation]]]:
        """Read an event like a webhook; one of a type that nothing reacts to is no loss."""
        try:
            event = read_stripe_event(entity, orjson.dumps(answer.body))
        except InvalidRequest:
            telemetry.log().error("sweep.unreadable", entity=entity)
            return
        if event.subject_type in KNOWN_TYPES:
            version = StripeApi.api_version
            yield prepare(event, self._entities[entity], entity, api_version=version, now=self._clock.now())

    def _objects(self, entity: str, kind: str, answer: Answer) -> list[Observation]:
        now = self._clock.now()
        if kind in _FETCHED:
            return [stub(entity, kind, str(answer.body["id"]), fetch_after=now, as_of=answer.as_of)]
        evidence = Evidence.ANSWER
        return sight(entity, answer.body, as_of=answer.as_of, evidence=evidence, now=now, cause=answer.request_id)

    async def _advance(self, run: Run, page: _Page) -> None:
        """Take in what a page held and note it, in one commit; nothing of it if the run was ended meanwhile."""
        now = self._clock.now()
        place = Place(run.current, page.last) if page.seen == _PAGE else Place(run.current + 1, None)
        async with self._database.transaction() as tx:
            new = await inbox.record(tx, [row for row, _ in page.events])
            missed = [shown for row, shown in page.events if (row.source, row.account, row.event_id) in new]
            # An event that is known has shown what it had to show.
            sights = page.objects + [one for shown in missed for one in shown]
            observed = await observe(tx, sights, now=now)
            if not await runs.advance(tx, run, place, seen=page.seen, found=len(missed), next_at=now + _PAUSE):
                raise _Overtaken
            if place.current == len(run.object_types):
                await runs.end(tx, run, State.SUCCEEDED, now=now)
        if observed.changed:
            self._wakes.signal("mirror")
        if observed.fetch:
            self._wakes.signal("fetch")
        if missed:
            telemetry.log().warning("sweep.found", entity=run.entity, run=run.id, events=len(missed))

    async def _fail(self, run: Run, error: VendorError) -> None:
        now = self._clock.now()
        if not error.retryable:
            await self._end(run, State.FAILED, error.reason)
            return
        until = now + retry_delay(run.attempts, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        async with self._database.transaction() as tx:
            await runs.postpone(tx, run, reason=error.reason, until=until, now=now)

    async def _end(self, run: Run, state: State, reason: str) -> None:
        async with self._database.transaction() as tx:
            await runs.end(tx, run, state, reason=reason, now=self._clock.now())
        telemetry.log().error("run.failed", entity=run.entity, run=run.id, reason=reason)
