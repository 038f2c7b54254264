"""The control plane: a plain HTTP JSON door for tests, apart from the vendors' own APIs.

Each side brings its own routes (faults, recorded requests); this file adds health and reset. It refuses nothing and
asks for no password: it must only ever listen on a loopback address.
"""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def build_control_app(routes: Sequence[Route], reset: Callable[[], None]) -> Starlette:
    """Join the sides' control routes with ``GET /health`` and ``POST /reset`` (everything back to the seeded state)."""

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def reset_all(_request: Request) -> JSONResponse:
        reset()
        return JSONResponse({"reset": True})

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/reset", reset_all, methods=["POST"]),
            *routes,
        ]
    )
