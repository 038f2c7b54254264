"""Puts the Pub/Sub service on its two ports, TLS and plaintext, and gives the control plane its routes.

Salesforce itself offers TLS only; the plaintext port is for clients whose certificate store cannot be told of the
sandbox's authority. Keepalive pings are welcome at any rate, since a client is right to send them.
"""

from typing import TYPE_CHECKING

import grpc
from grpc import aio
from starlette.routing import Route

from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2_grpc as rpc
from counterfoil_sandbox.pubsub.bus import EventBus, PublishedEvent
from counterfoil_sandbox.pubsub.control import build_routes
from counterfoil_sandbox.pubsub.faults import Fault, FaultPlan
from counterfoil_sandbox.pubsub.managed import ManagedSubscriptions
from counterfoil_sandbox.pubsub.publishing import MAX_REQUEST_BYTES
from counterfoil_sandbox.pubsub.relay import Relay
from counterfoil_sandbox.pubsub.service import Authorise, PubSubService
from counterfoil_sandbox.pubsub.subscription import Settings, Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPTIONS = (
    # A request beyond 4 MB must reach the servicer, which refuses it the way Salesforce does.
    ("grpc.max_receive_message_length", 4 * MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 0),
    # Salesforce documents 1000 streams a channel.
    ("grpc.max_concurrent_streams", 1000),
)


class PubSubSandbox:
    """The service over one bus; ``authorise`` answers None, or the suffix of the error code a caller deserves."""

    def __init__(self, *, bus: EventBus, authorise: Authorise) -> None:
        self.bus = bus
        self.faults = FaultPlan()
        self.settings = Settings()
        self._relays: list[Relay] = []
        self._server: aio.Server | None = None
        self._service = PubSubService(
            bus=bus, authorise=authorise, faults=self.faults, settings=self.settings, cut=self._cut
        )
        self.control_routes: list[Route] = build_routes(self)
        bus.before_publish.append(self._change_schema)
        bus.after_publish.append(self._duplicate)

    async def start(
        self, host: str, tls_port: int, plaintext_port: int, cert_chain_pem: bytes, key_pem: bytes
    ) -> tuple[int, int]:
        """Listen on both ports (0: a free one); answers the TLS port and the plaintext port."""
        self._server = aio.server(options=_OPTIONS)
        rpc.add_PubSubServicer_to_server(self._service, self._server)
        credentials = grpc.ssl_server_credentials([(key_pem, cert_chain_pem)])
        inner_tls = self._server.add_secure_port("127.0.0.1:0", credentials)
        inner_plaintext = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self._relays = [Relay(inner_tls), Relay(inner_plaintext)]
        secure, plain = self._relays
        return await secure.start(host, tls_port), await plain.start(host, plaintext_port)

    async def stop(self) -> None:
        """End every stream and close both ports."""
        if self._server is not None:
            await self._server.stop(0)
        for relay in self._relays:
            await relay.stop()

    @property
    def managed(self) -> ManagedSubscriptions:
        """The managed subscriptions of the org."""
        return self._service.managed

    def streams(self) -> "Iterable[Subscription]":
        """The open streams whose topic is known."""
        return [stream for stream in self._service.streams.values() if stream.topic]

    def add_fault(self, fault: Fault) -> None:
        """Let a fault wait, and give open streams the chance to be struck at once."""
        fault.floors = {name: self.bus.topic(name).latest for name in self.bus.topics()}
        self.faults.add(fault)
        if fault.kind == "expired_replay_id" and fault.purge:
            for name in [fault.topic] if fault.topic else self.bus.topics():
                self.bus.forget(name)
        self.bus.wake_all()

    def clear_faults(self) -> None:
        """Forget every fault and let silenced streams go on."""
        self.faults.clear()
        self.bus.wake_all()

    def reset(self) -> None:
        """Drop faults, settings and events; topics stay, with their first schemas, and streams stay open."""
        defaults = Settings()
        self.settings.keepalive, self.settings.idle = defaults.keepalive, defaults.idle
        self.settings.publish_idle = defaults.publish_idle
        self.bus.reset()
        self.managed.entries.clear()
        self.clear_faults()

    def _cut(self, peer: str) -> None:
        for relay in self._relays:
            if relay.cut(peer):
                return

    def _change_schema(self, topic: str) -> None:
        if topic in self.bus.topics() and self.faults.take(("schema_change",), topic) is not None:
            self.bus.define(topic, self.bus.topic(topic).schema.with_extra_field())

    def _duplicate(self, event: PublishedEvent) -> None:
        if self.faults.take(("duplicate",), event.topic) is not None:
            self.bus.repeat(event)
