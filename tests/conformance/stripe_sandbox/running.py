"""The sandbox, served by uvicorn in a thread of its own, with its control plane and a webhook receiver."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import httpx
import stripe
import uvicorn
from counterfoil_sandbox.stripe import StripeSandbox
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

PIN: Literal["2026-10-28.endive"] = "2026-10-28.endive"


def poll(check: Callable[[], Any], timeout_s: float = 5.0) -> Any:
    """Return the first true answer of `check`, or fail at the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        assert time.monotonic() < deadline, "nothing came before the deadline"
        threading.Event().wait(0.01)
    return found


class Receiver:
    """A webhook endpoint that notes what it gets; `statuses` are answered first, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        self.app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])
        self.url = ""

    async def _take(self, request: Request) -> Response:
        self.got.append((await request.body(), request.headers["stripe-signature"]))
        status = self.statuses.pop(0) if self.statuses else 200
        return Response(status_code=status, headers={"location": self.url} if status in (301, 302) else None)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Return the events received, of the types asked for."""
        decoded = [json.loads(body) for body, _ in list(self.got)]
        return [event for event in decoded if not types or event["type"] in types]

    def wait(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the events of a type once there are `count`."""
        found: list[dict[str, Any]] = poll(lambda: got if len(got := self.events(kind)) >= count else None)
        return found


class Running:
    """The sandbox, its control plane and a receiver, served by uvicorn in a thread of their own."""

    def __init__(self) -> None:
        self.sandbox = StripeSandbox(seed=7)
        self.receiver = Receiver()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        self.http = httpx.Client(base_url=self.url, auth=(self.sandbox.secret_key, ""), trust_env=False)
        self.control = httpx.Client(base_url=self.control_url, trust_env=False)

    async def _main(self) -> None:
        servers = [await self._serve(app) for app in (self.sandbox.app, self._control_app(), self.receiver.app)]
        urls = [f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}" for server, _ in servers]
        self.url, self.control_url = urls[:2]
        self.receiver.url = f"{urls[2]}/hook"
        self.sandbox.set_base_url(self.url)
        await self.sandbox.start()
        self._ready.set()
        await self._stop.wait()
        await self.sandbox.stop()
        for server, task in servers:
            server.should_exit = True
            await task

    def _control_app(self) -> Starlette:
        async def reset(_request: Request) -> Response:
            self.sandbox.reset()
            return Response(status_code=204)

        return Starlette(routes=[*self.sandbox.control_routes, Route("/reset", reset, methods=["POST"])])

    async def _serve(self, app: ASGIApp) -> tuple[uvicorn.Server, asyncio.Task[None]]:
        config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no signal for it
            await asyncio.sleep(0.005)
        return server, task

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> dict[str, Any]:
        """Call the control plane."""
        answer = self.control.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return dict(answer.json()) if answer.content else {}

    def fault(self, **fault: Any) -> None:
        self.ask("/stripe/faults", fault)

    def webhook_fault(self, **fault: Any) -> None:
        self.ask("/stripe/webhook-faults", fault)

    def flush(self) -> None:
        """Wait until every delayed change has happened and every delivery has ended."""
        assert self.ask("/stripe/webhooks/flush?timeout_ms=8000")["idle"]

    def close(self) -> None:
        self.http.close()
        self.control.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._loop.close()


class Recording(stripe.RequestsClient):
    """stripe-python's own transport, keeping the bodies it received."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []

    def request(self, *args: Any, **more: Any) -> Any:
        content, status, headers = super().request(*args, **more)
        self.bodies.append(json.loads(content))
        return content, status, headers
