"""Small JSON answers of the web door, and the one place where an error becomes one of them.

No answer repeats what was sent, and an error nobody expected becomes a fixed sentence.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

import orjson
from starlette.types import Send

from service.api._faults import INTERNAL_MESSAGE
from service.errors import CounterfoilError

RETRY_AFTER = timedelta(seconds=1)

# Canonical gRPC statuses as HTTP, after google.rpc.Code; whatever is not here is a fault of ours.
_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "FAILED_PRECONDITION": 400,
    "UNAVAILABLE": 503,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    async def send(self, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(status: int, content: object, *extra: tuple[bytes, bytes]) -> Answer:
    """Return an answer holding `content` as JSON."""
    body = orjson.dumps(content)
    length = str(len(body)).encode()
    headers = ((b"content-type", b"application/json"), (b"content-length", length), (b"cache-control", b"no-store"))
    return Answer(status, body, headers + extra)


def refusal(status: int, reason: str, message: str, *extra: tuple[bytes, bytes]) -> Answer:
    """Return an error answer; `reason` is the name of a `counterfoil.v1.ErrorReason`, `message` one fixed sentence."""
    return json_answer(status, {"error": {"reason": reason, "message": message}}, *extra)


def closing(answer: Answer) -> Answer:
    """Return the answer with the connection closed after it: the rest of the request is not worth reading."""
    return Answer(answer.status, answer.body, (*answer.headers, (b"connection", b"close")))


def error_answer(error: CounterfoilError) -> Answer:
    """Return the answer an error of ours deserves; its `retry_after` is rounded up to whole seconds."""
    status = _HTTP_STATUS.get(error.status, 500)
    message = INTERNAL_MESSAGE if status == 500 else error.message  # noqa: PLR2004  (HTTP)
    if not error.retryable:
        return refusal(status, error.reason, message)
    seconds = max(1, math.ceil((error.retry_after or RETRY_AFTER).total_seconds()))
    return refusal(status, error.reason, message, (b"retry-after", str(seconds).encode()))
