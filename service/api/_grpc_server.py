"""The gRPC server: our services, health and reflection, within stated limits.

TLS when the settings name a certificate; without one the settings have already made sure that only this machine can
reach the address, or that somebody consented. Who may call what is the gate's business.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from service.access import Gate
from service.api._interceptors import interceptors
from service.api._readiness import Readiness
from service.api._services import register
from service.api._tls import server_credentials
from service.config import Settings
from service.errors import ConfigurationError
from service.gen.counterfoil.v1 import payments_service_pb2

MAX_MESSAGE_BYTES = 1_048_576
MAX_CONCURRENT_RPCS = 512  # besides watchers, which have a limit of their own
SERVICE = payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"].full_name

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16_384),
    # A client may ping an idle connection every 10 s; one that pings much more often is cut off.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 3),
    ("grpc.keepalive_permit_without_calls", 1),
    # We look after callers that vanished, and let load balancers spread the others anew twice an hour.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_connection_age_ms", 1_800_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    # A second process on the port is a mistake, not a share of the load.
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """One gRPC server of some services; its health follows `readiness` until it drains."""

    def __init__(self, services: Sequence[object], readiness: Readiness, settings: Settings, gate: Gate) -> None:
        self._gate = gate
        self._readiness = readiness
        self._settings = settings
        self._services = services
        self._names: list[str] = []
        self._health = health_aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; return the bound port, which is the configured one unless that is 0.

        Raises:
            ConfigurationError: the address cannot be bound, or the certificate cannot be read.
        """
        self._server = grpc.aio.server(
            interceptors=interceptors(self._gate),
            options=_OPTIONS,
            maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS + self._settings.watchers_limit,
        )
        self._names = register(self._server, self._services)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        await self._tell(self._readiness.missing)
        names = (*self._names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        port = self._bind(self._server)
        await self._server.start()
        self._following = asyncio.create_task(self._follow(), name="grpc-health")
        return port

    async def stop(self, drain: timedelta) -> None:
        """Tell health watchers, refuse new calls, let calls under way finish for at most `drain`, cancel the rest."""
        if self._server is None or self._following is None:
            return
        self._following.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(drain.total_seconds())
        await self._gate.close()
        self._server = None

    def _bind(self, server: grpc.aio.Server) -> int:
        host, port = self._settings.grpc_host, self._settings.grpc_port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        credentials = server_credentials(self._settings)
        try:
            if credentials is None:
                return server.add_insecure_port(address)
            return server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ConfigurationError(
                "COUNTERFOIL_GRPC_PORT", f"{address} cannot be listened on", "Free the port or choose another"
            ) from error

    async def _follow(self) -> None:
        seen = self._readiness.missing
        await self._tell(seen)
        while True:
            seen = await self._readiness.changed(seen)
            await self._tell(seen)

    async def _tell(self, missing: tuple[str, ...]) -> None:
        response = health_pb2.HealthCheckResponse
        status = response.NOT_SERVING if missing else response.SERVING
        for service in ("", *self._names):
            await self._health.set(service, status)
