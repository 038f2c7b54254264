"""What every call of our API goes through: measured, admitted, its errors rewritten, its deadline kept.

What stands around a method is put together at its first call and kept: grpc asks its interceptors anew for every call,
and six of them cost more than most of what they do. Health and reflection pass the gate too, and are else left alone:
they are probes, and have errors of their own.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from service import telemetry
from service.access import Gate
from service.api._admission import Admitted, Scoped
from service.api._deadlines import require_time
from service.api._faults import log_fault
from service.api._status import DeadlineTooShort, abort_with
from service.errors import CounterfoilError, InvalidRequest, Violation

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its types only, not at run time
_Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable["_Handler | None"]]
_Behaviour = Callable[[Any, Any], Awaitable[Any]]

OUR_PREFIX = "/counterfoil."


class Layer(Protocol):
    """Something that stands around methods."""

    def around_handler(self, method: str, handler: "_Handler") -> "_Handler":
        """Return a method's handler with this around it."""


class _Layers(grpc.aio.ServerInterceptor):
    """Puts layers around each method, the outermost first in the list."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._made: dict[str, _Handler] = {}

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "_Handler | None":
        """Return the method's handler with the layers around it; None for a method that nobody has."""
        method = str(handler_call_details.method)
        made = self._made.get(method)
        if made is not None:
            return made
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        for layer in reversed(self._layers):
            handler = layer.around_handler(method, handler)
        self._made[method] = handler
        return handler


class _Around:
    """Wraps the methods of our own services, which all take one message and answer with one or with a stream.

    A stream is written from within its method, which so ends, fails and is cancelled like any other.
    """

    def around_handler(self, method: str, handler: "_Handler") -> "_Handler":
        """Return the method's handler with `around` about it."""
        if not method.startswith(OUR_PREFIX):
            return handler
        inner: Any = handler.unary_stream if handler.response_streaming else handler.unary_unary
        return handler if inner is None else self.wrap(method, handler, inner)

    def wrap(self, method: str, handler: "_Handler", inner: _Behaviour) -> "_Handler":
        """Return the handler with `around` about its behaviour."""

        async def behaviour(request: Any, context: Any) -> Any:
            return await self.around(method, inner, request, context)

        return _like(handler, behaviour, request_deserializer=handler.request_deserializer)

    async def around(self, method: str, inner: _Behaviour, request: Any, context: Any) -> Any:
        raise NotImplementedError


def _like(handler: "_Handler", behaviour: _Behaviour, **reading: Any) -> "_Handler":
    """Return a handler of the same kind as another, with other behaviour."""
    kind = grpc.unary_stream_rpc_method_handler if handler.response_streaming else grpc.unary_unary_rpc_method_handler
    made: _Handler = kind(behaviour, response_serializer=handler.response_serializer, **reading)
    return made


def _traceparent(context: Any) -> str | None:
    """The caller's W3C traceparent; a malformed one is ignored by the propagator, as the standard asks."""
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent" and isinstance(value, str):
            return value
    return None


class Measured(_Around):
    """Outermost: a span joined to the caller's trace, and a sample of the duration by method and status."""

    async def around(self, method: str, inner: _Behaviour, request: Any, context: Any) -> Any:
        """Run the call inside its span."""
        service, _, name = method[1:].rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        started = time.perf_counter()
        code = grpc.StatusCode.CANCELLED  # what stands when the caller goes away
        try:
            with telemetry.span(method[1:], parent=_traceparent(context), attributes=attributes) as span:
                try:
                    response = await inner(request, context)
                    code = grpc.StatusCode.OK
                except grpc.aio.AbortError:
                    code = _aborted_with(context)
                    raise
                finally:
                    span.set_attribute("rpc.grpc.status_code", code.value[0])
        finally:
            telemetry.rpcs.record(time.perf_counter() - started, {"method": method[1:], "status": code.name})
        return response


def _aborted_with(context: Any) -> grpc.StatusCode:
    code = context.code()
    return next((status for status in grpc.StatusCode if code in (status, status.value[0])), grpc.StatusCode.UNKNOWN)


class Rewritten(_Around):
    """Turns every exception into one status. Inside the span, so that a logged fault names its trace."""

    async def around(self, method: str, inner: _Behaviour, request: Any, context: Any) -> Any:
        """Run the call; abort with the status of what it raised."""
        try:
            return await inner(request, context)
        except grpc.aio.AbortError:
            raise  # answered already
        except Exception as error:  # noqa: BLE001  (the door's last line: the caller gets a fixed answer)
            if not isinstance(error, CounterfoilError):
                log_fault("rpc.failed", error, method=method[1:])
            failed = error
        return await abort_with(context, failed)


class Timed(_Around):
    """Refuses hopeless work, and stops work whose time is up while there is time to say so."""

    async def around(self, _method: str, inner: _Behaviour, request: Any, context: Any) -> Any:
        """Run the call within the caller's deadline."""
        left = require_time(context)
        if left is None:
            return await inner(request, context)
        try:
            async with asyncio.timeout(left.total_seconds()) as limit:
                return await inner(request, context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineTooShort("The deadline was too short for the work: set a later one.") from None


class Decoded(_Around):
    """Reads the message within the others' reach: grpc itself answers bytes it cannot read with UNKNOWN and a stack."""

    def wrap(self, method: str, handler: "_Handler", inner: _Behaviour) -> "_Handler":
        """Return a handler that is given bytes."""
        deserialize = handler.request_deserializer

        async def behaviour(raw: bytes, context: Any) -> Any:
            try:
                request = deserialize(raw) if deserialize else raw
            except DecodeError:
                raise InvalidRequest([Violation("request", f"is not the message {method[1:]} takes")]) from None
            return await inner(request, context)

        return _like(handler, behaviour)


def interceptors(gate: Gate) -> Sequence[grpc.aio.ServerInterceptor]:
    """Return what stands around every method, outermost first: nothing but measuring comes before the gate."""
    return (_Layers((Measured(), Admitted(gate), Rewritten(), Timed(), Decoded(), Scoped(gate))),)
