"""The API's front: each request passes authentication, version, faults, idempotency and its endpoint, in this order."""

import asyncio
import base64
import binascii
import json
import logging
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.stripe import expand, forms, permissions, versions, wire
from counterfoil_sandbox.stripe.errors import Json, StripeError
from counterfoil_sandbox.stripe.idempotency import IdempotencyKeys
from counterfoil_sandbox.stripe.routing import Call, Endpoint, Router
from counterfoil_sandbox.stripe.wire import Answer
from counterfoil_sandbox.stripe.world import NO_CAUSE, World

LOG_LENGTH = 10_000
_POLL_S = 0.005
_HELP = (
    "You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
    "YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at "
    "https://support.stripe.com/."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Stripe"'}
_log = logging.getLogger(__name__)


@dataclass
class Exchange:
    """One request on its way through the front."""

    id: str
    method: str
    path: str
    key: str | None
    version: str = versions.PIN
    replayed: bool = False
    executed: bool = False
    began_at: float = field(default_factory=time.time)


class Api:
    """An ASGI application that answers as api.stripe.com does."""

    def __init__(self, world: World, router: Router) -> None:
        self._world = world
        self._router = router
        self.keys = IdempotencyKeys()
        self._connected_keys: defaultdict[str, IdempotencyKeys] = defaultdict(IdempotencyKeys)
        self.faults = FaultBook()
        self.restricted: dict[str, frozenset[str]] = {}
        self.log: deque[Json] = deque(maxlen=LOG_LENGTH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        key = request.headers.get("idempotency-key") if scope["method"] == "POST" else None
        exchange = Exchange(f"req_{self._world.ids.token(14)}", scope["method"], scope["path"], key)
        fault: Json = {}
        try:
            world, given = self._authenticate(request)
            exchange.version = versions.check(request.headers.get("stripe-version", versions.PIN))
            endpoint, ids = self._router.find(exchange.method, exchange.path)
            permissions.require(self.restricted.get(given), exchange.method, exchange.path, given, world.ids.account)
            fault = self.faults.take(lambda entry: _concerns(entry, exchange, endpoint)) or {}
            if fault and not fault.get("after_effect") and await self._misbehave(fault, scope, receive):
                return self._note(exchange, None, fault)
            _answer_status(fault, early=True)
            raw = await _decode(request)
            answer = await self._once(world, exchange, endpoint, ids, raw, fault)
        except StripeError as error:
            answer = self._refusal(exchange, error)
        self._note(exchange, answer.status, fault)
        answer.headers |= self._headers(exchange, request)
        if fault.get("after_effect") and await self._misbehave(fault, scope, receive):
            return None
        await wire.deliver(answer, send, cut=len(answer.body) // 2 if fault.get("fault") == "truncate" else None)
        return None

    async def _misbehave(self, fault: Json, scope: Scope, receive: Receive) -> bool:
        """Do what a fault does to the connection; return whether that was the end of it."""
        while fault["fault"] == "hold" and self.faults.holds(fault):  # noqa: ASYNC110  (cleared from outside)
            await asyncio.sleep(_POLL_S)
        if fault["fault"] == "hang":
            await asyncio.sleep(int(fault.get("ms", 1000)) / 1000)
        if fault["fault"] in ("hang", "disconnect"):
            await wire.hang_up(scope, receive)
            return True
        return False

    def _authenticate(self, request: Request) -> tuple[World, str]:
        """Return the account a request is for and its key, by bearer or the user of Basic; raise unless they fit."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        key = credentials.strip()
        if scheme.lower() == "basic":
            try:
                key = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                key = ""
        if scheme.lower() not in ("bearer", "basic") or not key:
            raise StripeError(401, f"You did not provide an API key. {_HELP}", headers=_CHALLENGE)
        ids = self._world.ids
        if key not in (ids.secret_key, ids.restricted_key) and key not in self.restricted:
            hidden = f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)  # noqa: PLR2004
            raise StripeError(401, f"Invalid API Key provided: {hidden}", headers=_CHALLENGE)
        account = request.headers.get("stripe-account") or request.headers.get("stripe-context") or ids.account
        world = self._world if account == ids.account else self._world.connected.get(account)
        if world is None:
            raise StripeError(
                403,
                f"The provided key '{key[:8]}****{key[-4:]}' does not have access to account '{account}' (or that "
                "account does not exist). Application access may have been revoked.",
                code="account_invalid",
            )
        return world, key

    async def _once(  # noqa: PLR0917  (one caller)
        self, world: World, exchange: Exchange, endpoint: Endpoint, ids: Json, raw: Json, fault: Json
    ) -> Answer:
        """Execute a request, or replay the answer its key is bound to."""
        if not exchange.key:
            answer, _ = await self._execute(world, exchange, endpoint, ids, raw, fault)
            return answer
        key = exchange.key
        keys = self.keys if world is self._world else self._connected_keys[world.ids.account]
        record = keys.claim(key, exchange.path, raw, self._world.now(), exchange.id)
        if record:
            exchange.replayed = True
            headers = {"Idempotent-Replayed": "true", "Original-Request": record.request_id}
            return Answer(record.status, record.body, headers)
        kept = False
        try:
            answer, kept = await self._execute(world, exchange, endpoint, ids, raw, fault)
            if kept:
                keys.keep(key, answer.status, answer.body)
        finally:
            if not kept:
                keys.release(key)
        return answer

    async def _execute(  # noqa: PLR0917  (one caller)
        self, world: World, exchange: Exchange, endpoint: Endpoint, ids: Json, raw: Json, fault: Json
    ) -> tuple[Answer, bool]:
        """Return the answer of an endpoint and whether it executed, so that its key is bound to the answer."""
        delay = self._world.settings.latency_ms + (int(fault.get("ms", 1000)) if fault.get("fault") == "delay" else 0)
        await asyncio.sleep(delay / 1000)  # at least one turn of the loop, so that a race for a key is real
        try:
            body = self._call(world, exchange, endpoint, ids, raw)
            exchange.executed = True
            _answer_status(fault, early=False)
        except StripeError as error:
            exchange.executed = exchange.executed or error.executed
            return self._refusal(exchange, error), exchange.executed
        return Answer(200, json.dumps(body).encode()), True

    def _call(self, world: World, exchange: Exchange, endpoint: Endpoint, ids: Json, raw: Json) -> Any:
        kept, types = versions.split_types(raw, endpoint.params, exchange.version)
        params = endpoint.params.read(kept) | types
        if "starting_after" in params and "ending_before" in params:
            raise StripeError(400, "You may only specify one of these parameters: starting_after, ending_before.")
        paths = params.pop("expand", [])
        if endpoint.template.endswith("/search") and "total_count" in paths:
            paths.remove("total_count")
            params["total_count"] = True
        expand.check(paths, endpoint.returns, listed=endpoint.listing)
        self._world.catch_up()
        world.cause = {"id": exchange.id, "idempotency_key": exchange.key}
        try:
            body = endpoint.handler(world, Call(params, ids, exchange.id, exchange.path))
        except StripeError:
            raise
        except Exception:  # noqa: BLE001 - a defect here must look like one of Stripe's, not end the server
            _log.exception("the sandbox failed at %s %s", exchange.method, endpoint.template)
            raise StripeError(500, "An unknown error occurred", kind="api_error", executed=True) from None
        finally:
            world.cause = NO_CAUSE
        shown = expand.apply(world, body, paths)
        # an event is rendered once, in the account's version, whoever asks (docs.stripe.com/webhooks/versioning)
        return shown if endpoint.returns == "event" else versions.render(shown, exchange.version)

    def _refusal(self, exchange: Exchange, error: StripeError) -> Answer:
        shown = dict(error.error)
        if "code" in shown or error.status not in (401, 404):  # a request that reached nothing has no log
            shown["request_log_url"] = (
                f"https://dashboard.stripe.com/{self._world.ids.account}/test/logs/{exchange.id}?t={int(time.time())}"
            )
        body = json.dumps({"error": versions.render(shown, exchange.version)}).encode()
        return Answer(error.status, body, dict(error.headers))

    def _headers(self, exchange: Exchange, request: Request) -> dict[str, str]:
        headers = {
            "Request-Id": exchange.id,
            "Stripe-Version": exchange.version,
            "Cache-Control": "no-cache, no-store",
        }
        if exchange.key:
            headers["Idempotency-Key"] = exchange.key
        if account := request.headers.get("stripe-account"):
            headers["Stripe-Account"] = account
        return headers

    def _note(self, exchange: Exchange, status: int | None, fault: Json) -> None:
        self.log.append(
            {
                "request_id": exchange.id,
                "method": exchange.method,
                "path": exchange.path,
                "status": status,
                "idempotency_key": exchange.key,
                "replayed": exchange.replayed,
                "executed": exchange.executed,
                "fault": fault.get("fault"),
                "began_ms": round(exchange.began_at * 1000, 3),
                "at_ms": round(time.time() * 1000, 3),
            }
        )


async def _decode(request: Request) -> Json:
    """Decode the query of a GET or DELETE and the body of a POST; v1 takes forms only."""
    if request.method != "POST":
        return forms.decode(request.url.query)
    body = await request.body()
    kind = request.headers.get("content-type", "")
    if request.url.path.startswith("/v2/"):
        try:
            found = json.loads(body or b"{}")
        except json.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise StripeError(400, "Invalid request: v2 takes a JSON object.")
        return {name: _indexed(value) for name, value in found.items()}
    if kind.startswith("application/json"):
        raise StripeError(
            400,
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have "
            "any questions, we can help at https://support.stripe.com/.",
        )
    if kind.startswith("multipart/form-data"):
        async with request.form() as form:
            return forms.nest([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    try:
        return forms.decode(request.url.query) | forms.decode(body.decode())
    except UnicodeDecodeError:
        raise StripeError(400, "Invalid request: the body is not UTF-8.") from None


def _indexed(value: Any) -> Any:
    """Return JSON as a form would have said it, lists by their indexes, so that one reading serves both."""
    if isinstance(value, dict):
        return {name: _indexed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return {str(index): _indexed(inner) for index, inner in enumerate(value)}
    return value


def _concerns(fault: Json, exchange: Exchange, endpoint: Endpoint) -> bool:
    """Tell whether a fault names this request: by method, and by path, path pattern or template."""
    path = fault.get("path", "*")
    return fault.get("method", exchange.method) == exchange.method and (
        path == endpoint.template or fnmatchcase(exchange.path, path)
    )


def _answer_status(fault: Json, *, early: bool) -> None:
    """Raise the error of a "status" fault when its time has come."""
    if fault.get("fault") != "status" or early == bool(fault.get("after_effect")):
        return
    status = int(fault["status"])
    kind = {402: "card_error"}.get(status, "api_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    code = fault.get("code") or {429: "rate_limit", 409: "lock_timeout"}.get(status)
    message = fault.get("message") or {
        429: "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
        409: "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it.",
    }.get(status, "An unknown error occurred")
    headers = {"Stripe-Should-Retry": str(fault["should_retry"]).lower()} if "should_retry" in fault else {}
    raise StripeError(status, message, kind=kind, code=code, headers=headers)
