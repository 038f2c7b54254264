"""The Streaming API as the command sees it: an application for the org's ports, and its control routes."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from counterfoil_sandbox.cometd.events import replay_number
from counterfoil_sandbox.cometd.faults import check_fault
from counterfoil_sandbox.cometd.http import PREFIX, CometdSide
from counterfoil_sandbox.cometd.sessions import Settings
from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.pubsub.control import read_object

_SETTINGS = {"hold_ms": "hold", "away_ms": "away"}


class CometdSandbox:
    """The API over one bus; ``is_open`` tells whether a token is good, ``close`` ends the session of one."""

    def __init__(self, *, bus: EventBus, is_open: Callable[[str], bool], close: Callable[[str], None]) -> None:
        self._bus = bus
        self._faults = FaultBook()
        self._settings = Settings()
        self.app = CometdSide(bus, self._settings, self._faults, is_open=is_open, close=close)
        self.control_routes = [
            Route("/cometd/faults", self._add_fault, methods=["POST"]),
            Route("/cometd/faults", self._clear_faults, methods=["DELETE"]),
            Route("/cometd/settings", self._set, methods=["POST"]),
            Route("/cometd/sessions", self._list_sessions, methods=["GET"]),
        ]

    def beside(self, app: ASGIApp) -> ASGIApp:
        """Return an application that answers /cometd itself and leaves the rest to ``app``, as an org's host does."""

        async def both(scope: Scope, receive: Receive, send: Send) -> None:
            mine = scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/")
            await (self.app if mine else app)(scope, receive, send)

        return both

    def reset(self) -> None:
        """Forget faults, settings and clients."""
        self._faults.clear()
        defaults = Settings()
        self._settings.hold, self._settings.away = defaults.hold, defaults.away
        for session in self.app.sessions.all():
            self.app.sessions.forget(session)

    async def _add_fault(self, request: Request) -> JSONResponse:
        try:
            fault = await read_object(request)
            check_fault(fault)
            if fault.get("topic") is not None and fault["topic"] not in self._bus.topics():
                raise ValueError("there is no such topic")  # noqa: TRY301  # answered like every other bad wish
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        added = self._faults.add(fault)
        self.app.sessions.wake_all()
        return JSONResponse(added, 201)

    async def _clear_faults(self, _request: Request) -> JSONResponse:
        self._faults.clear()
        return JSONResponse({"faults": []})

    async def _set(self, request: Request) -> JSONResponse:
        """Change ``hold_ms``, how long a connect is held, and ``away_ms``, how long a client may stay away."""
        try:
            wish = await read_object(request)
            if wish.keys() - _SETTINGS.keys() or any(not isinstance(ms, int) or ms < 1 for ms in wish.values()):
                raise ValueError(f"settings are {', '.join(_SETTINGS)}, in milliseconds")  # noqa: TRY301
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        for name, milliseconds in wish.items():
            setattr(self._settings, _SETTINGS[name], milliseconds / 1000)
        return JSONResponse(wish)

    async def _list_sessions(self, _request: Request) -> JSONResponse:
        sessions = [
            {
                "client_id": session.client_id,
                "connects": session.connects,
                "held": session.held,
                "subscriptions": {topic: replay_number(position) for topic, position in session.told.items()},
            }
            for session in self.app.sessions.all()
        ]
        return JSONResponse({"sessions": sessions})
