"""The webhook door: Stripe's events come in here, and a 2xx means they are committed.

A raw ASGI endpoint, because this is the hottest path of the service: it verifies the signature over the bytes as they
came, hands the event to intake and answers. It does no work on the event, opens a span only where its object carries a
trace of ours, keeps nothing of a request it refuses, and repeats nothing of what was sent. Stripe sends an event again
until it sees a 2xx (docs.stripe.com/webhooks).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from starlette.types import Receive, Scope, Send

from service import telemetry
from service.api._answers import Answer, closing, error_answer, json_answer, refusal
from service.api._faults import INTERNAL_MESSAGE, log_fault
from service.api._nesting import nested_too_deeply
from service.clients import verify_webhook
from service.clock import Clock
from service.errors import CounterfoilError
from service.intake import Intake, Receipt, read_stripe_event

BODY_TIMEOUT = timedelta(seconds=10)
# The signing secrets of one entity as they are now: they may be replaced while we run.
Secrets = Callable[[], Sequence[str]]

_ACCEPTED = {receipt: json_answer(200, {"receipt": receipt.value}) for receipt in Receipt}
_WRONG_METHOD = closing(
    refusal(405, "INVALID_REQUEST", "Webhooks are sent with POST.", (b"allow", b"POST")),
)
_UNKNOWN_ENTITY = closing(refusal(404, "ENTITY_UNKNOWN", "No legal entity of this name is configured."))
_TOO_LARGE = closing(refusal(413, "INVALID_REQUEST", "The body is larger than this endpoint accepts."))
_TOO_DEEP = refusal(400, "INVALID_REQUEST", "The body is nested too deeply.")
_TOO_SLOW = closing(refusal(408, "INVALID_REQUEST", "The body did not arrive in time."))
_STOPPING = closing(refusal(503, "OVERLOADED", "The service is stopping: send it again.", (b"retry-after", b"1")))
_FAULT = refusal(500, "INTERNAL", INTERNAL_MESSAGE)


class _TooLarge(Exception):
    """The body is over the limit; the rest of it was not read."""


class _Gone(Exception):
    """The sender hung up before the body was complete."""


def _headers(scope: Scope) -> tuple[str | None, int]:
    """Return the signature header, if there is one, and the announced length of the body (0 when not announced)."""
    signature: str | None = None
    length = 0
    for name, value in scope["headers"]:
        if name == b"stripe-signature":
            signature = value.decode("ascii", "backslashreplace")  # a real one is ASCII; others must only fail
        elif name == b"content-length":
            length = int(value)  # digits only: the parser has refused anything else
    return signature, length


async def _read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body, of at most `limit` bytes, as it was sent.

    Raises:
        _TooLarge: more than `limit` bytes came; the rest was left unread.
        _Gone: the sender hung up.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False) and len(message["body"]) <= limit:
        return bytes(message["body"])  # nearly every webhook: one message
    body = bytearray()
    while message["type"] == "http.request":
        body += message["body"]
        if len(body) > limit:
            raise _TooLarge
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise _Gone


class StripeWebhooks:
    """ASGI endpoint of POST /webhooks/stripe/{entity}.

    `secrets` gives, for each entity, the signing secrets any of which may fit: two while one is being rolled.
    """

    def __init__(
        self,
        intake: Intake,
        secrets: Mapping[str, Secrets],
        clock: Clock,
        *,
        tolerance: timedelta,
        max_body_bytes: int,
        body_timeout: timedelta = BODY_TIMEOUT,
    ) -> None:
        self._intake = intake
        self._secrets = dict(secrets)
        self._clock = clock
        self._tolerance = tolerance
        self._limit = max_body_bytes
        self._body_seconds = body_timeout.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a sender that hung up gets none."""
        entity: str = scope["path_params"]["entity"]
        known = entity in self._secrets
        try:
            answer = await self._answer(entity, scope, receive) if known else _UNKNOWN_ENTITY
        except _Gone:
            telemetry.webhooks.add(1, {"entity": entity, "answer": "gone"})
            return
        except asyncio.CancelledError:
            # The time for draining is over, and this task ends with the answer. Whether the commit still happens is
            # open, so it must not be a 2xx.
            answer = _STOPPING
        telemetry.webhooks.add(1, {"entity": entity if known else "unknown", "answer": str(answer.status)})
        await answer.send(send)

    async def _answer(self, entity: str, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return _WRONG_METHOD
        signature, announced = _headers(scope)
        if announced > self._limit:
            return _TOO_LARGE
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _read_body(receive, self._limit)
        except _TooLarge:
            return _TOO_LARGE
        except TimeoutError:
            return _TOO_SLOW
        return await self._receive(entity, body, signature)

    async def _receive(self, entity: str, body: bytes, signature: str | None) -> Answer:
        try:
            verify_webhook(body, signature, self._secrets[entity](), self._clock.now(), self._tolerance)
            if nested_too_deeply(body):
                return _TOO_DEEP
            event = read_stripe_event(entity, body)
            if event.traceparent is None:
                return _ACCEPTED[await self._intake.receive(event)]
            attributes = {"stripe.event": event.event_id, "stripe.type": event.kind}
            with telemetry.span("stripe.webhook", parent=event.traceparent, attributes=attributes):
                return _ACCEPTED[await self._intake.receive(event)]
        except CounterfoilError as error:
            return error_answer(error)
        except Exception as error:  # noqa: BLE001  (the door's last line: the sender gets a fixed answer)
            log_fault("webhook.failed", error, entity=entity)
            return _FAULT
