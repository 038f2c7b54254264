"""What must be found nowhere, and the ways to put it everywhere: every field of the API, events, errors of vendors.

The keys are of the makers' forms and of nobody; each is too short for what looks through the tree for real ones.
"""

import hashlib
import hmac
import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from deploy.demo.cast import Cast

PROTOS = Path(__file__).parents[2] / "protos/counterfoil/v1"
CARD = "4242424242424242"
KEYS = {
    "Stripe's test key": "sk_test_plantedinthewrongplace",
    "Stripe's live key": "rk_live_plantedwrong",
    "webhook secret": "whsec_plantedinthewrongplace",
    "token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwbGFudGVkIn0.cGxhbnRlZHBsYW50ZWQ",
    "Salesforce's session": "00D000000000001EAA!AQplantedinthewrongplace",
    "private key": "-----BEGIN PRIVATE KEY-----\nplantedinthewrongplace\n-----END PRIVATE KEY-----",
}
PLANTED = {"card number": CARD, **KEYS}


def forms(planted: str) -> set[str]:
    """Return how it would look in a text, in JSON, and in bytes shown as digits."""
    return {planted, json.dumps(planted)[1:-1], planted.encode().hex()}


def methods() -> list[MethodDescriptor]:
    """Return every method of the contract."""
    modules = [
        importlib.import_module(f"service.gen.counterfoil.v1.{path.stem}_pb2")
        for path in sorted(PROTOS.glob("*_service.proto"))
    ]
    services = [one for module in modules for one in module.DESCRIPTOR.services_by_name.values()]
    return [method for service in services for method in service.methods]


def requests_with(planted: str) -> Iterator[tuple[MethodDescriptor, str, bytes]]:
    """Give method, field and bytes of a request of each method for each field of text, which alone holds `planted`."""
    for method in methods():
        for path in _texts(method.input_type, ()):
            message = message_factory.GetMessageClass(method.input_type)()
            if "entity" in method.input_type.fields_by_name and path != ("entity",):
                message.entity = "acme"  # type: ignore[attr-defined]  # it has the field
            _put(message, path, planted)
            yield method, ".".join(path), message.SerializeToString()


def _texts(kind: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for field in kind.fields:
        path = (*above, str(field.name))
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type != FieldDescriptor.TYPE_BYTES:
            yield path
        elif field.message_type is not None and len(above) < 4:
            yield from _texts(field.message_type, path)


def _put(message: Message, path: tuple[str, ...], planted: str) -> None:
    field = message.DESCRIPTOR.fields_by_name[path[0]]
    value: Any = getattr(message, path[0])
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value[planted] = planted
    elif len(path) > 1:
        _put(value.add() if field.is_repeated else value, path[1:], planted)
    elif field.is_repeated:
        value.append(planted)
    else:
        setattr(message, path[0], planted)


def refused(channel: grpc.Channel, method: MethodDescriptor, raw: bytes, planted: str) -> grpc.RpcError:
    """Send a request, with `planted` in a header besides; return the error it ends with, which must come.

    Raises:
        AssertionError: it was answered.
    """
    address = f"/{method.containing_service.full_name}/{method.name}"
    said = "".join(sign for sign in planted if sign.isprintable())
    headers = (("x-planted", said), ("traceparent", said), ("planted-bin", planted.encode()))
    try:
        if method.server_streaming:
            many: Any = channel.unary_stream(address)
            for _ in many(raw, timeout=30, metadata=headers):
                break
        else:
            one: Any = channel.unary_unary(address)
            one(raw, timeout=30, metadata=headers)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"{address} was answered")


def webhook(cast: Cast, body: bytes, planted: str, *, signed: bool = True) -> httpx.Response:
    """Send a webhook with `planted` in a header, and in place of the signature unless it is to be `signed`."""
    now = int(time.time())
    digest = hmac.new(cast.stack.webhook_secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    said = "".join(sign for sign in planted if sign.isprintable())
    return httpx.post(
        f"{cast.service.info['web']}/webhooks/stripe/acme",
        content=body,
        headers={"stripe-signature": f"t={now},v1={digest if signed else said}", "x-planted": said},
        trust_env=False,
        timeout=30,
    )


def event_with(planted: str, number: int) -> bytes:
    """Return an event of a customer who has it in every text that somebody may have typed."""
    address = {"line1": planted, "city": f"{planted} city"}
    customer = {
        "id": f"cus_planted{number}",
        "object": "customer",
        "created": 1_790_000_000,
        "livemode": False,
        "name": planted,
        "description": f"said {planted} by phone",
        "address": address,
        "shipping": {"name": planted, "address": address},
        "metadata": {"note": f"({planted})", planted: planted},
        "client_secret": planted,
    }
    event = {
        "id": f"evt_planted{number}",
        "object": "event",
        "type": "customer.created",
        "created": 1_790_000_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": customer, "previous_attributes": {"name": planted}},
        "request": {"id": "req_planted", "idempotency_key": "planted"},
    }
    return json.dumps(event).encode()
