"""Every fault does what it says: once or as often as asked, to its own topic, and never to another."""

import json
from typing import Any

import grpc
import pytest
from counterfoil_sandbox.pubsub.errors import STATUS_OF
from grpc import aio

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.pubsub_sandbox.client import CODE, VENDOR_DATA, Sandbox, Stream, error_code
from tests.conformance.pubsub_sandbox.test_contract import needs_vendor_data


@pytest.fixture
def topic(sandbox: Sandbox) -> str:
    return sandbox.topic()


async def opened(stub: rpc.PubSubStub, sandbox: Sandbox, topic: str, **position: Any) -> Stream:
    stream = Stream(stub, sandbox, topic)
    await stream.ask(10, **position)
    await sandbox.until_streams(topic, outstanding=10)
    return stream


async def test_expired_replay_id_spares_later_positions(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    old = bytes.fromhex(sandbox.publish(topic, "old")["replay_id"])
    sandbox.fault("expired_replay_id", topic, times=-1)
    new = bytes.fromhex(sandbox.publish(topic, "new")["replay_id"])
    for position in (old, old[:8]):
        stream = Stream(stub, sandbox, topic)
        await stream.ask(1, replay_preset=pb.CUSTOM, replay_id=position)
        assert await stream.end() == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "subscription.fetch.replayid.corrupted",
        )
    later = await opened(stub, sandbox, topic, replay_preset=pb.CUSTOM, replay_id=new)
    later.call.cancel()
    everything = Stream(stub, sandbox, topic)
    await everything.ask(10, replay_preset=pb.EARLIEST)
    assert [event.replay_id for event in await everything.events(2)] == [old, new]


