"""One org's streams over the Pub/Sub API.

Events are asked for as they are handled: at most 100 are under way, which is also Salesforce's limit. An answer without
events carries a position that is worth storing: on a quiet topic the last event's own id leaves the 72 hours Salesforce
keeps. Source: Pub/Sub API, "Pull Subscription and Flow Control" and "Event Message Durability".
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import grpc

from service.config import Org
from service.gen.eventbus.v1 import pubsub_api_pb2 as messages
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as services
from service.telemetry import log
from subscribers.feed import Batch, Cause, ReceivedEvent, StreamEnded
from subscribers.pubsub._changes import told
from subscribers.pubsub._errors import SCHEMA_INVALID, ended, error_code
from subscribers.pubsub._requests import ManagedPosition, OwnPosition, Request, Requests
from subscribers.pubsub._schemas import Schemas, decode
from subscribers.pubsub._session import open_channel
from subscribers.session import Credentials, CredentialsValue, read_roots, sign_in

MAX_OUTSTANDING = 100  # Salesforce cuts a greater demand to this
# Asking again at half keeps events flowing while a batch is stored, at one request for every 50 events.
LOW_WATER = 50
CALL_TIMEOUT = timedelta(seconds=30)
Response = messages.FetchResponse | messages.ManagedFetchResponse


class PubSubFeed:
    """Reads topics of one org; several streams may run at once.

    Args:
        name: the org's name, for error messages.
        org: its settings.
        credentials: signs in; given what was refused last.
        silence: longest time without a sign of life; by default what the settings say.

    Raises:
        ConfigurationError: the file of certificates cannot be read.
    """

    kind = "pubsub"

    def __init__(self, name: str, org: Org, credentials: Credentials, *, silence: timedelta | None = None) -> None:
        self._org = org
        self._roots = read_roots(name, org.ca_file)
        self._credentials = credentials
        self._silence_seconds = silence.total_seconds() if silence else float(org.pubsub.silence_seconds)
        self._schemas = Schemas()
        self._channel: grpc.aio.Channel | None = None
        self._refused: CredentialsValue | None = None

    async def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
        """Yield what comes after `position`, or all that Salesforce still holds when it is None.

        Raises:
            StreamEnded: always, in the end.
        """
        credentials = await sign_in(self._credentials, self._refused)
        stub = self._stub()
        managed = self._org.pubsub.managed.get(topic)
        requests: Requests = ManagedPosition(managed) if managed else OwnPosition(topic, position)
        open_stream = stub.ManagedSubscribe if managed else stub.Subscribe
        call = open_stream(metadata=credentials.metadata())
        try:
            await self._ask(call, requests.first(MAX_OUTSTANDING))
            while True:
                answer = await self._next(call)
                batch = Batch(topic, await self._events(stub, credentials, topic, answer), _position(answer))
                if batch.position:
                    yield batch
                    stored = requests.stored(batch.position)  # whoever asked for more has stored what there was
                    if stored is not None:
                        await self._ask(call, stored)
                if answer.pending_num_requested <= LOW_WATER:
                    more = MAX_OUTSTANDING - max(0, answer.pending_num_requested)
                    await self._ask(call, requests.more(more))
        except grpc.aio.AioRpcError as error:
            end = ended(error)
            if end.cause is Cause.NEW_TOKEN:
                self._refused = credentials
            raise end from None
        finally:
            call.cancel()

    async def can_subscribe(self, topic: str) -> bool:
        """Tell whether our user may read a topic, without opening a stream.

        Raises:
            StreamEnded: the question had no answer; for good when there is no such topic.
        """
        credentials = await sign_in(self._credentials, self._refused)
        try:
            found = await self._stub().GetTopic(
                messages.TopicRequest(topic_name=topic),
                metadata=credentials.metadata(),
                timeout=CALL_TIMEOUT.total_seconds(),
            )
        except grpc.aio.AioRpcError as error:
            raise ended(error) from None
        return bool(found.can_subscribe)

    async def close(self) -> None:
        """Close the connection; streams that still run end."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _stub(self) -> services.PubSubStub:
        if self._channel is None:
            self._channel = open_channel(self._org, self._roots)
        return services.PubSubStub(self._channel)

    async def _ask(self, call: Any, request: Request) -> None:
        try:
            async with asyncio.timeout(self._silence_seconds):
                await call.write(request)
        except TimeoutError:
            raise StreamEnded(Cause.SILENT) from None
        except asyncio.InvalidStateError:
            pass  # the stream has ended already; the next read says how

    async def _next(self, call: Any) -> Response:
        try:
            async with asyncio.timeout(self._silence_seconds):
                answer = await call.read()
        except TimeoutError:
            raise StreamEnded(Cause.SILENT) from None
        if answer is grpc.aio.EOF:
            raise StreamEnded(Cause.COMPLETED)
        assert isinstance(answer, Response)  # noqa: S101  (narrows the type; the stubs know no other)
        if isinstance(answer, messages.ManagedFetchResponse) and answer.commit_response.HasField("error"):
            # The stream goes on, and a later commit covers this one.
            log().warning("stream.commit_refused", code=messages.ErrorCode.Name(answer.commit_response.error.code))
        found: Response = answer
        return found

    async def _events(
        self, stub: services.PubSubStub, credentials: CredentialsValue, topic: str, answer: Response
    ) -> tuple[ReceivedEvent, ...]:
        async def fetch(schema_id: str) -> str | None:
            try:
                found = await stub.GetSchema(
                    messages.SchemaRequest(schema_id=schema_id),
                    metadata=credentials.metadata(),
                    timeout=CALL_TIMEOUT.total_seconds(),
                )
            except grpc.aio.AioRpcError as error:
                if error_code(error) == SCHEMA_INVALID:
                    return None
                raise
            return str(found.schema_json)

        return tuple(
            [_received(topic, one, await self._schemas.get(one.event.schema_id, fetch)) for one in answer.events]
        )


def _position(answer: Response) -> bytes:
    """Return the place of the last event here; without events, the latest one Salesforce tells."""
    last = answer.events[-1].replay_id if answer.events else b""
    return bytes(last or answer.latest_replay_id)


def _received(topic: str, one: messages.ConsumerEvent, schema: Any) -> ReceivedEvent:
    event = one.event
    fields = decode(schema, event.payload)
    parents = [header.value for header in event.headers if header.key == "traceparent"]
    return ReceivedEvent(
        topic=topic,
        replay_id=bytes(one.replay_id),
        event_id=event.id or None,
        schema_id=event.schema_id,
        payload=bytes(event.payload) if fields is None else told(fields, schema),
        traceparent=parents[0].decode("ascii", "replace") if parents else None,
    )
