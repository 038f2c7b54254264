"""Failures, runs and states of records as messages of the API. Translation only."""

from datetime import UTC, datetime
from typing import cast

from service.api._messages import time_of
from service.gen.counterfoil.v1 import operations_service_pb2 as api
from service.maintenance.failures import Failure
from service.maintenance.runs import Run
from service.outbox.standing import Standing

_EPOCH = datetime.fromtimestamp(0, UTC)


def place_of(one: Failure) -> tuple[datetime, str]:
    """Return where a failure stands in a list."""
    return one.failed_at or _EPOCH, one.id


def failure_info(one: Failure) -> api.FailureInfo:
    """Return a failure without its content."""
    return api.FailureInfo(
        name=one.id,
        shelf=one.shelf,
        object_type=one.object_type,
        state=one.state,
        attempts=one.attempts,
        reason=one.reason or "",
        code=one.code or "",
        fail_time=time_of(one.failed_at),
        next_time=time_of(one.next_at),
    )


def record_state(one: Standing) -> api.RecordState:
    """Return where a record stands."""
    state = api.RecordState.State.Value(f"STATE_{one.state.name}")
    return api.RecordState(
        sobject=one.sobject,
        key=one.key,
        state=cast("api.RecordState.State", state),
        attempts=one.attempts,
        reason=one.error_reason or "",
        put_time=time_of(one.put_at),
        deliver_time=time_of(one.delivered_at),
    )


def run_of(run: Run) -> api.Run:
    """Return a run."""
    backfill = run.object_types != ("event",)
    current = run.object_types[run.current] if run.current < len(run.object_types) else ""
    return api.Run(
        run_id=run.id,
        entity=run.entity,
        kind=cast("api.Run.Kind", api.Run.Kind.Value(f"KIND_{run.kind.name}")),
        state=cast("api.Run.State", api.Run.State.Value(f"STATE_{run.state.name}")),
        start_time=time_of(run.since),
        end_time=time_of(run.until),
        object_types=run.object_types if backfill else (),
        current_type=current if backfill and not run.ended else "",
        seen_count=run.seen,
        missed_count=run.found,
        reason=run.reason or "",
        requested_by=run.requested_by or "",
        create_time=time_of(run.created_at),
        update_time=time_of(run.updated_at),
    )
