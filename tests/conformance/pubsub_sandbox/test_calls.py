"""GetTopic, GetSchema, Publish and PublishStream with real clients, and who is let in at all."""

import io
import json
import time
import uuid
from typing import Any

import grpc
import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from grpc import aio

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.pubsub_sandbox.client import ORDER_SCHEMA, Sandbox, Stream, error_code, new_stub, order, trailers


def encoded(number: str) -> bytes:
    body = io.BytesIO()
    schemaless_writer(body, parse_schema(ORDER_SCHEMA), order(number))
    return body.getvalue()


def newest_schema(stub: rpc.PubSubStub, sandbox: Sandbox, topic: str) -> str:
    info: pb.TopicInfo = stub.GetTopic(pb.TopicRequest(topic_name=topic), metadata=sandbox.metadata)
    return info.schema_id


def test_topic_and_schema_over_tls(sandbox: Sandbox) -> None:
    stub, topic = sandbox.sync_stub(), sandbox.topic()
    info = stub.GetTopic(pb.TopicRequest(topic_name=topic), metadata=sandbox.metadata)
    assert (info.topic_name, info.can_publish, info.can_subscribe) == (topic, True, True)
    assert info.tenant_guid == dict(sandbox.metadata)["tenantid"]
    schema = stub.GetSchema(pb.SchemaRequest(schema_id=info.schema_id), metadata=sandbox.metadata)
    assert json.loads(schema.schema_json) == ORDER_SCHEMA
    assert schema.schema_id == info.schema_id
    assert uuid.UUID(info.rpc_id) != uuid.UUID(schema.rpc_id)


def test_the_plaintext_port_serves_the_same(sandbox: Sandbox) -> None:
    topic = sandbox.topic()
    with grpc.insecure_channel(sandbox.plaintext_endpoint) as channel:
        assert newest_schema(new_stub(channel), sandbox, topic)


def test_a_change_event_topic_cannot_be_published_to(sandbox: Sandbox) -> None:
    topic = f"/data/{uuid.uuid4().hex}ChangeEvent"
    sandbox.post("/pubsub/topics", topic=topic, schema=ORDER_SCHEMA)
    info = sandbox.sync_stub().GetTopic(pb.TopicRequest(topic_name=topic), metadata=sandbox.metadata)
    assert (info.can_publish, info.can_subscribe) == (False, True)
    request = pb.PublishRequest(topic_name=topic, events=[pb.ProducerEvent(payload=b"x")])
    with pytest.raises(grpc.RpcError) as failure:
        sandbox.sync_stub().Publish(request, metadata=sandbox.metadata)
    assert error_code(failure.value) == "topic.meta.permission"


@pytest.mark.parametrize("missing", ["accesstoken", "instanceurl", "tenantid"])
def test_each_of_the_three_metadata_entries_is_required(sandbox: Sandbox, missing: str) -> None:
    metadata = [entry for entry in sandbox.metadata if entry[0] != missing]
    with pytest.raises(grpc.RpcError) as failure:
        sandbox.sync_stub().GetTopic(pb.TopicRequest(topic_name=sandbox.topic()), metadata=metadata)
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error_code(failure.value) == "service.auth.headers.invalid"


@pytest.mark.parametrize("wrong", ["accesstoken", "instanceurl", "tenantid"])
def test_a_wrong_entry_is_an_authentication_error_with_all_three_trailers(sandbox: Sandbox, wrong: str) -> None:
    metadata = [(key, "nonsense" if key == wrong else value) for key, value in sandbox.metadata]
    with pytest.raises(grpc.RpcError) as failure:
        sandbox.sync_stub().GetSchema(pb.SchemaRequest(schema_id="x"), metadata=metadata)
    told = trailers(failure.value)
    assert told["error-code"] == "sfdc.platform.eventbus.grpc.service.auth.error"
    assert told["type"]
    assert (failure.value.details() or "").endswith(f"rpcId: {uuid.UUID(told['rpc-id'])}")


