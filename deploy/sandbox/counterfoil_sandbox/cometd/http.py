"""CometD over HTTP: addresses, tokens, the cookie that keeps a client on its server, and connects that are held.

A connect is held until an event comes or its time is up; one that shares its request with other messages, or is the
first after a handshake, is answered at once, as CometD servers do (docs.cometd.org, "The /meta/connect channel").
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from counterfoil_sandbox.cometd.bayeux import (
    EVENT_LIMIT,
    UNAUTHENTICATED,
    UNKNOWN_CLIENT,
    Bayeux,
    Message,
    answer,
    refusal,
    unauthenticated,
)
from counterfoil_sandbox.cometd.events import message
from counterfoil_sandbox.cometd.faults import ON_ANY, ON_CONNECT, ON_EVENTS, Fault, take
from counterfoil_sandbox.cometd.sessions import COOKIE, Session, Sessions, Settings
from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.server import cut_connection

PREFIX = "/cometd"
MAX_BODY_BYTES = 32_768
FIRST_VERSION, LAST_VERSION = 37, 68
_PATH = re.compile(r"/cometd/(\d+)\.0/?(?:handshake|connect|disconnect)?")
_REFUSED_CONNECT = {
    "expired_token": (UNAUTHENTICATED, {"reconnect": "none", "interval": 0}),
    "unknown_client": (UNKNOWN_CLIENT, {"reconnect": "handshake", "interval": 0}),
    "event_limit": (EVENT_LIMIT, {"reconnect": "none"}),
}


class _Cut(Exception):
    """The connection is to be cut without an answer."""


class CometdSide:
    """One ASGI application. ``is_open`` tells whether a token is that of an open session, ``close`` ends one."""

    def __init__(
        self,
        bus: EventBus,
        settings: Settings,
        faults: FaultBook,
        *,
        is_open: Callable[[str], bool],
        close: Callable[[str], None],
    ) -> None:
        self.sessions = Sessions(bus, settings)
        self._bus = bus
        self._settings = settings
        self._faults = faults
        self._is_open = is_open
        self._close = close
        self._bayeux = Bayeux(bus, self.sessions, faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive)
        body = await request.body()
        # What is received behind the body is that the client has hung up.
        gone: asyncio.Future[Any] = asyncio.ensure_future(receive())
        try:
            response = await self._respond(request, body, gone)
        except _Cut:
            cut_connection(scope)
            return
        finally:
            gone.cancel()
        await response(scope, receive, send)

    async def _respond(self, request: Request, body: bytes, gone: "asyncio.Future[Any]") -> Response:
        path = _PATH.fullmatch(request.url.path)
        refused = _refused(request.method, path, len(body)) or self._struck()
        if refused is not None or path is None:
            return refused or Response(status_code=500)
        try:
            asked = json.loads(body)
            messages = [
                {**one, "channel": str(one["channel"])} for one in (asked if isinstance(asked, list) else [asked])
            ]
        except (ValueError, TypeError, KeyError):
            return _plain(400, "the body is no list of Bayeux messages")
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        cookies = SimpleCookie(request.headers.get("cookie", ""))
        asker = _Asker(token, cookies[COOKIE].value if COOKIE in cookies else None, int(path.group(1)), gone)
        answers: list[Message] = []
        for one in messages:
            answers += await self._answers(asker, one, alone=len(messages) == 1)
        response = JSONResponse(answers)
        if asker.opened is not None:
            secure = request.url.scheme == "https"
            response.set_cookie(COOKIE, asker.opened.cookie, path="/cometd/", httponly=True, secure=secure)
        return response

    def _struck(self) -> Response | None:
        fault = take(self._faults, ON_ANY, ())
        if fault is None:
            return None
        if fault["fault"] == "session_lost":
            return JSONResponse([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}], 401)
        return _plain(int(fault["status"]), "a fault on request")

    async def _answers(self, asker: "_Asker", asked: Message, *, alone: bool) -> list[Message]:
        """Return what one message is answered, with the events that come with it."""
        if not self._is_open(asker.token):
            return [unauthenticated(asked)]
        if asked["channel"] == "/meta/handshake":
            told, asker.opened = self._bayeux.handshake(asked, asker.version)
            return [told]
        session, refused = self._bayeux.known(asked, asker.cookie)
        if session is None:
            return [refused]
        if asked["channel"] == "/meta/connect":
            return await self._connect(session, asked, asker, alone=alone)
        return [self._bayeux.other(session, asked)]

    async def _connect(self, session: Session, asked: Message, asker: "_Asker", *, alone: bool) -> list[Message]:
        session.connects += 1
        session.wakeup.set()  # an older connect of the client, if one is held, gives way
        hold = self._settings.hold if alone and session.connects > 1 else 0.0
        session.held += 1
        try:
            return await self._events(session, asked, asker, hold)
        finally:
            session.held -= 1
            session.seen_at = time.monotonic()

    async def _events(self, session: Session, asked: Message, asker: "_Asker", hold: float) -> list[Message]:
        """Return the events that come within the time, and the answer of the connect behind them."""
        until, mine = time.monotonic() + hold, session.connects
        while True:
            session.wakeup.clear()
            fault = take(self._faults, ON_CONNECT, session.told)
            if fault is None and self._bus.spent:
                fault = {"fault": "event_limit"}
            if fault is not None and fault["fault"] == "silence":
                await asker.gone
                raise _Cut
            if fault is not None:
                return [self._end(session, asked, asker.token, fault)]
            found = session.waiting(self._bus) if session.connects == mine else []
            left = until - time.monotonic()
            if found or left <= 0 or session.connects != mine:
                break
            waiting = asyncio.create_task(session.wakeup.wait())
            await asyncio.wait({waiting, asker.gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if asker.gone.done():
                raise _Cut
        events = [message(event, self._bus.schema(event.schema_id), session.version) for event in found]
        fault = take(self._faults, ON_EVENTS, session.told) if events else None
        if fault is not None and fault["fault"] == "disconnect":
            raise _Cut
        copies = 1 if fault is None else 2
        advice = {"reconnect": "retry", "interval": 0, "timeout": round(self._settings.hold * 1000)}
        told = answer(asked, clientId=session.client_id, **({"advice": advice} if mine == 1 else {}))
        return [*(one for one in events for _ in range(copies)), told]

    def _end(self, session: Session, asked: Message, token: str, fault: Fault) -> Message:
        """Forget a client; return what its connect is answered."""
        error, advice = _REFUSED_CONNECT[fault["fault"]]
        if fault["fault"] == "expired_token":
            self._close(token)
        self.sessions.forget(session)
        return refusal(asked, error, clientId=session.client_id, advice=advice)


@dataclass
class _Asker:
    """Who sent a request; ``gone`` ends when the client hangs up, ``opened`` is the client made for it."""

    token: str
    cookie: str | None
    version: int
    gone: "asyncio.Future[Any]"
    opened: Session | None = None


def _refused(method: str, path: "re.Match[str] | None", size: int) -> Response | None:
    """Return what a request that is none of CometD's is answered."""
    if path is None:
        return _plain(400, "API version in the URI is mandatory. URI format: '/cometd/66.0'")
    if not FIRST_VERSION <= int(path.group(1)) <= LAST_VERSION:
        return _plain(400, f"Unsupported API version. Only API versions '{FIRST_VERSION}.0' and later are supported.")
    if method != "POST":
        return _plain(405, "Only POST is supported")
    return _plain(413, "Maximum Request Size Exceeded") if size > MAX_BODY_BYTES else None


def _plain(status: int, text: str) -> Response:
    return Response(text, status, media_type="text/plain")
