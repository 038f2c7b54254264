"""The gRPC servicer: who may call, which fault strikes, and how a failure reaches the caller."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2 as pb
from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2_grpc as rpc
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.pubsub.errors import CallFailure, end_with
from counterfoil_sandbox.pubsub.faults import FaultPlan
from counterfoil_sandbox.pubsub.managed import ManagedSubscriptions
from counterfoil_sandbox.pubsub.managed_stream import ManagedSubscription
from counterfoil_sandbox.pubsub.publishing import EVENT_PREFIX, publish
from counterfoil_sandbox.pubsub.subscription import Settings, Subscription, known_topic

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

Authorise = Callable[[str, str, str], str | None]


class PubSubService(rpc.PubSubServicer):
    """Salesforce's PubSub service over one event bus."""

    def __init__(
        self,
        *,
        bus: EventBus,
        authorise: Authorise,
        faults: FaultPlan,
        settings: Settings,
        cut: Callable[[str], None],
    ) -> None:
        self.streams: dict[str, Subscription] = {}
        self.managed = ManagedSubscriptions()
        self._bus = bus
        self._authorise = authorise
        self._faults = faults
        self._settings = settings
        self._cut = cut

    async def Subscribe(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[pb.FetchRequest], context: "ServicerContext[Any, Any]"
    ) -> None:
        """Follow one topic."""
        subscription = Subscription(
            bus=self._bus, faults=self._faults, settings=self._settings, context=context, cut=self._cut
        )
        self.streams[subscription.rpc_id] = subscription
        try:
            self._authenticate(context)
            await subscription.run(request_iterator)
        except CallFailure as failure:
            await end_with(context, failure, subscription.rpc_id)
        finally:
            del self.streams[subscription.rpc_id]

    async def GetTopic(  # noqa: N802  (the contract's name)
        self, request: pb.TopicRequest, context: "ServicerContext[Any, Any]"
    ) -> pb.TopicInfo:
        """Describe a topic."""
        rpc_id = str(uuid.uuid4())
        try:
            tenant = self._admit(context, request.topic_name, "GetTopic")
            known_topic(self._bus, request.topic_name)
        except CallFailure as failure:
            await end_with(context, failure, rpc_id)
        return pb.TopicInfo(
            topic_name=request.topic_name,
            tenant_guid=tenant,
            can_publish=request.topic_name.startswith(EVENT_PREFIX),
            can_subscribe=True,
            schema_id=self._bus.topic(request.topic_name).schema.schema_id,
            rpc_id=rpc_id,
        )

    async def GetSchema(  # noqa: N802  (the contract's name)
        self, request: pb.SchemaRequest, context: "ServicerContext[Any, Any]"
    ) -> pb.SchemaInfo:
        """Give the schema of an id."""
        rpc_id = str(uuid.uuid4())
        try:
            self._admit(context, None, "GetSchema")
            schema = self._bus.schema(request.schema_id)
        except CallFailure as failure:
            await end_with(context, failure, rpc_id)
        except KeyError:
            await end_with(context, CallFailure("schema.validation.failed", "There is no such schema id."), rpc_id)
        return pb.SchemaInfo(schema_json=schema.text, schema_id=schema.schema_id, rpc_id=rpc_id)

    async def Publish(  # noqa: N802  (the contract's name)
        self, request: pb.PublishRequest, context: "ServicerContext[Any, Any]"
    ) -> pb.PublishResponse:
        """Publish a batch."""
        rpc_id = str(uuid.uuid4())
        try:
            self._admit(context, request.topic_name, "Publish")
            return publish(self._bus, request, rpc_id)
        except CallFailure as failure:
            await end_with(context, failure, rpc_id)

    async def PublishStream(  # noqa: N802  (the contract's name)
        self, request_iterator: AsyncIterator[pb.PublishRequest], context: "ServicerContext[Any, Any]"
    ) -> None:
        """Publish batches over one stream."""
        rpc_id, topic = str(uuid.uuid4()), ""
        try:
            while request := await self._next_batch(request_iterator):
                if not topic:
                    self._admit(context, request.topic_name, "PublishStream")
                await context.write(publish(self._bus, request, rpc_id, topic))
                topic = request.topic_name
        except CallFailure as failure:
            await end_with(context, failure, rpc_id)

    async def ManagedSubscribe(  # noqa: N802  (the contract's name)
        self, request_iterator: AsyncIterator[pb.ManagedFetchRequest], context: "ServicerContext[Any, Any]"
    ) -> None:
        """Follow the topic of a managed subscription."""
        subscription = ManagedSubscription(
            entries=self.managed,
            bus=self._bus,
            faults=self._faults,
            settings=self._settings,
            context=context,
            cut=self._cut,
        )
        self.streams[subscription.rpc_id] = subscription
        try:
            self._authenticate(context)
            await subscription.run(request_iterator)
        except CallFailure as failure:
            await end_with(context, failure, subscription.rpc_id)
        finally:
            subscription.release()
            del self.streams[subscription.rpc_id]

    async def _next_batch(self, requests: AsyncIterator[pb.PublishRequest]) -> pb.PublishRequest | None:
        try:
            async with asyncio.timeout(self._settings.publish_idle):
                return await anext(requests, None)
        except TimeoutError:
            raise CallFailure("publish.stream.sweeper.timeout") from None

    def _authenticate(self, context: "ServicerContext[Any, Any]") -> str:
        """Check the caller's metadata; answers the tenant's id."""
        metadata = dict(context.invocation_metadata() or ())
        token, instance, tenant = (str(metadata.get(key, "")) for key in ("accesstoken", "instanceurl", "tenantid"))
        if not (token and instance and tenant):
            raise CallFailure("service.auth.headers.invalid")
        refusal = self._authorise(token, instance, tenant)
        if refusal is not None:
            raise CallFailure(refusal)
        return tenant

    def _admit(self, context: "ServicerContext[Any, Any]", topic: str | None, call: str) -> str:
        """Check the caller, and let a fault strike that waits for this call; answers the tenant's id."""
        tenant = self._authenticate(context)
        fault = self._faults.take(("expired_token",), topic)
        fault = fault or self._faults.take(("error",), topic, lambda fault: fault.rpc == call)
        if fault is not None:
            raise fault.failure
        return tenant
