"""OperationsService: what waits, what failed, sweeps and backfills."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from service.access import caller_name
from service.api._checks import Check
from service.api._operations_messages import failure_info, place_of, record_state, run_of
from service.api._pages import filter_digest, write_token
from service.api._streams import Stream, require_entity
from service.clock import Clock
from service.db import Wakes
from service.errors import Overloaded
from service.gen.counterfoil.v1 import operations_service_pb2 as api
from service.gen.counterfoil.v1 import operations_service_pb2_grpc
from service.maintenance.failures import SHELVES, Failures, Filter
from service.maintenance.records import Records
from service.maintenance.runs import Runs

_RUN = r"run_[0-9a-f]{32}"
_LIMIT = 1000
_SCAN_LIMIT = 10_000
_POLL_SECONDS = 5.0
_UNNAMED = "unnamed caller"


class OperationsService(operations_service_pb2_grpc.OperationsServiceServicer):
    """The methods of `counterfoil.v1.OperationsService`; its contract lists their errors."""

    def __init__(  # noqa: PLR0917  (its parts)
        self,
        records: Records,
        failures: Failures,
        runs: Runs,
        wakes: Wakes,
        clock: Clock,
        entities: Collection[str],
    ) -> None:
        self._records = records
        self._failures = failures
        self._runs = runs
        self._wakes = wakes
        self._clock = clock
        self._entities = frozenset(entities)
        self._closed = False

    def close(self) -> None:
        """End the streams: each is told to call again."""
        self._closed = True
        self._wakes.signal("runs")

    async def GetSyncState(self, request: api.GetSyncStateRequest, _context: object) -> api.GetSyncStateResponse:  # noqa: N802  (the contract's name)
        """Tell how far a record has come."""
        check = Check()
        entity, name = check.entity(request.entity), check.any_id(request.id)
        check.done()
        require_entity(self._entities, entity)
        state = await self._records.sync_state(entity, name)
        return api.GetSyncStateResponse(
            in_sync=state.in_sync, records=map(record_state, state.records), pending_objects=state.pending
        )

    async def ListFailures(self, request: api.ListFailuresRequest, _context: object) -> api.ListFailuresResponse:  # noqa: N802  (the contract's name)
        """Return one page of failures."""
        check = Check()
        wanted = self._filter(check, request.entity, request.filter, limit=_SCAN_LIMIT, discarded=request.discarded)
        size = check.page_size(request.page_size)
        filters = (request.entity, request.filter.SerializeToString(deterministic=True).hex(), str(request.discarded))
        digest = filter_digest("failures", *filters)
        after = check.position(request.page_token, digest)
        check.done()
        found = await self._failures.find(wanted)
        shown = [one for one in sorted(found, key=place_of) if after is None or place_of(one) > after]
        token = write_token(place_of(shown[size - 1]), digest) if len(shown) > size else ""
        return api.ListFailuresResponse(failures=map(failure_info, shown[:size]), next_page_token=token)

    async def GetFailure(self, request: api.GetFailureRequest, _context: object) -> api.GetFailureResponse:  # noqa: N802  (the contract's name)
        """Return one failure whole."""
        check = Check()
        entity = self._entity(check, request.entity)
        check.text("name", request.name, most=600, required=True)
        check.done()
        found = await self._failures.get(request.name, entity=entity)
        return api.GetFailureResponse(failure=failure_info(found), payload=found.payload or "")

    async def RedriveFailures(  # noqa: N802  (the contract's name)
        self, request: api.RedriveFailuresRequest, _context: object
    ) -> api.RedriveFailuresResponse:
        """Try again what was chosen."""
        check = Check()
        wanted = self._filter(check, request.entity, request.filter, limit=_LIMIT)
        self._names(check, request.names)
        check.done()
        chosen = await self._failures.choose(request.names, wanted, everything=request.all)
        done = 0 if request.validate_only else await self._failures.redrive(chosen, who=caller_name() or _UNNAMED)
        if done:
            for topic in ("outbox", "mirror", "fetch", "reactions"):
                self._wakes.signal(topic)
        return api.RedriveFailuresResponse(failures=map(failure_info, chosen), redriven_count=done)

    async def DiscardFailures(  # noqa: N802  (the contract's name)
        self, request: api.DiscardFailuresRequest, _context: object
    ) -> api.DiscardFailuresResponse:
        """Give up what was chosen."""
        check = Check()
        wanted = self._filter(check, request.entity, request.filter, limit=_LIMIT)
        self._names(check, request.names)
        why = check.text("reason", request.reason, most=255, required=True)
        check.done()
        chosen = await self._failures.choose(request.names, wanted, everything=request.all)
        who = caller_name() or _UNNAMED
        done = 0 if request.validate_only else await self._failures.discard(chosen, who=who, why=why)
        return api.DiscardFailuresResponse(failures=map(failure_info, chosen), discarded_count=done)

    async def StartSweep(self, request: api.StartSweepRequest, _context: object) -> api.StartSweepResponse:  # noqa: N802  (the contract's name)
        """Start looking for events that never arrived."""
        check = Check()
        entity, since = check.entity(request.entity), check.moment("start_time", request)
        request_id = check.own_request_id(request.request_id)
        check.done()
        run = await self._runs.start_sweep(entity, since=since, who=caller_name(), request_id=request_id)
        return api.StartSweepResponse(run=run_of(run))

    async def StartBackfill(self, request: api.StartBackfillRequest, _context: object) -> api.StartBackfillResponse:  # noqa: N802  (the contract's name)
        """Start reading objects."""
        check = Check()
        entity = check.entity(request.entity)
        since, until = check.moment("start_time", request), check.moment("end_time", request)
        request_id = check.own_request_id(request.request_id)
        check.done()
        run = await self._runs.start_backfill(
            entity,
            object_types=request.object_types,
            since=since,
            until=until,
            who=caller_name(),
            request_id=request_id,
        )
        return api.StartBackfillResponse(run=run_of(run))

    async def GetRun(self, request: api.GetRunRequest, _context: object) -> api.GetRunResponse:  # noqa: N802  (the contract's name)
        """Return one run."""
        entity, run_id = self._run(request)
        return api.GetRunResponse(run=run_of(await self._runs.get(entity, run_id)))

    async def ListRuns(self, request: api.ListRunsRequest, _context: object) -> api.ListRunsResponse:  # noqa: N802  (the contract's name)
        """Return one page of runs."""
        check = Check()
        entity, size = check.entity(request.entity), check.page_size(request.page_size)
        digest = filter_digest("runs", entity)
        before = check.position(request.page_token, digest)
        check.done()
        require_entity(self._entities, entity)
        found = await self._runs.page(entity, before=before, limit=size + 1)
        last = found[size - 1] if len(found) > size else None
        token = write_token((last.created_at, last.id), digest) if last else ""
        return api.ListRunsResponse(runs=map(run_of, found[:size]), next_page_token=token)

    async def WatchRun(self, request: api.WatchRunRequest, context: Stream) -> None:  # noqa: N802  (the contract's name)
        """Send a run after each change, until it has ended."""
        entity, run_id = self._run(request)
        sent: api.Run | None = None
        with self._wakes.subscribed("runs") as woken:
            while not self._closed:
                woken.clear()
                run = await self._runs.get(entity, run_id)
                message = run_of(run)
                if message != sent:
                    await context.write(api.WatchRunResponse(run=message))
                    sent = message
                if run.ended:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await woken.wait()
        raise Overloaded("the service is stopping")

    async def CancelRun(self, request: api.CancelRunRequest, _context: object) -> api.CancelRunResponse:  # noqa: N802  (the contract's name)
        """End a run."""
        entity, run_id = self._run(request)
        return api.CancelRunResponse(run=run_of(await self._runs.cancel(entity, run_id)))

    def _run(self, request: api.GetRunRequest | api.WatchRunRequest | api.CancelRunRequest) -> tuple[str, str]:
        check = Check()
        entity = check.entity(request.entity)
        run_id = check.form("run_id", request.run_id, _RUN, "give a run's id (run_...)")
        check.done()
        require_entity(self._entities, entity)
        return entity, run_id

    def _entity(self, check: Check, entity: str) -> str | None:
        if not entity:
            return None
        check.entity(entity)
        check.done()
        require_entity(self._entities, entity)
        return entity

    @staticmethod
    def _names(check: Check, names: Collection[str]) -> None:
        if len(names) > _LIMIT:
            check.wrong("names", f"are more than {_LIMIT}")
        for place, name in enumerate(names):
            check.text(f"names[{place}]", name, most=600, required=True)

    def _filter(
        self, check: Check, entity: str, wanted: api.FailureFilter, *, limit: int, discarded: bool = False
    ) -> Filter:
        if wanted.shelf and wanted.shelf not in SHELVES:
            check.wrong("filter.shelf", f"is none of {', '.join(SHELVES)}")
        for name in ("org", "object_type", "reason"):
            check.text(f"filter.{name}", getattr(wanted, name), most=255)
        before = check.moment("failed_before_time", wanted)
        age: timedelta | None = None if before is None else max(self._clock.now() - before, timedelta(0))
        return Filter(
            shelf=wanted.shelf or None,
            org=wanted.org or None,
            entity=self._entity(check, entity),
            object_type=wanted.object_type or None,
            error=wanted.reason or None,
            older_than=age,
            discarded=discarded,
            limit=limit,
        )
