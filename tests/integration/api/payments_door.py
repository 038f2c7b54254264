"""The gRPC door on a real socket, with commands and payments kept in memory: only the door itself is looked at."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from service import telemetry
from service.access import Gate
from service.api import GrpcServer, PaymentFeed, PaymentReader, PaymentsService, Readiness
from service.api._validation import ListQuery
from service.clock import SystemClock
from service.commands import Command, Commands, CommandState, Request
from service.config import Settings
from service.config.access import Access
from service.gen.counterfoil.v1 import payments_service_pb2_grpc
from service.projection import PaymentFacts, PaymentStatus

Detail = TypeVar("Detail", bound=Message)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPPORTUNITY = "006000000000001AAA"
_UNKNOWN: dict[str, Any] = dict.fromkeys(PaymentFacts.__dataclass_fields__)


def facts(payment_id: str = "cmd_" + "0" * 32, **changes: Any) -> PaymentFacts:
    known = {
        "payment_id": payment_id,
        "entity": "acme",
        "record_id": OPPORTUNITY,
        "status": PaymentStatus.REQUESTED,
        "amount_received_minor": 0,
        "amount_refunded_minor": 0,
        "created_at": NOW,
    }
    return PaymentFacts(**(_UNKNOWN | known | changes))


class MemoryReader(PaymentReader):
    """Payments in a list."""

    def __init__(self) -> None:
        self.payments: list[PaymentFacts] = []
        self.shown: list[str] = []
        self.fails: Exception | None = None

    async def read(self, entity: str, payment_id: str, shown: Sequence[Mapping[str, Any]] = ()) -> PaymentFacts | None:
        if self.fails is not None:
            raise self.fails
        self.shown = [str(body["id"]) for body in shown]
        found = (one for one in self.payments if (one.entity, one.payment_id) == (entity, payment_id))
        return next(found, None)

    async def page(self, query: ListQuery) -> tuple[list[PaymentFacts], tuple[datetime, str] | None]:
        def place(one: PaymentFacts) -> tuple[datetime, str]:
            return one.created_at or NOW, one.payment_id

        chosen = [
            one
            for one in sorted(self.payments, key=place, reverse=True)
            if one.entity == query.entity
            and query.record_id in {None, one.record_id}
            and query.status in {None, one.status}
            and query.customer_id in {None, one.customer_id}
            and (query.after is None or place(one) < query.after)
        ]
        shown = chosen[: query.page_size]
        return shown, place(shown[-1]) if len(chosen) > len(shown) else None


class MemoryCommands(Commands):
    """Commands that settle at once with a prepared outcome, or only when released."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.traceparents: list[str | None] = []
        self.outcome: dict[str, Any] = {"state": CommandState.SUCCEEDED, "payment_intent_id": "pi_1"}
        self.fails: Exception | None = None
        self.secret_fails: Exception | None = None
        self.look_fails: Exception | None = None
        self.hangs = False
        self.waited: list[timedelta] = []
        self.waiting = asyncio.Event()
        self.left = asyncio.Event()

    async def accept(self, request: Request) -> tuple[Command, bool]:
        if self.fails is not None:
            raise self.fails
        self.traceparents.append(telemetry.current_traceparent())
        replayed = request in self.requests
        self.requests.append(request)
        return self._asked(request), replayed

    async def wait(self, command_id: str, timeout: timedelta) -> Command:  # noqa: ASYNC109  (the room's own signature)
        self.waited.append(timeout)
        self.waiting.set()
        command = self._asked(self.requests[-1])
        assert command.id == command_id
        if not self.hangs:
            return replace(command, **self.outcome)
        try:
            await asyncio.sleep(timeout.total_seconds())
        except asyncio.CancelledError:
            self.left.set()
            raise
        return replace(command, state=CommandState.RUNNING)

    async def look(
        self, command: Command, object_type: str, object_id: str, *, expand: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        assert (command.entity, object_type, list(expand)) == ("acme", "payment_intent", ["latest_charge"])
        if self.look_fails is not None:
            raise self.look_fails
        return {"id": object_id, "object": object_type, "latest_charge": {"id": "ch_1", "object": "charge"}}

    async def client_secret(self, command: Command) -> str | None:
        if self.secret_fails is not None:
            raise self.secret_fails
        return f"{command.payment_intent_id}_secret_x"

    @staticmethod
    def _asked(request: Request) -> Command:
        known: dict[str, Any] = {
            "id": "cmd_" + "0" * 32,
            "entity": request.entity,
            "record_id": request.record_id,
            "subject": request.subject,
            "operation": request.operation,
            "arguments": dict(request.arguments),
            "version": request.version,
            "state": CommandState.ACCEPTED,
            "created_at": NOW,
        }
        unknown: dict[str, Any] = dict.fromkeys(Command.__dataclass_fields__)
        return Command(**(unknown | known))


@dataclass
class PaymentsDoor:
    """A running gRPC door and what stands behind it."""

    server: GrpcServer
    commands: MemoryCommands
    reader: MemoryReader
    readiness: Readiness
    channel: grpc.aio.Channel
    stub: payments_service_pb2_grpc.PaymentsServiceStub
    port: int

    async def close(self) -> None:
        await self.channel.close()
        await self.server.stop(timedelta(seconds=1))


async def open_payments_door(
    settings: Settings | None = None,
    *,
    roots: bytes | None = None,
    access: Access | None = None,
    credentials: grpc.ChannelCredentials | None = None,
) -> PaymentsDoor:
    commands, reader, readiness = MemoryCommands(), MemoryReader(), Readiness(["database"])
    feed = PaymentFeed(reader, watchers_limit=10, heartbeat=timedelta(seconds=15))
    service = PaymentsService(commands, reader, {"acme", "other"}, feed)
    server = GrpcServer([service], readiness, settings or Settings(grpc_port=0), Gate(access, SystemClock()))
    port = await server.start()
    target = f"localhost:{port}"
    credentials = grpc.ssl_channel_credentials(roots) if roots else credentials
    channel = grpc.aio.secure_channel(target, credentials) if credentials else grpc.aio.insecure_channel(target)
    stub = payments_service_pb2_grpc.PaymentsServiceStub(channel)
    return PaymentsDoor(server, commands, reader, readiness, channel, stub, port)


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The google.rpc.Status in the trailers; it must agree with what gRPC itself carries."""
    raw = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(raw if isinstance(raw, bytes) else raw.encode())
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return status


def detail_of(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    """The status's detail of one kind, if it has one."""
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    info = detail_of(status_of(error), error_details_pb2.ErrorInfo)
    assert info is not None
    assert info.domain == "counterfoil"
    return info
