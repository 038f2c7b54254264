"""Where the gate stands in every call: who is calling and may he, before the message is read; about what, after.

Both answer for themselves, also for streams and for methods that are not ours (reflection), so that nothing is let in
because of the order of the others. Who was admitted is `service.access.current_principal()` for the rest of the call.
"""

import inspect
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from service.access import Credentials, Gate, current_principal, enter
from service.api._status import abort_with
from service.errors import CardData, CounterfoilError, InvalidRequest, SecretData, Violation
from service.redaction import had_card, had_key

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in its types only, not at run time
_KINDS = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


class _Guard:
    """Asks `check` before anything of a call's behaviour runs."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def around_handler(self, method: str, handler: "_Handler") -> "_Handler":
        """Return the method's handler behind `check`."""
        kind, make = _KINDS[bool(handler.request_streaming), bool(handler.response_streaming)]
        guarded = self._guarded(method, getattr(handler, kind))
        made: _Handler = make(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return made

    def _guarded(self, method: str, inner: Any) -> Any:
        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            await self._checked(method, request, context)
            async for answer in inner(request, context):
                yield answer

        async def answer(request: Any, context: Any) -> Any:
            await self._checked(method, request, context)
            return await inner(request, context)

        return answers if inspect.isasyncgenfunction(inner) else answer

    async def _checked(self, method: str, request: Any, context: Any) -> None:
        try:
            await self.check(method, request, context)
        except CounterfoilError as error:
            await abort_with(context, error)

    async def check(self, method: str, request: Any, context: Any) -> None:
        raise NotImplementedError


class Admitted(_Guard):
    """Who is calling, and does a role of his allow the method? The message is not looked at."""

    async def check(self, method: str, _request: Any, context: Any) -> None:
        """Admit the caller for the rest of the call."""
        credentials = Credentials(context.invocation_metadata() or (), partial(_certificate, context))
        enter(await self._gate.admit(method, credentials), self._gate.version)


def _certificate(context: Any) -> bytes | None:
    """Return the caller's certificate, which grpc copies out of the connection anew for each call that asks."""
    found: bytes | None = (context.auth_context().get("x509_pem_cert") or [None])[0]
    return found


class Scoped(_Guard):
    """Innermost, where the message is decoded: is its entity one of the caller's, and may its texts be kept?"""

    async def check(self, method: str, request: Any, _context: Any) -> None:
        """Compare the entity, if the message has one; refuse card numbers, keys, and what no table can hold."""
        entity = getattr(request, "entity", None)
        self._gate.admit_to(method, current_principal(), entity if isinstance(entity, str) else None)
        if isinstance(request, Message):
            texts = list(_texts(request))
            for refusal, found in ((CardData, had_card), (SecretData, had_key)):
                if fields := [place for place, one in texts if found(one)]:
                    raise refusal(fields)
            if fields := [place for place, one in texts if "\x00" in one]:
                raise InvalidRequest(
                    [Violation(field, "has a NUL character, which no text here holds") for field in fields]
                )


def _texts(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    """Give every text of a message with the path of its field, at any depth."""
    for field, value in message.ListFields():
        place = f"{path}{field.name}"
        for one in _values(value):
            if isinstance(one, Message):
                yield from _texts(one, f"{place}.")
            elif isinstance(one, str):
                yield place, one


def _values(value: Any) -> Iterable[Any]:
    """Return what a field holds one by one: its value, those of a list, keys and values of a map."""
    if isinstance(value, str | bytes | Message):
        return (value,)
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    return value if isinstance(value, Iterable) else (value,)
