"""An independent client of the sandbox's Pub/Sub service, generated from the service's own contract."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc import aio

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc

REPOSITORY = Path(__file__).resolve().parents[3]
VENDOR_DATA = (
    Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data")).resolve() / "salesforce"
)
CODE = "sfdc.platform.eventbus.grpc."
ORDER_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order_Event__e",
    "namespace": "com.sforce.eventbus",
    "fields": [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
        {"name": "Order_Number__c", "type": ["null", "string"], "doc": "Data:Text", "default": None},
        {"name": "City__c", "type": ["null", "string"], "doc": "Data:Text", "default": None},
        {"name": "Amount__c", "type": ["null", "double"], "doc": "Data:Double", "default": None},
    ],
}


def order(number: str = "A-1") -> dict[str, Any]:
    return {"CreatedDate": 1763856000000, "CreatedById": "0055h00000AbCdEAAV", "Order_Number__c": number}


def error_code(failure: grpc.RpcError) -> str | None:
    code = trailers(failure).get("error-code")
    return None if code is None else code.removeprefix(CODE)


def trailers(failure: grpc.RpcError) -> dict[str, str]:
    metadata: Any = failure.trailing_metadata() or ()  # its entries are pairs, which the type stubs do not say
    return {key: value for key, value in metadata if isinstance(value, str)}


def new_stub(channel: grpc.Channel | aio.Channel) -> rpc.PubSubStub:
    return rpc.PubSubStub(channel)


@dataclass
class Sandbox:
    endpoint: str
    plaintext_endpoint: str
    control: httpx.Client
    metadata: tuple[tuple[str, str], ...]
    ca_pem: bytes

    @cached_property
    def channel(self) -> grpc.Channel:
        return grpc.secure_channel(self.endpoint, grpc.ssl_channel_credentials(self.ca_pem))

    def topic(self, schema: dict[str, Any] = ORDER_SCHEMA) -> str:
        """A topic of the test's own, so that tests do not see each other's events."""
        name = f"/event/T{uuid.uuid4().hex[:12]}__e"
        self.post("/pubsub/topics", topic=name, schema=schema)
        return name

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.control.post(path, json=body)
        answer.raise_for_status()
        decoded: dict[str, Any] = answer.json()
        return decoded

    def publish(self, topic: str, number: str = "A-1", **more: Any) -> dict[str, Any]:
        return self.post("/pubsub/events", topic=topic, payload=order(number), **more)

    def fault(self, kind: str, topic: str | None, **more: Any) -> None:
        self.post("/pubsub/faults", fault=kind, topic=topic, **more)

    def streams(self, topic: str) -> list[dict[str, Any]]:
        return [stream for stream in self.control.get("/pubsub/streams").json()["streams"] if stream["topic"] == topic]

    async def until_streams(self, topic: str, *, outstanding: int) -> None:
        deadline = time.monotonic() + 10
        while [stream["outstanding"] for stream in self.streams(topic)] != [outstanding]:
            assert time.monotonic() < deadline, self.streams(topic)
            await asyncio.sleep(0.01)

    def sync_stub(self) -> rpc.PubSubStub:
        return new_stub(self.channel)

    @asynccontextmanager
    async def stub(self) -> AsyncIterator[rpc.PubSubStub]:
        credentials = grpc.ssl_channel_credentials(self.ca_pem)
        async with aio.secure_channel(self.endpoint, credentials) as channel:
            yield new_stub(channel)


class Stream:
    """A Subscribe call of the real asynchronous client."""

    def __init__(self, stub: rpc.PubSubStub, sandbox: Sandbox, topic: str) -> None:
        self.call = stub.Subscribe(metadata=sandbox.metadata)
        self.topic = topic

    async def ask(self, count: int, topic: str | None = None, **position: Any) -> None:
        request = pb.FetchRequest(topic_name=self.topic if topic is None else topic, num_requested=count, **position)
        await self.call.write(request)

    async def read(self) -> pb.FetchResponse:
        response = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(response, pb.FetchResponse), "the stream ended"
        return response

    async def events(self, count: int) -> list[pb.ConsumerEvent]:
        events: list[pb.ConsumerEvent] = []
        while len(events) < count:
            events.extend((await self.read()).events)
        return events

    async def end(self) -> tuple[grpc.StatusCode, str | None]:
        """The status and error code with which the stream ends, whatever it still delivers before."""
        try:
            while await asyncio.wait_for(self.call.read(), 10) is not aio.EOF:
                pass
        except aio.AioRpcError as failure:
            return failure.code(), error_code(failure)
        return await self.call.code(), None