@pytest.mark.parametrize(
    ("call", "request_", "status", "code"),
    [
        ("GetTopic", pb.TopicRequest(), "INVALID_ARGUMENT", "topic.validation.empty"),
        ("GetTopic", pb.TopicRequest(topic_name="/event/Nobody__e"), "NOT_FOUND", "topic.not.found"),
        ("GetSchema", pb.SchemaRequest(schema_id="nobody"), "INVALID_ARGUMENT", "schema.validation.failed"),
        ("Publish", pb.PublishRequest(), "INVALID_ARGUMENT", "publish.topic.validation.empty"),
        ("Publish", pb.PublishRequest(topic_name="/event/Nobody__e"), "NOT_FOUND", "topic.not.found"),
    ],
)
def test_refusals(sandbox: Sandbox, call: str, request_: Any, status: str, code: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        getattr(sandbox.sync_stub(), call)(request_, metadata=sandbox.metadata)
    assert (failure.value.code().name, error_code(failure.value)) == (status, code)


async def test_publish_answers_for_each_event_and_reaches_subscribers(sandbox: Sandbox, stub: rpc.PubSubStub) -> None:
    topic, key = sandbox.topic(), str(uuid.uuid4())
    schema_id = newest_schema(sandbox.sync_stub(), sandbox, topic)
    events = [
        pb.ProducerEvent(id=key, schema_id=schema_id, payload=encoded("A-1")),
        pb.ProducerEvent(id="cut", schema_id=schema_id, payload=encoded("A-2")[:-1]),
        pb.ProducerEvent(id="alien", schema_id="nobody", payload=encoded("A-3")),
        pb.ProducerEvent(id="huge", schema_id=schema_id, payload=encoded("A" * 1024 * 1024)),
    ]
    answer = await stub.Publish(pb.PublishRequest(topic_name=topic, events=events), metadata=sandbox.metadata)
    assert [result.correlation_key for result in answer.results] == [key, "cut", "alien", "huge"]
    assert [result.HasField("error") for result in answer.results] == [False, True, True, True]
    assert {result.error.code for result in answer.results[1:]} == {pb.PUBLISH}
    assert answer.schema_id == schema_id
    stream = Stream(stub, sandbox, topic)
    await stream.ask(10, replay_preset=pb.EARLIEST)
    (event,) = await stream.events(1)
    assert (event.event.id, event.replay_id) == (key, answer.results[0].replay_id)
    decoded = schemaless_reader(io.BytesIO(event.event.payload), parse_schema(ORDER_SCHEMA), None)
    assert isinstance(decoded, dict)
    assert decoded["Order_Number__c"] == "A-1"


def test_a_request_without_events_or_beyond_4_mb_fails_as_a_whole(sandbox: Sandbox) -> None:
    stub, topic = sandbox.sync_stub(), sandbox.topic()
    with pytest.raises(grpc.RpcError) as failure:
        stub.Publish(pb.PublishRequest(topic_name=topic), metadata=sandbox.metadata)
    assert error_code(failure.value) == "publish.event.count.invalid"
    events = [pb.ProducerEvent(payload=b"x" * 1024 * 1024) for _ in range(5)]
    with pytest.raises(grpc.RpcError) as failure:
        stub.Publish(pb.PublishRequest(topic_name=topic, events=events), metadata=sandbox.metadata)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_publish_stream_answers_each_request_and_keeps_its_topic(sandbox: Sandbox, stub: rpc.PubSubStub) -> None:
    topic, other = sandbox.topic(), sandbox.topic()
    event = pb.ProducerEvent(id="1", schema_id=newest_schema(sandbox.sync_stub(), sandbox, topic), payload=encoded("A"))
    call = stub.PublishStream(metadata=sandbox.metadata)
    positions = []
    for _ in range(2):
        await call.write(pb.PublishRequest(topic_name=topic, events=[event]))
        positions.append((await call.read()).results[0].replay_id)
    assert positions == sorted(set(positions))
    await call.write(pb.PublishRequest(topic_name=other, events=[event]))
    with pytest.raises(aio.AioRpcError) as failure:
        await call.read()
    assert error_code(failure.value) == "publish.topic.mismatch"


async def test_an_idle_publish_stream_is_swept(sandbox: Sandbox, stub: rpc.PubSubStub) -> None:
    sandbox.post("/pubsub/settings", publish_idle_ms=50)
    call, began = stub.PublishStream(metadata=sandbox.metadata), time.monotonic()
    with pytest.raises(aio.AioRpcError) as failure:
        await call.read()
    assert error_code(failure.value) == "publish.stream.sweeper.timeout"
    assert time.monotonic() - began < 10
