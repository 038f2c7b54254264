"""Subscribe with the real asynchronous client: flow control, replay, keepalives, and how a stream ends."""

import asyncio
import io
import uuid

import grpc
import pytest
from fastavro import parse_schema, schemaless_reader

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.pubsub_sandbox.client import ORDER_SCHEMA, Sandbox, Stream


def numbers(events: list[pb.ConsumerEvent]) -> list[str]:
    found = []
    for event in events:
        decoded = schemaless_reader(io.BytesIO(event.event.payload), parse_schema(ORDER_SCHEMA), None)
        assert isinstance(decoded, dict)
        found.append(str(decoded["Order_Number__c"]))
    return found


@pytest.fixture
def topic(sandbox: Sandbox) -> str:
    return sandbox.topic()


@pytest.fixture
def stream(stub: rpc.PubSubStub, sandbox: Sandbox, topic: str) -> Stream:
    return Stream(stub, sandbox, topic)


async def test_latest_is_the_meaning_of_an_unset_preset(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    sandbox.publish(topic, "missed")
    await stream.ask(5)
    await sandbox.until_streams(topic, outstanding=5)
    told = sandbox.publish(topic, "seen", event_uuid="0f0f0f0f-0000-4000-8000-000000000001")
    response = await stream.read()
    (event,) = response.events
    assert numbers([event]) == ["seen"]
    assert (event.event.id, event.event.schema_id) == (told["event_uuid"], told["schema_id"])
    assert event.replay_id.hex() == told["replay_id"] == response.latest_replay_id.hex()
    assert response.pending_num_requested == 4
    assert uuid.UUID(response.rpc_id)


async def test_earliest_delivers_everything_retained_in_order(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    for number in range(5):
        sandbox.publish(topic, str(number))
    await stream.ask(100, replay_preset=pb.EARLIEST)
    events = await stream.events(5)
    assert numbers(events) == ["0", "1", "2", "3", "4"]
    assert sorted(event.replay_id for event in events) == [event.replay_id for event in events]


@pytest.mark.parametrize("length", [8, 10])
async def test_custom_starts_behind_the_event_of_the_id(
    sandbox: Sandbox, topic: str, stream: Stream, length: int
) -> None:
    told = [sandbox.publish(topic, str(number)) for number in range(4)]
    position = bytes.fromhex(told[1]["replay_id"])[:length]
    await stream.ask(10, replay_preset=pb.CUSTOM, replay_id=position)
    assert numbers(await stream.events(2)) == ["2", "3"]


@pytest.mark.parametrize(
    ("replay_id", "code"),
    [
        (b"", "subscription.fetch.replayid.validation.failed"),
        (b"\1\2\3", "subscription.fetch.replayid.corrupted"),
        ((2**40).to_bytes(8, "big") + b"\0\0", "subscription.fetch.replayid.corrupted"),
    ],
    ids=["missing", "malformed", "never issued"],
)
async def test_unusable_replay_ids(stream: Stream, replay_id: bytes, code: str) -> None:
    await stream.ask(1, replay_preset=pb.CUSTOM, replay_id=replay_id)
    assert await stream.end() == (grpc.StatusCode.INVALID_ARGUMENT, code)


async def test_adding_one_to_a_replay_id_does_not_work(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    told = [int(sandbox.publish(topic)["replay_id"][:16], 16) for _ in range(20)]
    unissued = next(position + 1 for position in told if position + 1 not in told)
    stream = Stream(stub, sandbox, topic)
    await stream.ask(1, replay_preset=pb.CUSTOM, replay_id=unissued.to_bytes(8, "big"))
    assert (await stream.end())[1] == "subscription.fetch.replayid.corrupted"


async def test_no_more_is_sent_than_was_asked_for_and_requests_add_up(
    sandbox: Sandbox, topic: str, stream: Stream
) -> None:
    for number in range(7):
        sandbox.publish(topic, str(number))
    await stream.ask(2, replay_preset=pb.EARLIEST)
    first = await stream.events(2)
    await sandbox.until_streams(topic, outstanding=0)
    await stream.ask(3, topic="")
    second = await stream.events(3)
    assert numbers(first + second) == ["0", "1", "2", "3", "4"]
    (open_stream,) = sandbox.streams(topic)
    assert (open_stream["outstanding"], open_stream["delivered"]) == (0, 5)


async def test_at_most_100_events_are_outstanding(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    await stream.ask(60)
    await sandbox.until_streams(topic, outstanding=60)
    await stream.ask(10)
    await sandbox.until_streams(topic, outstanding=70)
    await stream.ask(500)
    await sandbox.until_streams(topic, outstanding=100)


@pytest.mark.parametrize("count", [0, -1])
async def test_asking_for_nothing_ends_the_stream(stream: Stream, count: int) -> None:
    await stream.ask(count)
    assert await stream.end() == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "subscription.fetch.requested.events.invalid",
    )


async def test_asking_for_nothing_later_ends_the_stream_too(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    await stream.ask(1)
    await sandbox.until_streams(topic, outstanding=1)
    await stream.ask(0)
    assert (await stream.end())[1] == "subscription.fetch.requested.events.invalid"


async def test_a_stream_keeps_its_topic(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    await stream.ask(1)
    await sandbox.until_streams(topic, outstanding=1)
    await stream.ask(1, topic=sandbox.topic())
    assert await stream.end() == (grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.topic.mismatch")


@pytest.mark.parametrize(("name", "code"), [("", "topic.validation.empty"), ("/event/Nobody__e", "topic.not.found")])
async def test_topics_there_are_not(stream: Stream, name: str, code: str) -> None:
    await stream.ask(1, topic=name)
    assert (await stream.end())[1] == code


async def test_metadata_is_checked_when_the_stream_opens(stub: rpc.PubSubStub, sandbox: Sandbox) -> None:
    stream = Stream(stub, sandbox, sandbox.topic())
    stream.call = stub.Subscribe(metadata=sandbox.metadata[:2])
    assert await stream.end() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.headers.invalid")


async def test_a_keepalive_tells_a_position_from_which_nothing_is_lost(
    sandbox: Sandbox, topic: str, stub: rpc.PubSubStub, stream: Stream
) -> None:
    sandbox.post("/pubsub/settings", keepalive_ms=20)
    last = sandbox.publish(topic, "before")
    await stream.ask(1)
    keepalives = [await stream.read() for _ in range(3)]
    assert all(not keepalive.events and keepalive.pending_num_requested == 1 for keepalive in keepalives)
    positions = [keepalive.latest_replay_id for keepalive in keepalives]
    assert positions == sorted(positions)
    assert positions[0] > bytes.fromhex(last["replay_id"])
    stream.call.cancel()
    sandbox.publish(topic, "after")
    resumed = Stream(stub, sandbox, topic)
    await resumed.ask(5, replay_preset=pb.CUSTOM, replay_id=positions[-1])
    assert numbers(await resumed.events(1)) == ["after"]


async def test_a_stream_owed_nothing_that_asks_for_nothing_is_closed(
    sandbox: Sandbox, topic: str, stream: Stream
) -> None:
    sandbox.publish(topic)
    await stream.ask(1, replay_preset=pb.EARLIEST)
    await stream.events(1)
    sandbox.post("/pubsub/settings", idle_ms=50)
    assert await stream.end() == (grpc.StatusCode.OK, None)


async def test_events_nobody_asked_for_do_not_keep_an_idle_stream_open(
    sandbox: Sandbox, topic: str, stream: Stream
) -> None:
    sandbox.publish(topic)
    await stream.ask(1, replay_preset=pb.EARLIEST)
    await stream.events(1)
    sandbox.post("/pubsub/settings", idle_ms=200)
    ending = asyncio.create_task(stream.end())
    published = 0
    while not ending.done():
        await asyncio.to_thread(sandbox.publish, topic)
        published += 1
    assert await ending == (grpc.StatusCode.OK, None)
    assert published > 1


async def test_a_half_closed_stream_delivers_what_it_owes_and_ends(
    sandbox: Sandbox, topic: str, stream: Stream
) -> None:
    await stream.ask(2)
    await stream.call.done_writing()
    await sandbox.until_streams(topic, outstanding=2)
    sandbox.publish(topic, "1")
    sandbox.publish(topic, "2")
    assert numbers(await stream.events(2)) == ["1", "2"]
    assert await stream.end() == (grpc.StatusCode.OK, None)


async def test_large_events_are_split_into_responses_a_default_client_accepts(
    sandbox: Sandbox, topic: str, stream: Stream
) -> None:
    for _ in range(7):
        sandbox.publish(topic, "x" * 900_000)
    await stream.ask(100, replay_preset=pb.EARLIEST)
    responses: list[pb.FetchResponse] = []
    while len([event for response in responses for event in response.events]) < 7:
        responses.append(await stream.read())
    assert len(responses) > 1
    assert max(response.ByteSize() for response in responses) < 4 * 1024 * 1024


async def test_a_cancelled_stream_is_forgotten(sandbox: Sandbox, topic: str, stream: Stream) -> None:
    await stream.ask(1)
    await sandbox.until_streams(topic, outstanding=1)
    stream.call.cancel()
    async with asyncio.timeout(10):
        while sandbox.streams(topic):
            await asyncio.to_thread(sandbox.control.get, "/pubsub/streams")


async def test_two_subscribers_each_get_every_event(sandbox: Sandbox, topic: str, stub: rpc.PubSubStub) -> None:
    streams = [Stream(stub, sandbox, topic) for _ in range(2)]
    for one in streams:
        await one.ask(10, replay_preset=pb.EARLIEST)
    for number in range(3):
        sandbox.publish(topic, str(number))
    for one in streams:
        assert numbers(await one.events(3)) == ["0", "1", "2"]


def test_the_synchronous_client_subscribes_as_well(sandbox: Sandbox, topic: str) -> None:
    sandbox.publish(topic, "A-7")
    request = pb.FetchRequest(topic_name=topic, replay_preset=pb.EARLIEST, num_requested=1)
    responses = list(sandbox.sync_stub().Subscribe(iter([request]), metadata=sandbox.metadata))
    assert numbers([event for response in responses for event in response.events]) == ["A-7"]
