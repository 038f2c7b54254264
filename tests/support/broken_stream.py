"""A Pub/Sub service whose events are what a test makes of them: payloads that fit no schema, schemas that are none."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from service.gen.eventbus.v1 import pubsub_api_pb2 as messages
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as services


def place(number: int) -> bytes:
    """Return the replay id of the event that is so many-th on its topic."""
    return number.to_bytes(8, "big")


@dataclass
class BrokenStream(services.PubSubServicer):
    """Tells the events of each topic in their order, and schemas by their ids as text, whatever that is."""

    port: int = 0
    events: dict[str, list[messages.ProducerEvent]] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)
    more: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, topic: str, events: list[messages.ProducerEvent]) -> bytes:
        """Add events to a topic; return the replay id of the last one."""
        with self.more:
            told = self.events.setdefault(topic, [])
            told += events
            self.more.notify_all()
            return place(len(told))

    def Subscribe(  # noqa: N802  (the contract's name)
        self, request_iterator: Iterator[messages.FetchRequest], context: grpc.ServicerContext
    ) -> Iterator[messages.FetchResponse]:
        at: int | None = None
        topic = ""
        for request in request_iterator:
            topic = topic or request.topic_name
            at = int.from_bytes(request.replay_id, "big") if at is None else at
            with self.more:
                while context.is_active() and len(self.events.get(topic, ())) <= at:
                    self.more.wait(0.2)
                events = self.events.get(topic, [])[at : at + request.num_requested]
            answer = [
                messages.ConsumerEvent(event=one, replay_id=place(number)) for number, one in enumerate(events, at + 1)
            ]
            at += len(events)
            yield messages.FetchResponse(events=answer, latest_replay_id=place(at), pending_num_requested=0)

    def GetSchema(  # noqa: N802  (the contract's name)
        self, request: messages.SchemaRequest, context: grpc.ServicerContext
    ) -> messages.SchemaInfo:
        if request.schema_id not in self.schemas:
            code = "sfdc.platform.eventbus.grpc.schema.validation.failed"
            context.set_trailing_metadata((("error-code", code),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such schema")
        return messages.SchemaInfo(schema_id=request.schema_id, schema_json=self.schemas[request.schema_id])


@contextmanager
def broken_stream() -> Iterator[BrokenStream]:
    """Listen on a free port of this machine, in plaintext."""
    stream = BrokenStream()
    server = grpc.server(ThreadPoolExecutor(12))
    register: Any = services.add_PubSubServicer_to_server
    register(stream, server)
    stream.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield stream
    finally:
        server.stop(1).wait()
