"""The control plane's routes for Pub/Sub: faults, settings, and what streams are open.

A wish that cannot be met is answered with 400 and a reason; nothing is accepted in silence.
"""

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil_sandbox.pubsub.bus import encode_position
from counterfoil_sandbox.pubsub.faults import Fault
from counterfoil_sandbox.pubsub.managed import ManagedSubscriptionEntry, committed_of

if TYPE_CHECKING:
    from counterfoil_sandbox.pubsub.sandbox import PubSubSandbox

_SETTINGS = {"keepalive_ms": "keepalive", "idle_ms": "idle", "publish_idle_ms": "publish_idle"}


def build_routes(sandbox: "PubSubSandbox") -> list[Route]:
    """POST and DELETE /pubsub/faults, POST /pubsub/settings, GET /pubsub/streams."""

    async def add_fault(request: Request) -> JSONResponse:
        try:
            fault = Fault.of(await read_object(request))
            if fault.topic is not None and fault.topic not in sandbox.bus.topics():
                raise ValueError("there is no such topic")  # noqa: TRY301 - answered like every other bad wish
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        sandbox.add_fault(fault)
        return JSONResponse({"fault": fault.kind, "topic": fault.topic, "times": fault.times})

    async def clear_faults(_request: Request) -> JSONResponse:
        sandbox.clear_faults()
        return JSONResponse({"cleared": True})

    async def change_settings(request: Request) -> JSONResponse:
        try:
            wish = await read_object(request)
            if wish.keys() - _SETTINGS.keys() or any(not isinstance(ms, int) or ms < 1 for ms in wish.values()):
                raise ValueError(f"settings are {', '.join(_SETTINGS)}, in milliseconds")  # noqa: TRY301
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        for name, milliseconds in wish.items():
            setattr(sandbox.settings, _SETTINGS[name], milliseconds / 1000)
        sandbox.bus.wake_all()
        return JSONResponse(wish)

    async def list_streams(_request: Request) -> JSONResponse:
        streams = [
            {
                "topic": stream.topic,
                "rpc_id": stream.rpc_id,
                "outstanding": stream.outstanding,
                "delivered": stream.delivered,
                "replay_id": encode_position(stream.position).hex(),
            }
            for stream in sandbox.streams()
        ]
        return JSONResponse({"streams": streams})

    return [
        *_managed_routes(sandbox),
        Route("/pubsub/faults", add_fault, methods=["POST"]),
        Route("/pubsub/faults", clear_faults, methods=["DELETE"]),
        Route("/pubsub/settings", change_settings, methods=["POST"]),
        Route("/pubsub/streams", list_streams, methods=["GET"]),
    ]


def _managed_routes(sandbox: "PubSubSandbox") -> list[Route]:
    """POST and GET /pubsub/managed."""

    async def deploy_managed(request: Request) -> JSONResponse:
        try:
            wish = await read_object(request)
            if wish.get("topic") is not None and wish["topic"] not in sandbox.bus.topics():
                raise ValueError("there is no such topic")  # noqa: TRY301 - answered like every other bad wish
            entry = sandbox.managed.deploy(wish)
        except ValueError as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        return JSONResponse(_shown(entry))

    async def list_managed(_request: Request) -> JSONResponse:
        return JSONResponse({"subscriptions": [_shown(entry) for entry in sandbox.managed.entries.values()]})

    return [
        Route("/pubsub/managed", deploy_managed, methods=["POST"]),
        Route("/pubsub/managed", list_managed, methods=["GET"]),
    ]


def _shown(entry: ManagedSubscriptionEntry) -> dict[str, Any]:
    return {
        "developer_name": entry.name,
        "subscription_id": entry.subscription_id,
        "topic": entry.topic,
        "state": entry.state,
        "active": entry.active,
        "committed": committed_of(entry),
    }


async def read_object(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises:
        ValueError: the body is not one.
    """
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - one kind of refusal for the caller
    return body
