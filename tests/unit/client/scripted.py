"""A service that answers calls as a test has written down, over a real connection, and remembers what it was asked."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from counterfoil_client import Client
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

Answer = Callable[[Any], None] | Message | list[Any]


@dataclass
class Asked:
    """One call: its message, metadata, and the seconds it was given."""

    request: bytes
    metadata: Mapping[str, Any]
    seconds: float | None


@dataclass
class Script(grpc.GenericRpcHandler):
    """Answers in order: a message, an action on the call such as an abort, or a list of both for a stream."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return how one call is answered, with bytes in and out."""
        if str(handler_call_details.method).rsplit("/", 1)[1].startswith(("Watch", "Export")):
            return grpc.unary_stream_rpc_method_handler(self._stream)
        return grpc.unary_unary_rpc_method_handler(self._unary)

    def _next(self, request: bytes, context: Any) -> Answer:
        self.asked.append(Asked(request, dict(context.invocation_metadata()), context.time_remaining()))
        return self.answers.pop(0)

    def _unary(self, request: bytes, context: Any) -> bytes:
        answer = self._next(request, context)
        if isinstance(answer, Message):
            return answer.SerializeToString()
        assert callable(answer)
        answer(context)
        raise AssertionError("an action of a script ends the call")

    def _stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        answers = self._next(request, context)
        for answer in answers if isinstance(answers, list) else [answers]:
            if isinstance(answer, Message):
                yield answer.SerializeToString()
            else:
                answer(context)


def aborts(code: grpc.StatusCode, *details: Message, message: str = "not now") -> Callable[[Any], None]:
    """Return an action that ends a call with a status of the details."""
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        status.details.add().Pack(detail)

    def act(context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, message)

    return act


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9)))


def error_info(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(domain="counterfoil", reason=reason, metadata=metadata)


@contextmanager
def scripted(*answers: Answer, **client: Any) -> Iterator[tuple[Client, Script]]:
    """Give a client of a service that answers so."""
    script = Script(list(answers))
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[script])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with Client(f"127.0.0.1:{port}", **client) as made:
                yield made, script
        finally:
            server.stop(None).wait()
