"""Following a run at the gRPC door, over the real rooms: by deadline, by cancellation, and while the service stops."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2

from service import migrations
from service.bootstrap import open_store
from service.config import Settings
from service.gen.counterfoil.v1 import operations_service_pb2 as api
from service.gen.counterfoil.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.integration.api.payments_door import detail_of, info_of, status_of
from tests.integration.api.stored import StoredDoors, open_stored_doors

PATIENCE = 30


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[StoredDoors]:
    with open_store(Settings(data_dir=tmp_path)) as store:
        migrations.upgrade(store.url)
        async with open_stored_doors(store.url) as doors:
            yield doors


async def test_a_run_is_followed_until_the_caller_the_deadline_or_the_service_ends_it(doors: StoredDoors) -> None:
    stub = OperationsServiceStub(doors.channel)
    run = (await stub.StartSweep(api.StartSweepRequest(entity="acme", request_id="r-1"), timeout=PATIENCE)).run
    assert run.state == api.Run.STATE_RUNNING
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.StartSweep(api.StartSweepRequest(entity="acme"), timeout=PATIENCE)
    assert (raised.value.code(), info_of(raised.value).reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "RUN_UNDER_WAY",
    )
    assert info_of(raised.value).metadata["run_id"] == run.run_id
    following = api.WatchRunRequest(entity="acme", run_id=run.run_id)

    short = stub.WatchRun(following, timeout=1)
    assert (await short.read()).run == run
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await short.read()
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    left = stub.WatchRun(following, timeout=PATIENCE)
    assert (await left.read()).run == run
    assert left.cancel()

    stays = stub.WatchRun(following, timeout=PATIENCE)
    assert (await stays.read()).run == run
    doors.operations.close()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stays.read()
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    retry = detail_of(status_of(raised.value), error_details_pb2.RetryInfo)
    assert retry is not None
    assert retry.retry_delay.ToTimedelta().total_seconds() > 0

    assert (await stub.GetRun(api.GetRunRequest(entity="acme", run_id=run.run_id), timeout=PATIENCE)).run == run
    for _ in range(2):
        ended = (await stub.CancelRun(api.CancelRunRequest(entity="acme", run_id=run.run_id), timeout=PATIENCE)).run
        assert ended.state == api.Run.STATE_CANCELLED
    again = (await stub.StartSweep(api.StartSweepRequest(entity="acme", request_id="r-1"), timeout=PATIENCE)).run
    assert again == ended, "the same request starts nothing anew"
