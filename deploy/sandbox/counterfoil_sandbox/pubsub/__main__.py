"""Runs the event APIs alone, without an org behind them: for conformance tests, and for trying a client out.

``python -m counterfoil_sandbox.pubsub --ca-file FILE`` prints one line of JSON with its ports and credentials, and
serves until SIGTERM. Topics and events come in over the control port: POST /pubsub/topics {"topic", "schema"} and
POST /pubsub/events {"topic", "payload", "event_uuid"?}.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from counterfoil_sandbox.cometd import CometdSandbox
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.pubsub.control import read_object
from counterfoil_sandbox.pubsub.sandbox import PubSubSandbox
from counterfoil_sandbox.server import HttpServer, bind, port_of
from counterfoil_sandbox.tls import issue_server_certificate

HOST = "127.0.0.1"
TOKEN = "00D000000000001!demo"  # noqa: S105 - a made-up token which opens nothing else
INSTANCE = "https://localhost"
TENANT = "00D000000000001EAA"


def _authorise(token: str, instance: str, tenant: str) -> str | None:
    return None if (token, instance, tenant) == (TOKEN, INSTANCE, TENANT) else "service.auth.error"


def _bus_routes(bus: EventBus) -> list[Route]:
    async def define(request: Request) -> JSONResponse:
        wish = await read_object(request)
        return JSONResponse({"schema_id": bus.define(wish["topic"], wish["schema"])})

    async def publish(request: Request) -> JSONResponse:
        wish = await read_object(request)
        try:
            event = bus.publish(wish["topic"], wish["payload"], wish.get("event_uuid"))
        except (KeyError, ValueError) as refusal:
            return JSONResponse({"error": str(refusal)}, 400)
        return JSONResponse(
            {"event_uuid": event.event_uuid, "replay_id": event.replay_id.hex(), "schema_id": event.schema_id}
        )

    return [
        Route("/pubsub/topics", define, methods=["POST"]),
        Route("/pubsub/events", publish, methods=["POST"]),
    ]


async def _serve(ca_file: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    bus = EventBus()
    sandbox = PubSubSandbox(bus=bus, authorise=_authorise)
    certificate = issue_server_certificate("localhost", HOST)
    await asyncio.to_thread(ca_file.write_bytes, certificate.ca_pem)
    tls_port, plaintext_port = await sandbox.start(HOST, 0, 0, certificate.chain_pem, certificate.key_pem)
    cometd = CometdSandbox(bus=bus, is_open=lambda token: token == TOKEN, close=lambda _token: None)
    listener, cometd_listener = bind(HOST, 0), bind(HOST, 0)
    routes = [*sandbox.control_routes, *cometd.control_routes, *_bus_routes(bus)]
    servers = [HttpServer(Starlette(routes=routes), listener), HttpServer(cometd.app, cometd_listener)]
    for server in servers:
        await server.start()
    announcement = {
        "endpoint": f"localhost:{tls_port}",
        "plaintext_endpoint": f"localhost:{plaintext_port}",
        "control": f"http://{HOST}:{port_of(listener)}",
        "cometd": f"http://localhost:{port_of(cometd_listener)}",
        "metadata": {"accesstoken": TOKEN, "instanceurl": INSTANCE, "tenantid": TENANT},
    }
    print(json.dumps(announcement), flush=True)  # noqa: T201 - the announcement is the interface
    await stopped.wait()
    for server in servers:
        await server.stop()
    await sandbox.stop()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ca-file", type=Path, required=True, help="where to write the authority's certificate")
    asyncio.run(_serve(parser.parse_args().ca_file))


if __name__ == "__main__":
    main()
