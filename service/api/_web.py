"""The web door's map: webhooks, and the two questions an orchestrator asks.

Bare routing without Starlette's exception and error layers: every endpoint here answers its own errors, as JSON.
"""

from collections.abc import Mapping
from datetime import timedelta

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api._answers import Answer, closing, json_answer, refusal
from service.api._readiness import Readiness
from service.api._webhooks import BODY_TIMEOUT, Secrets, StripeWebhooks
from service.clock import Clock
from service.config import Settings
from service.intake import Intake

_NOT_FOUND = closing(refusal(404, "NOT_FOUND", "There is nothing at this path."))
_READ_ONLY = closing(refusal(405, "INVALID_REQUEST", "This path is read with GET.", (b"allow", b"GET, HEAD")))
_ALIVE = json_answer(200, {"alive": True})


async def _not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    await _NOT_FOUND.send(send)


class _Probe:
    """GET /healthz (the process lives) or, with a readiness, GET /readyz (it should be given work)."""

    def __init__(self, readiness: Readiness | None = None) -> None:
        self._readiness = readiness

    def _answer(self) -> Answer:
        if self._readiness is None:
            return _ALIVE
        missing = self._readiness.missing
        return json_answer(503 if missing else 200, {"ready": not missing, "missing": missing})

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        answer = self._answer() if scope["method"] in {"GET", "HEAD"} else _READ_ONLY
        await answer.send(send)


def build_web_app(
    intake: Intake,
    webhook_secrets: Mapping[str, Secrets],
    readiness: Readiness,
    clock: Clock,
    settings: Settings,
    *,
    body_timeout: timedelta = BODY_TIMEOUT,
) -> ASGIApp:
    """Return the ASGI application of the web door.

    `webhook_secrets` give the signing secrets by entity, as they are now; an entity without an entry gets 404.
    """
    webhooks = StripeWebhooks(
        intake,
        webhook_secrets,
        clock,
        tolerance=timedelta(seconds=settings.webhook_tolerance_seconds),
        max_body_bytes=settings.webhook_max_body_bytes,
        body_timeout=body_timeout,
    )
    routes = [
        Route("/webhooks/stripe/{entity}", webhooks),
        Route("/healthz", _Probe()),
        Route("/readyz", _Probe(readiness)),
    ]
    return Router(routes, redirect_slashes=False, default=_not_found)
