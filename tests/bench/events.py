"""Signed webhooks in any number, shaped by a payment that really ran through Stripe's imitation.

The four events of that payment are the moulds: each copy gets identifiers and times of its own. Bodies are indented as
Stripe sends them. Only the standard library is used, so that the load generator starts fast and stays small.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

BLOCK = 128
_DIGITS = 12
_OWN = 4  # the last characters tell the identifiers of one payment apart


def moulds(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each event in the order it happened, its body and what in it must differ from copy to copy."""
    result = []
    for event in sorted(events, key=lambda event: _ORDER.index(event["type"])):
        subject = event["data"]["object"]
        names = (event["id"], subject["id"], subject.get("payment_intent"), subject.get("latest_charge"))
        transaction = subject.get("balance_transaction")
        result.append(
            {
                "body": json.dumps(event, indent=2),
                "identifiers": sorted({name for name in (*names, transaction) if name}),
                "created": event["created"],
            }
        )
    return result


_ORDER = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated")
TYPES = frozenset(_ORDER)


def requests(shapes: list[dict[str, Any]], *, path: str, secret: str, first: int, count: int) -> Iterator[bytes]:
    """Yield `count` complete HTTP requests: payments `first`, `first` + 1, ..., four events each.

    A block of payments goes through each step together, so that the steps of one payment are seconds apart in their
    own clock and do not meet in one batch, as with real customers.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json; charset=utf-8\r\n"
    key = secret.encode()
    made = 0
    while made < count:
        for step, shape in enumerate(shapes):
            for number in range(first, first + BLOCK):
                if made == count:
                    return
                made += 1
                yield _signed(head, key, _copy(shape, number, step))
        first += BLOCK


def paid(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mould of a payment that succeeded."""
    return shapes[_ORDER.index("payment_intent.succeeded")]


def hot_requests(shape: dict[str, Any], *, path: str, secret: str, first: int, count: int) -> Iterator[bytes]:
    """Yield `count` requests about one payment, each a second newer than the one before and telling something new."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json; charset=utf-8\r\n"
    body = json.loads(_copy(shape, first, 0))
    for number in range(first, first + count):
        body["id"] = f"evt_hot{number:012d}"
        body["created"] = shape["created"] + 60 + number
        body["data"]["object"]["amount_received"] = number % 99_999_999
        yield _signed(head, secret.encode(), json.dumps(body, indent=2).encode())


def _copy(shape: dict[str, Any], number: int, step: int) -> bytes:
    body: str = shape["body"]
    for name in shape["identifiers"]:
        body = body.replace(name, f"{name[: -_DIGITS - _OWN]}{number:0{_DIGITS}d}{name[-_OWN:]}")
    created = shape["created"]
    return body.replace(f'"created": {created}', f'"created": {created + 2 * step}').encode()


def _signed(head: str, key: bytes, body: bytes) -> bytes:
    now = int(time.time())
    signature = hmac.new(key, b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    return f"{head}Stripe-Signature: t={now},v1={signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
