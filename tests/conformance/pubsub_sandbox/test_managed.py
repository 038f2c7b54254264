"""ManagedSubscribe with the real asynchronous client: where it begins, what a commit does, and every refusal."""

import asyncio
import uuid
from typing import Any

import pytest
from grpc import aio

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.pubsub_sandbox.client import Sandbox, error_code
from tests.support.waiting import until

PREFIX = "managed.subscription"


class Managed:
    """A subscription of its own, and streams of it."""

    def __init__(self, sandbox: Sandbox, stub: rpc.PubSubStub) -> None:
        self.sandbox, self.stub = sandbox, stub
        self.topic, self.name = sandbox.topic(), f"S{uuid.uuid4().hex[:12]}"
        self.deploy(default_replay="EARLIEST")

    def deploy(self, **settings: Any) -> dict[str, Any]:
        wish = {"developer_name": self.name, "topic": self.topic, **settings}
        return self.sandbox.post("/pubsub/managed", **wish)

    async def open(self, **first: Any) -> Any:
        call = self.stub.ManagedSubscribe(metadata=self.sandbox.metadata)
        request = {"developer_name": self.name, "num_requested": 100, **first}
        await call.write(pb.ManagedFetchRequest(**request))
        return call

    async def read(self, call: Any) -> pb.ManagedFetchResponse:
        response = await asyncio.wait_for(call.read(), 10)
        assert isinstance(response, pb.ManagedFetchResponse), "the stream ended"
        return response

    async def commit(self, call: Any, replay_id: bytes) -> pb.CommitReplayResponse:
        asked = pb.CommitReplayRequest(commit_request_id=str(uuid.uuid4()), replay_id=replay_id)
        await call.write(pb.ManagedFetchRequest(developer_name=self.name, commit_replay_id_request=asked))
        while not (response := await self.read(call)).HasField("commit_response"):
            pass
        assert response.commit_response.commit_request_id == asked.commit_request_id
        return response.commit_response

    async def refused(self, call: Any) -> str | None:
        with pytest.raises(aio.AioRpcError) as failure:
            await self.read(call)
        return error_code(failure.value)

    async def released(self) -> None:
        await until(lambda: not next(one for one in self.listed() if one["developer_name"] == self.name)["active"])

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control.get("/pubsub/managed").json()["subscriptions"]
        return found


@pytest.fixture
def managed(sandbox: Sandbox, stub: rpc.PubSubStub) -> Managed:
    return Managed(sandbox, stub)


async def test_it_goes_on_behind_what_was_committed_and_not_what_was_read(managed: Managed) -> None:
    told = [managed.sandbox.publish(managed.topic, str(number)) for number in range(3)]
    replay_ids = [bytes.fromhex(one["replay_id"]) for one in told]
    call = await managed.open()
    assert [event.replay_id for event in (await managed.read(call)).events] == replay_ids
    answer = await managed.commit(call, replay_ids[1])
    assert (answer.replay_id, answer.HasField("error")) == (replay_ids[1], False)
    call.cancel()
    await managed.released()
    again = await managed.open()
    assert [event.replay_id for event in (await managed.read(again)).events] == replay_ids[2:]


async def test_a_bad_commit_is_told_and_the_stream_goes_on(managed: Managed) -> None:
    call = await managed.open()
    answer = await managed.commit(call, b"never issued")
    assert answer.error.code == pb.COMMIT
    managed.sandbox.publish(managed.topic)
    assert len((await managed.read(call)).events) == 1


async def test_one_client_at_a_time(managed: Managed) -> None:
    managed.sandbox.publish(managed.topic)
    first = await managed.open()
    await managed.read(first)
    assert await managed.refused(await managed.open()) == f"{PREFIX}.already.active"


async def test_a_position_past_retention_falls_back_on_the_setting(managed: Managed) -> None:
    replay_id = bytes.fromhex(managed.sandbox.publish(managed.topic)["replay_id"])
    call = await managed.open()
    await managed.read(call)
    await managed.commit(call, replay_id)
    call.cancel()
    await managed.released()
    managed.sandbox.fault("expired_replay_id", managed.topic, purge=True)
    kept = bytes.fromhex(managed.sandbox.publish(managed.topic)["replay_id"])
    assert [event.replay_id for event in (await managed.read(await managed.open())).events] == [kept]


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"developer_name": ""}, "id.or.developer.name.empty"),
        ({"subscription_id": "18x1"}, "id.or.developer.name.empty"),
        ({"developer_name": "Nobody"}, "developer.name.not.found"),
        ({"developer_name": "", "subscription_id": "18x9"}, "subscription.id.not.found"),
        ({"num_requested": 0}, "fetch.request.events.invalid"),
        ({"auth_refresh": "x"}, "fetch.request.auth.request.restricted"),
        (
            {"commit_replay_id_request": pb.CommitReplayRequest(commit_request_id="1", replay_id=b"1")},
            "fetch.request.commit.request.restricted",
        ),
    ],
)
async def test_what_is_refused(managed: Managed, first: dict[str, Any], code: str) -> None:
    assert await managed.refused(await managed.open(**first)) == f"{PREFIX}.{code}"


async def test_a_stopped_one_forgets_its_position(managed: Managed) -> None:
    managed.deploy(state="STOP")
    assert await managed.refused(await managed.open()) == f"{PREFIX}.config.stopped"
