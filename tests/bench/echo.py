"""The floor of the API: a bare grpc.aio server that reads each request and sends one answer it was given at its start.

Same library, same event loop, same messages as the service, and nothing else: no interceptor, no database.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import uvloop
from google.protobuf.message import Message

from service.gen.counterfoil.v1 import payments_service_pb2 as api

SERVICE = "counterfoil.v1.PaymentsService"


def _echo(answer: Message) -> Callable[[Message, object], Awaitable[Message]]:
    async def behaviour(_request: Message, _context: object) -> Message:
        return answer

    return behaviour


def _handler(method: str, raw: str) -> "grpc.RpcMethodHandler[Message, Message]":
    asks, answers = (getattr(api, f"{method}{end}") for end in ("Request", "Response"))
    answer = answers.FromString(base64.b64decode(raw))
    return grpc.unary_unary_rpc_method_handler(
        _echo(answer), request_deserializer=asks.FromString, response_serializer=answers.SerializeToString
    )


async def _serve(answers: dict[str, str], ready: Path) -> None:
    server = grpc.aio.server()
    handlers = {method: _handler(method, raw) for method, raw in answers.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    partial = ready.with_suffix(".partial")
    partial.write_text(str(port))
    partial.replace(ready)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it lets go
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(_serve(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])))
