"""The typed API: calls a second and what each costs, beside a bare grpc.aio server in the same run.

Every server gets the same client, the same requests, and answers of the same size. Payments come from webhooks of
Stripe's imitation; the requests that are repeated were carried out by the service before.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

import jwt
import psutil
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import Message

from deploy.demo.stack import Stack
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from tests.bench.helpers import Server, echo, helper, server_of
from tests.bench.meters import Postgres, cpu_seconds
from tests.bench.orders import Orders
from tests.bench.rates import SERVICE, Load, Target

ECHO, JWT = "bare grpc.aio", "service, JWT"
PAGE = 10
_EVENTS_A_PAYMENT = 4
_ISSUER = "https://login.acme.example"


@dataclass(frozen=True, slots=True)
class ApiScale:
    """Calls of a pass, how often each pass runs, who calls; watchers, and the changes that are told them."""

    calls: int
    rounds: int
    callers: int
    payments: int
    watchers: int
    changes: int
    changes_a_second: int


@dataclass(frozen=True, slots=True)
class RpcFigures:
    """One method of one server. CPU of the server in milliseconds a call."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def measure_rpcs(
    stack: Stack, postgres: Postgres, shapes: list[dict[str, Any]], scale: ApiScale
) -> dict[str, dict[str, RpcFigures]]:
    """Return figures by method and server. Whatever ran of the service before is stopped first."""
    asked = _requests(stack, postgres, shapes, scale)
    plain = stack.start_service(["grpc"], name="grpc")
    token = _ask_for_tokens(stack)
    guarded = stack.start_service(["grpc"], name="grpc-jwt")
    stack.access = {}
    servers = {SERVICE: server_of(plain), JWT: server_of(guarded)}
    answers = {
        method: _ask(servers[SERVICE], method, requests, callers=1, calls=1)[1] for method, requests in asked.items()
    }
    found: dict[str, dict[str, list[RpcFigures]]] = {}
    with echo(stack.folder, answers) as floor:
        servers[ECHO] = floor
        for _ in range(scale.rounds):
            for method, requests in asked.items():
                for name, server in servers.items():
                    ask = partial(_ask, server, method, requests, callers=scale.callers)
                    given = token if name == JWT else ""
                    ask(calls=scale.calls // 10, token=given)
                    figures, _ = ask(calls=scale.calls, token=given)
                    found.setdefault(method, {}).setdefault(name, []).append(figures)
    for process in (plain, guarded):
        process.stop()
    return {method: {name: _middle(seen) for name, seen in passes.items()} for method, passes in found.items()}


def payments_of(postgres: Postgres) -> list[str]:
    """Return the ids of the payments there are."""
    return postgres.texts("SELECT object_id FROM mirror WHERE object_type = 'payment_intent' ORDER BY object_id")


def _requests(
    stack: Stack, postgres: Postgres, shapes: list[dict[str, Any]], scale: ApiScale
) -> dict[str, Sequence[Message]]:
    """Make payments, by webhook and by request; return what is asked about them, by method."""
    for earlier in stack.services:
        if earlier.running:
            earlier.stop()
    service = stack.start_service()
    orders = Orders(stack, service, postgres)
    again = orders.pages(scale.callers)
    orders.close()
    target = Target(SERVICE, stack.web_port, psutil.Process(service.process.pid))
    load = Load(shapes, path=f"/webhooks/stripe/{stack.entity}", secret=stack.webhook_secret, postgres=postgres)
    load.run(target, connections=16, events=scale.payments * _EVENTS_A_PAYMENT)
    service.stop()
    copies = payments_of(postgres)
    return {
        "GetPayment": [api.GetPaymentRequest(entity=stack.entity, payment_id=one) for one in copies],
        "ListPayments": [api.ListPaymentsRequest(entity=stack.entity, page_size=PAGE)],
        "CreatePayment": again,
    }


def _ask_for_tokens(stack: Stack) -> str:
    """Let the next service ask who is calling; return a token that it takes."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    keys = stack.folder / "jwks.json"
    keys.write_text(json.dumps({"keys": [{**public, "kid": "bench", "use": "sig", "alg": "ES256"}]}))
    issuer = {"issuer": _ISSUER, "audience": ["counterfoil"], "keys": {"file": str(keys)}, "algorithms": ["ES256"]}
    caller = {"issuer": "bench", "subject": "bench", "roles": ["requester"], "entities": ["*"]}
    stack.access = {"issuers": {"bench": issuer}, "callers": {"bench": caller}}
    claims = {"iss": _ISSUER, "aud": "counterfoil", "sub": "bench", "exp": datetime.now(UTC) + timedelta(hours=2)}
    return jwt.encode(claims, private, algorithm="ES256", headers={"kid": "bench"})


def _ask(
    server: Server, method: str, requests: Sequence[Message], *, callers: int, calls: int, token: str = ""
) -> tuple[RpcFigures, str]:
    """Ask one server; return the figures, and its first answer in base64."""
    job = {
        "address": server.address,
        "method": method,
        "requests": [base64.b64encode(one.SerializeToString()).decode() for one in requests],
        "token": token,
        "callers": callers,
        "calls": calls,
    }
    with helper("callers", job) as client:
        client.hear()
        before = cpu_seconds(server.process)
        client.say("go")
        result = client.result()
        spent = cpu_seconds(server.process) - before
    figures = RpcFigures(calls / result["seconds"], result["p50_ms"], result["p99_ms"], spent / calls * 1e3)
    return figures, result["answer"]


def _middle(passes: Sequence[RpcFigures]) -> RpcFigures:
    return RpcFigures(
        **{field.name: median(getattr(one, field.name) for one in passes) for field in fields(RpcFigures)}
    )
