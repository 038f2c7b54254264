"""The command: start both vendors' servers in one event loop, tell where they listen, stop cleanly on a signal.

It keeps no state of its own and writes only to the state directory: the authority's certificate, the key pair
registered for JWT bearer, and ``sandbox.json``, which appears when everything is listening.
"""

import asyncio
import contextlib
import json
import logging
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from starlette.applications import Starlette

from counterfoil_sandbox.cometd import CometdSandbox
from counterfoil_sandbox.control import build_control_app
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.pubsub.sandbox import PubSubSandbox
from counterfoil_sandbox.salesforce import MetadataError, SalesforceSandbox
from counterfoil_sandbox.server import HttpServer, bind, port_of
from counterfoil_sandbox.stripe import StripeSandbox
from counterfoil_sandbox.tls import issue_jwt_key, issue_server_certificate

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A local stand-in for Stripe and Salesforce.")


@dataclass(frozen=True)
class Ports:
    """TCP ports asked for; 0 takes a free one."""

    stripe: int = 0
    salesforce: int = 0
    salesforce_http: int = 0
    pubsub: int = 0
    pubsub_plaintext: int = 0
    control: int = 0


@app.callback()
def _root() -> None:
    """A local stand-in for Stripe and Salesforce."""


@app.command()
def serve(  # noqa: PLR0917  # typer turns each into an option
    state_dir: Annotated[Path, typer.Option(help="Receives ca.pem, jwt.key, jwt.crt and sandbox.json.")],
    host: Annotated[str, typer.Option(help="Address to listen on; keep it loopback.")] = "127.0.0.1",
    stripe_port: int = 0,
    salesforce_port: int = 0,
    salesforce_http_port: int = 0,
    pubsub_port: int = 0,
    pubsub_plaintext_port: int = 0,
    control_port: int = 0,
    metadata: Annotated[
        Path | None, typer.Option(help="SFDX source (a force-app folder) to deploy to the Salesforce org.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Makes ids and records the same at each start.")] = 1,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop cleanly with exit code 0."""
    logging.basicConfig(level=logging.WARNING)
    ports = Ports(stripe_port, salesforce_port, salesforce_http_port, pubsub_port, pubsub_plaintext_port, control_port)
    info_file = state_dir / "sandbox.json"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        info_file.unlink(missing_ok=True)
        asyncio.run(_run(host, ports, state_dir, info_file, metadata=metadata, seed=seed))
    except (MetadataError, OSError) as error:
        typer.echo(f"counterfoil-sandbox cannot start: {error}", err=True)
        raise typer.Exit(code=1) from error
    finally:
        info_file.unlink(missing_ok=True)


async def _run(host: str, ports: Ports, state_dir: Path, info_file: Path, *, metadata: Path | None, seed: int) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        info = await _start(stack, host, ports, state_dir, metadata=metadata, seed=seed)
        _publish(info, info_file)
        await stopping.wait()


async def _start(
    stack: contextlib.AsyncExitStack, host: str, ports: Ports, state_dir: Path, *, metadata: Path | None, seed: int
) -> dict[str, Any]:
    """Bind and start every server, registering each stop with the stack; return what clients need to know."""
    certificate = issue_server_certificate("localhost", "127.0.0.1", host)
    (state_dir / "ca.pem").write_bytes(certificate.ca_pem)
    key_file = state_dir / "jwt.key"
    public_key = issue_jwt_key(key_file, state_dir / "jwt.crt")
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # compared with, not bound to

    stripe_socket, https_socket, http_socket, control_socket = (
        stack.enter_context(bind(host, port))
        for port in (ports.stripe, ports.salesforce, ports.salesforce_http, ports.control)
    )
    bus = EventBus()
    stripe = StripeSandbox(base_url=f"http://{shown}:{port_of(stripe_socket)}", seed=seed)
    salesforce = SalesforceSandbox(
        url=f"https://localhost:{port_of(https_socket)}",
        http_url=f"http://localhost:{port_of(http_socket)}",
        public_key=public_key,
        metadata=metadata,
        bus=bus,
        seed=seed,
    )
    pubsub = PubSubSandbox(bus=bus, authorise=salesforce.authorise)
    cometd = CometdSandbox(bus=bus, is_open=salesforce.is_open, close=salesforce.close_session)
    tls_port, plaintext_port = await pubsub.start(
        host, ports.pubsub, ports.pubsub_plaintext, certificate.chain_pem, certificate.key_pem
    )
    stack.push_async_callback(pubsub.stop)
    await stripe.start()
    stack.push_async_callback(stripe.stop)
    for server in (
        HttpServer(stripe.app, stripe_socket),
        HttpServer(cometd.beside(salesforce.app), https_socket, certificate.context()),
        HttpServer(cometd.beside(salesforce.app), http_socket),
        HttpServer(_control_app(stripe, salesforce, pubsub, cometd), control_socket),
    ):
        await server.start()
        stack.push_async_callback(server.stop)
    files = {"ca_file": str((state_dir / "ca.pem").resolve()), "jwt_key_file": str(key_file.resolve())}
    return {
        "stripe": {"url": stripe.base_url, "secret_key": stripe.secret_key, "account": stripe.account},
        "salesforce": salesforce.info() | files,
        "pubsub": {"endpoint": f"localhost:{tls_port}", "plaintext_endpoint": f"localhost:{plaintext_port}"},
        "control": {"url": f"http://{shown}:{port_of(control_socket)}"},
    }


def _control_app(
    stripe: StripeSandbox, salesforce: SalesforceSandbox, pubsub: PubSubSandbox, cometd: CometdSandbox
) -> Starlette:
    def reset() -> None:
        stripe.reset()
        cometd.reset()
        pubsub.reset()
        salesforce.reset()  # last, since it defines the org's topics again

    sides = (stripe, salesforce, pubsub, cometd)
    return build_control_app([route for side in sides for route in side.control_routes], reset)


def _publish(info: dict[str, Any], info_file: Path) -> None:
    """Write the description atomically and print it as one line."""
    text = json.dumps(info)
    temporary = info_file.with_suffix(".tmp")
    temporary.write_text(text + "\n")
    temporary.replace(info_file)
    typer.echo(text)