async def test_expired_replay_id_may_take_the_events_along(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    sandbox.publish(topic, "lost")
    code = f"{CODE}subscription.fetch.replayid.validation.failed"
    sandbox.fault("expired_replay_id", topic, purge=True, error_code=code)
    kept = sandbox.publish(topic, "kept")
    stream = Stream(stub, sandbox, topic)
    await stream.ask(1, replay_preset=pb.CUSTOM, replay_id=(1).to_bytes(8, "big"))
    assert (await stream.end())[1] == "subscription.fetch.replayid.validation.failed"
    everything = Stream(stub, sandbox, topic)
    await everything.ask(10, replay_preset=pb.EARLIEST)
    assert (await everything.events(1))[0].replay_id.hex() == kept["replay_id"]


async def test_expired_token_strikes_once_and_spares_other_topics(
    sandbox: Sandbox, topic: str, stub: rpc.PubSubStub
) -> None:
    sandbox.fault("expired_token", topic)
    await opened(stub, sandbox, sandbox.topic())
    refused = Stream(stub, sandbox, topic)
    await refused.ask(1)
    assert await refused.end() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")
    await opened(stub, sandbox, topic)


def test_expired_token_strikes_unary_calls_too(sandbox: Sandbox, topic: str) -> None:
    sandbox.fault("expired_token", None)
    with pytest.raises(grpc.RpcError) as failure:
        sandbox.sync_stub().GetSchema(pb.SchemaRequest(schema_id="x"), metadata=sandbox.metadata)
    assert error_code(failure.value) == "service.auth.error"
    assert sandbox.sync_stub().GetTopic(pb.TopicRequest(topic_name=topic), metadata=sandbox.metadata).schema_id


async def test_goaway_ends_an_open_stream_without_trailers(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    stream = await opened(stub, sandbox, topic)
    sandbox.fault("goaway", topic)
    assert await stream.end() == (grpc.StatusCode.UNAVAILABLE, None)
    assert "NO_ERROR" in (await stream.call.details() or "")
    await opened(stub, sandbox, topic)


async def test_ok_end(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    stream = await opened(stub, sandbox, topic)
    sandbox.fault("ok_end", topic)
    assert await stream.end() == (grpc.StatusCode.OK, None)


async def test_times_counts_streams(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    sandbox.fault("ok_end", topic, times=2)
    for _ in range(2):
        stream = Stream(stub, sandbox, topic)
        await stream.ask(1)
        assert await stream.end() == (grpc.StatusCode.OK, None)
    await opened(stub, sandbox, topic)


async def test_silence_holds_one_stream_back_until_cleared(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    sandbox.post("/pubsub/settings", keepalive_ms=20)
    silent = await opened(stub, sandbox, topic)
    sandbox.fault("silence", topic)
    sandbox.publish(topic)
    talking = Stream(stub, sandbox, topic)
    await talking.ask(10, replay_preset=pb.EARLIEST)
    await talking.events(1)
    for _ in range(3):
        assert not (await talking.read()).events
    held = next(stream for stream in sandbox.streams(topic) if stream["delivered"] == 0)
    assert held["outstanding"] == 10
    assert not silent.call.done()
    sandbox.control.delete("/pubsub/faults")
    assert len(await silent.events(1)) == 1


async def test_disconnect_cuts_the_connection_with_all_its_streams(sandbox: Sandbox, topic: str) -> None:
    neighbour = sandbox.topic()
    async with sandbox.stub() as stub, sandbox.stub() as other_connection:
        streams = [await opened(stub, sandbox, name) for name in (topic, neighbour)]
        untouched = await opened(other_connection, sandbox, sandbox.topic())
        sandbox.fault("disconnect", topic)
        assert [await stream.end() for stream in streams] == [(grpc.StatusCode.UNAVAILABLE, None)] * 2
        assert not untouched.call.done()
        await opened(stub, sandbox, topic)


async def test_duplicate_repeats_uuid_and_payload_at_another_position(
    sandbox: Sandbox, topic: str, stub: rpc.PubSubStub
) -> None:
    sandbox.fault("duplicate", topic)
    sandbox.publish(topic, "twice")
    sandbox.publish(topic, "once")
    stream = Stream(stub, sandbox, topic)
    await stream.ask(10, replay_preset=pb.EARLIEST)
    first, again, other = await stream.events(3)
    assert first.event == again.event
    assert first.replay_id < again.replay_id < other.replay_id
    assert other.event.id != first.event.id


async def test_schema_change_gives_following_events_another_schema(
    sandbox: Sandbox, topic: str, stub: rpc.PubSubStub
) -> None:
    before = sandbox.publish(topic)["schema_id"]
    sandbox.fault("schema_change", topic, times=2)
    after = [sandbox.publish(topic)["schema_id"] for _ in range(3)]
    assert after[1] == after[2]
    assert len({before, *after}) == 3
    schemas = [
        json.loads((await stub.GetSchema(pb.SchemaRequest(schema_id=one), metadata=sandbox.metadata)).schema_json)
        for one in (before, after[0])
    ]
    old, new = (schema["fields"] for schema in schemas)
    assert new[:-1] == old
    assert new[-1]["type"] == ["null", "string"]
    stream = Stream(stub, sandbox, topic)
    await stream.ask(10, replay_preset=pb.EARLIEST)
    assert [event.event.schema_id for event in await stream.events(4)] == [before, *after]
    info = await stub.GetTopic(pb.TopicRequest(topic_name=topic), metadata=sandbox.metadata)
    assert info.schema_id == after[2]


@pytest.mark.parametrize("code", sorted(STATUS_OF))
async def test_error_ends_a_stream_with_any_code_of_the_table(
    sandbox: Sandbox, topic: str, stub: rpc.PubSubStub, code: str
) -> None:
    stream = await opened(stub, sandbox, topic)
    sandbox.fault("error", topic, error_code=code)
    assert await stream.end() == (STATUS_OF[code], code)


async def test_error_may_come_with_another_status(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    stream = await opened(stub, sandbox, topic)
    sandbox.fault("error", topic, error_code="service.unavailable", status="UNAVAILABLE")
    assert await stream.end() == (grpc.StatusCode.UNAVAILABLE, "service.unavailable")


@pytest.mark.parametrize("call", ["GetTopic", "Publish"])
async def test_error_may_strike_another_call(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub, call: str) -> None:
    await opened(stub, sandbox, topic)
    sandbox.fault("error", topic, error_code="topic.api.unavailable", rpc=call)
    request = {"GetTopic": pb.TopicRequest, "Publish": pb.PublishRequest}[call](topic_name=topic)
    with pytest.raises(aio.AioRpcError) as failure:
        await getattr(stub, call)(request, metadata=sandbox.metadata)
    assert (failure.value.code().name, error_code(failure.value)) == ("UNAVAILABLE", "topic.api.unavailable")
    assert len(sandbox.streams(topic)) == 1


@needs_vendor_data
def test_the_table_of_codes_is_complete() -> None:
    table = json.loads((VENDOR_DATA / "pubsub" / "error_codes.json").read_text())
    assert {CODE + code for code in STATUS_OF} == {row["code"] for row in table["codes"]}


@pytest.mark.parametrize(
    "wish",
    [
        {"fault": "no such fault"},
        {"fault": "goaway", "topic": "/event/Nobody__e"},
        {"fault": "goaway", "times": 0},
        {"fault": "goaway", "surprise": 1},
        {"fault": "error", "error_code": "no.such.code"},
        {"fault": "error", "status": "NO_SUCH_STATUS"},
        {"fault": "error", "rpc": "ManagedSubscribe"},
        [],
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_met_is_refused(sandbox: Sandbox, wish: Any) -> None:
    answer = sandbox.control.post("/pubsub/faults", json=wish)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_settings_are_checked(sandbox: Sandbox) -> None:
    for wish in ({"keepalive_ms": 0}, {"keepalive_ms": "1"}, {"surprise_ms": 1}):
        assert sandbox.control.post("/pubsub/settings", json=wish).status_code == 400
