"""The gRPC server itself: deadlines, cancellation, limits, health, reflection, traces, TLS."""

import asyncio
from asyncio.subprocess import DEVNULL
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.api._grpc_server import MAX_MESSAGE_BYTES, SERVICE
from service.config import Settings
from service.errors import ConfigurationError
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from tests.integration.api.payments_door import OPPORTUNITY, PaymentsDoor, info_of, open_payments_door

ASK = api.CreatePaymentRequest(entity="acme", record_id=OPPORTUNITY, unconfirmed=api.Unconfirmed())
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_without_a_deadline_it_waits_thirty_seconds(payments: PaymentsDoor) -> None:
    await payments.stub.CreatePayment(ASK)
    assert payments.commands.waited == [timedelta(seconds=30)]


async def test_shortly_before_the_deadline_the_payment_is_told_as_it_stands(payments: PaymentsDoor) -> None:
    payments.commands.hangs = True
    response = await payments.stub.CreatePayment(ASK, timeout=0.5)
    assert response.payment.state == payment.Payment.STATE_REQUESTED
    assert response.payment.request_state == payment.REQUEST_STATE_RUNNING
    assert timedelta(0) < payments.commands.waited[0] <= timedelta(seconds=0.38)


async def test_a_hopeless_deadline_is_refused_before_any_work(payments: PaymentsDoor) -> None:
    await payments.stub.CreatePayment(ASK)  # the connection stands, so that only the deadline counts
    payments.commands.requests.clear()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(ASK, timeout=0.09)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert info_of(raised.value).reason == "DEADLINE_TOO_SHORT"
    assert payments.commands.requests == []


async def test_a_caller_that_goes_away_is_noticed(payments: PaymentsDoor) -> None:
    payments.commands.hangs = True
    call = payments.stub.CreatePayment(ASK)
    async with asyncio.timeout(5):
        await payments.commands.waiting.wait()
        call.cancel()
        await payments.commands.left.wait()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_an_oversized_message_is_refused(payments: PaymentsDoor) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(api.CreatePaymentRequest(request_id="x" * MAX_MESSAGE_BYTES))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_largest_refusal_still_arrives(payments: PaymentsDoor) -> None:
    huge = "\u00e9" * 100_000
    request = api.CreatePaymentRequest(
        entity=huge, record_id=huge, version=huge, request_id=huge, off_session=api.OffSession(payment_method_id=huge)
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(request)
    assert info_of(raised.value).reason == "INVALID_REQUEST"


async def test_health_follows_readiness_and_tells_watchers_of_the_end(payments: PaymentsDoor) -> None:
    health = health_pb2_grpc.HealthStub(payments.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert (await watch.read()).status == NOT_SERVING
    payments.readiness.set("database", True)
    assert (await watch.read()).status == SERVING
    for service in ("", SERVICE):
        assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
    payments.readiness.set("database", False)
    assert (await watch.read()).status == NOT_SERVING
    payments.readiness.set("database", True)
    assert (await watch.read()).status == SERVING
    stopping = asyncio.create_task(payments.server.stop(timedelta(seconds=5)))
    assert (await watch.read()).status == NOT_SERVING
    watch.cancel()
    await stopping
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await payments.stub.CreatePayment(ASK, timeout=1)
    assert raised.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


async def test_health_of_an_unknown_service_is_not_found(payments: PaymentsDoor) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await health_pb2_grpc.HealthStub(payments.channel).Check(health_pb2.HealthCheckRequest(service="x"))
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_stopping_lets_a_call_finish(payments: PaymentsDoor) -> None:
    payments.commands.hangs = True
    call = asyncio.ensure_future(payments.stub.CreatePayment(ASK, timeout=0.6))
    async with asyncio.timeout(5):
        await payments.commands.waiting.wait()
        await payments.server.stop(timedelta(seconds=4))
    assert (await call).payment.request_state == payment.REQUEST_STATE_RUNNING


async def test_reflection_names_the_services(payments: PaymentsDoor) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(payments.channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    response = await call.read()
    names = {service.name for service in response.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
    assert (await call.read()).file_descriptor_response.file_descriptor_proto
    call.cancel()


async def test_the_work_belongs_to_the_callers_trace(payments: PaymentsDoor) -> None:
    trace = "a" * 32
    await payments.stub.CreatePayment(ASK, metadata=(("traceparent", f"00-{trace}-{'b' * 16}-01"),))
    assert [(kept or "").split("-")[1] for kept in payments.commands.traceparents] == [trace]


@pytest.mark.parametrize("traceparent", ["nonsense", "", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 2000])
async def test_a_malformed_traceparent_is_ignored(payments: PaymentsDoor, traceparent: str) -> None:
    assert await payments.stub.CreatePayment(ASK, metadata=(("traceparent", traceparent),))


async def test_an_unknown_method_is_unimplemented(payments: PaymentsDoor) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = payments.channel.unary_unary(f"/{SERVICE}/DropEverything")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_garbage_in_place_of_a_message_is_refused(payments: PaymentsDoor) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = payments.channel.unary_unary(f"/{SERVICE}/CreatePayment")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(b"\xff\xff\xff")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert info_of(raised.value).reason == "INVALID_REQUEST"
    assert payments.commands.requests == []


async def test_it_speaks_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    making = await asyncio.create_subprocess_exec(*made, *subject, "-out", certificate, "-keyout", key, stderr=DEVNULL)
    assert await making.wait() == 0
    settings = Settings(grpc_port=0, grpc_tls_cert_file=certificate, grpc_tls_key_file=key)
    door = await open_payments_door(settings, roots=certificate.read_bytes())
    try:
        assert (await door.stub.CreatePayment(ASK, timeout=5)).client_secret
    finally:
        await door.close()


async def test_an_unreadable_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    settings = Settings(grpc_port=0, grpc_tls_cert_file=missing, grpc_tls_key_file=missing)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await open_payments_door(settings)


async def test_a_taken_port_is_a_configuration_error() -> None:
    listener = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        with pytest.raises(ConfigurationError, match="cannot be listened on"):
            await open_payments_door(Settings(grpc_port=port))
