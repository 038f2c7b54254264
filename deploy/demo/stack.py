"""A sandbox and one or more service processes, started as a user would start them, on free ports of this machine.

It knows the two commands, their files and nothing of what is inside; everything it starts it stops.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import stripe
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deploy" / "salesforce" / "force-app"
API_VERSION: Final = "2026-10-28.endive"
START_SECONDS = 60.0
STOP_SECONDS = 40.0
_PAUSE_SECONDS = 0.02


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_file(path: Path, process: "subprocess.Popen[bytes]", log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"{process.args!r} did not start; its log ends with:\n{log.read_text()[-3000:]}")
        time.sleep(_PAUSE_SECONDS)
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


@dataclass
class Process:
    """One running program; `info` is what it wrote when it was ready."""

    process: "subprocess.Popen[bytes]"
    info: dict[str, Any]
    log: Path

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; return its exit code, or kill it if it does not end."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


@dataclass
class Stack:
    """Everything under one folder. Use it as a context: what was started is stopped at the end.

    Args:
        folder: where state, configuration, data and logs are kept.
        environment: extra variables for every service process.
        database_url: a PostgreSQL of one's own; None lets the service start its embedded one.
        package: what is deployed to the org.
        mappings: of the org, as the YAML file has them.
        reactions: of the org, likewise.
        org: further settings of the org.
        terms: further settings of the entity.
        topics: what is read of the org's events; the default of the service if empty.
        access: who may call the gRPC API; everybody on this machine if empty.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    database_url: str | None = None
    package: Path = PACKAGE
    mappings: dict[str, Any] = field(default_factory=dict)
    reactions: Sequence[dict[str, Any]] = ()
    org: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)
    topics: Sequence[str] = ()
    access: dict[str, Any] = field(default_factory=dict)
    entity: str = "acme"
    sandbox: Process | None = None
    services: list[Process] = field(default_factory=list)
    web_port: int = 0
    webhook_secret: str = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_exc: object) -> None:
        for service in self.services:
            if service.running:
                service.stop()
        self._stop_orphaned_database()
        if self.sandbox is not None and self.sandbox.running:
            self.sandbox.stop()

    def _stop_orphaned_database(self) -> None:
        """Stop the embedded PostgreSQL that a killed service left behind; its own ends with the last service."""
        file = self.folder / "data" / "postgres" / "postmaster.pid"
        deadline = time.monotonic() + STOP_SECONDS
        while file.exists() and time.monotonic() < deadline:
            try:
                # A fast shutdown: www.postgresql.org/docs/current/server-shutdown.html
                os.kill(int(file.read_text().splitlines()[0]), signal.SIGINT)
            except (OSError, ValueError, IndexError):
                return
            time.sleep(_PAUSE_SECONDS)

    @property
    def info(self) -> dict[str, Any]:
        """The sandbox's addresses and keys, as it prints them."""
        if self.sandbox is None:
            raise RuntimeError("start the sandbox first")
        return self.sandbox.info

    def start_sandbox(self, *, seed: int = 1) -> dict[str, Any]:
        """Start Stripe and Salesforce; return their addresses and keys."""
        state = self.folder / "sandbox"
        state.mkdir(exist_ok=True)
        log = self.folder / "sandbox.log"
        command = [sys.executable, "-m", "counterfoil_sandbox", "serve", "--state-dir", str(state)]
        command += ["--metadata", str(self.package), "--seed", str(seed)]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  (our own program)
                command, stdout=output, stderr=output, process_group=0
            )
        self.sandbox = Process(process, _await_file(state / "sandbox.json", process, log), log)
        return self.info

    def stripe(self) -> stripe.StripeClient:
        """Return the official client, pointed at the sandbox."""
        facts = self.info["stripe"]
        return stripe.StripeClient(
            facts["secret_key"], base_addresses={"api": facts["url"]}, stripe_version=API_VERSION
        )

    def register_webhooks(self) -> None:
        """Make Stripe send its events to our web port, as a user does in the dashboard."""
        self.web_port = self.web_port or free_port()
        url = f"http://127.0.0.1:{self.web_port}/webhooks/stripe/{self.entity}"
        endpoint = self.stripe().v1.webhook_endpoints.create(
            {"url": url, "enabled_events": ["*"], "api_version": API_VERSION}
        )
        self.webhook_secret = str(endpoint.secret)

    def configuration(self) -> dict[str, Any]:
        """Return the YAML file's content: one entity, one org."""
        org, account = self.info["salesforce"], self.info["stripe"]
        return {
            "version": 1,
            "orgs": {
                "main": {
                    "org_id": org["org_id"],
                    "is_sandbox": org["is_sandbox"],
                    "login_url": org["url"],
                    "ca_file": org["ca_file"],
                    "auth": {
                        "flow": "jwt_bearer",
                        "client_id": org["client_id"],
                        "username": org["username"],
                        "private_key": {"file": org["jwt_key_file"]},
                        "audience": org["url"],
                    },
                    "reactions": list(self.reactions),
                    **self.org,
                    "pubsub": {
                        "endpoint": self.info["pubsub"]["endpoint"],
                        **({"topics": list(self.topics)} if self.topics else {}),
                        **self.org.get("pubsub", {}),
                    },
                }
            },
            "entities": {
                self.entity: {
                    "org": "main",
                    "checkout": {"success_url": f"{account['url']}/paid"},
                    "stripe": {
                        "account": account["account"],
                        "livemode": False,
                        # The stand-in has no limit; what is tried here is how fast the service is.
                        "requests_per_second": 10_000,
                        "endpoint_requests_per_second": 10_000,
                        "api_base": account["url"],
                        "secret_key": {"env": "DEMO_STRIPE_KEY"},
                        "webhook_secrets": [{"env": "DEMO_WEBHOOK_SECRET"}],
                    },
                    **self.terms,
                }
            },
            "mappings": {"main": self.mappings},
            **({"access": self.access} if self.access else {}),
        }

    def service_environment(self, *, config: Path, ready: Path) -> dict[str, str]:
        """Return the environment of a service process."""
        variables = {
            "COUNTERFOIL_CONFIG_FILE": str(config),
            "COUNTERFOIL_DATA_DIR": str(self.folder / "data"),
            "COUNTERFOIL_READY_FILE": str(ready),
            "DEMO_STRIPE_KEY": self.info["stripe"]["secret_key"],
            "DEMO_WEBHOOK_SECRET": self.webhook_secret,
        }
        if self.database_url is not None:
            variables |= {"COUNTERFOIL_DATABASE_URL": self.database_url, "COUNTERFOIL_MIGRATE_ON_START": "true"}
        return os.environ | variables | self.environment

    def start_service(
        self, roles: Sequence[str] = (), *, name: str = "service", web_port: int | None = None
    ) -> Process:
        """Start `counterfoil serve`, in some roles or all, and wait until it is ready."""
        if not self.webhook_secret:
            self.register_webhooks()
        config = self.folder / "counterfoil.yaml"
        config.write_text(yaml.safe_dump(self.configuration(), sort_keys=False))
        number = len(self.services)
        ready = self.folder / f"{name}-{number}.json"
        ready.unlink(missing_ok=True)
        log = self.folder / f"{name}-{number}.log"
        port = self.web_port if web_port is None else web_port
        command = [sys.executable, "-m", "service", "serve", "--web-port", str(port), "--grpc-port", "0"]
        command += ["--role", ",".join(roles)] if roles else []
        environment = self.service_environment(config=config, ready=ready)
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  (our own program)
                command, stdout=output, stderr=output, env=environment, process_group=0
            )
        service = Process(process, _await_file(ready, process, log), log)
        self.services.append(service)
        return service
