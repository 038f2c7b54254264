"""Events that no well-behaved publisher sends: they come through as bytes, and nothing behind them waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from io import BytesIO
from typing import Any

import fastavro
import grpc
import orjson
import pytest

from service.gen.eventbus.v1 import pubsub_api_pb2 as messages
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as services
from subscribers import Batch, Credentials, CredentialsValue, PubSubFeed
from subscribers.pubsub._errors import PREFIX
from tests.integration.subscribers.conftest import Salesforce
from tests.support.waiting import until

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "X__e",
    "fields": [{"name": "CreatedDate", "type": "long"}, {"name": "CreatedById", "type": "string"}],
}
FIELDS = {"CreatedDate": 1, "CreatedById": "005000000000001AAA"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def encoded() -> bytes:
    target = BytesIO()
    fastavro.schemaless_writer(target, fastavro.parse_schema(SCHEMA), FIELDS)
    return target.getvalue()


class Odd(services.PubSubServicer):
    """Answers with the given events once, and refuses every schema but "good"."""

    def __init__(self, *answers: messages.FetchResponse) -> None:
        self.answers = answers
        self.asked: list[messages.FetchRequest] = []

    async def Subscribe(  # noqa: N802  (the contract's name)
        self, request_iterator: AsyncIterator[messages.FetchRequest], _context: Any
    ) -> AsyncIterator[messages.FetchResponse]:
        self.asked.append(await anext(request_iterator))
        for answer in self.answers:
            yield answer
        async for request in request_iterator:
            self.asked.append(request)

    async def GetSchema(self, request: messages.SchemaRequest, context: Any) -> messages.SchemaInfo:  # noqa: N802  (the contract's name)
        if request.schema_id != "good":
            context.set_trailing_metadata((("error-code", f"{PREFIX}schema.validation.failed"),))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such schema")
        return messages.SchemaInfo(schema_id="good", schema_json=orjson.dumps(SCHEMA).decode())


def event(replay_id: bytes, payload: bytes, schema_id: str = "good", **more: Any) -> messages.ConsumerEvent:
    inner = messages.ProducerEvent(schema_id=schema_id, payload=payload, **more)
    return messages.ConsumerEvent(replay_id=replay_id, event=inner)


async def read(salesforce: Salesforce, odd: Odd, batches: int, *, asked: int = 1) -> list[Batch]:
    """Return the first batches, once the server saw so many requests: a stream that is closed takes back the rest."""
    server = grpc.aio.server()
    services.add_PubSubServicer_to_server(odd, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    org = salesforce.org()
    org = org.model_copy(update={"pubsub": org.pubsub.model_copy(update={"endpoint": f"127.0.0.1:{port}"})})
    feed = PubSubFeed("main", org, sign_in())
    try:
        async with asyncio.timeout(10), aclosing(feed.batches("/event/X__e", None)) as stream:
            found = [await anext(stream) for _ in range(batches)]
            await until(lambda: len(odd.asked) >= asked)
            return found
    finally:
        await feed.close()
        await server.stop(None)


def sign_in() -> Credentials:
    async def value(_: CredentialsValue | None) -> CredentialsValue:
        return CredentialsValue("t", "https://localhost", "00D000000000001EAA")

    return value


async def test_what_cannot_be_decoded_comes_as_bytes_among_the_others(salesforce: Salesforce) -> None:
    answer = messages.FetchResponse(
        events=[
            event(b"1", encoded()),
            event(b"2", b"\xff\xff\xff"),
            event(b"3", encoded() + b"!"),
            event(b"4", encoded(), schema_id="withdrawn"),
            event(b"5", b""),
            event(b"6", encoded(), headers=[messages.EventHeader(key="traceparent", value=TRACE.encode())]),
        ],
        latest_replay_id=b"9",
        pending_num_requested=94,
    )
    (batch,) = await read(salesforce, Odd(answer), 1)
    assert [one.payload for one in batch.events] == [
        FIELDS,
        b"\xff\xff\xff",
        encoded() + b"!",
        encoded(),
        b"",
        FIELDS,
    ]
    assert [one.event_id for one in batch.events] == [None] * 6
    assert [one.traceparent for one in batch.events] == [None] * 5 + [TRACE]
    assert batch.position == b"6"  # what stands behind the events, not what the topic has reached


async def test_an_answer_without_events_or_position_says_nothing(salesforce: Salesforce) -> None:
    empty = messages.FetchResponse(pending_num_requested=100)
    quiet = messages.FetchResponse(latest_replay_id=b"7", pending_num_requested=100)
    (batch,) = await read(salesforce, Odd(empty, quiet), 1)
    assert (batch.events, batch.position) == ((), b"7")


@pytest.mark.parametrize(("pending", "demand"), [(0, [100]), (50, [50]), (51, []), (100, []), (-1, [100])])
async def test_demand_is_renewed_when_half_is_used(salesforce: Salesforce, pending: int, demand: list[int]) -> None:
    first = messages.FetchResponse(latest_replay_id=b"1", pending_num_requested=pending)
    last = messages.FetchResponse(latest_replay_id=b"2", pending_num_requested=100)
    odd = Odd(first, last)
    await read(salesforce, odd, 2, asked=1 + len(demand))
    assert odd.asked[0].num_requested == 100
    assert odd.asked[0].replay_preset == messages.ReplayPreset.EARLIEST
    assert [request.num_requested for request in odd.asked[1:]] == demand
