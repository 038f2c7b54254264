"""Tells whether a webhook comes from Stripe and is fresh. The body is not looked at before that is known.

The HMAC is Stripe's own library; the age is ours, because that library reads the machine's clock, and accepts any time
in the future. Source: docs.stripe.com/webhooks/signatures.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from stripe import SignatureVerificationError, WebhookSignature

from service.errors import InvalidRequest, Violation

# A real header holds a time and one signature per live secret: about 100 characters each.
MAX_HEADER_CHARACTERS = 2000


def _refuse(description: str) -> InvalidRequest:
    return InvalidRequest([Violation("Stripe-Signature", description)])


def _signed_at(header: str) -> int:
    pairs = (part.partition("=") for part in header.split(","))
    try:
        return int(next(value for name, _, value in pairs if name == "t"))
    except (StopIteration, ValueError):
        raise _refuse("has no readable time: send the header as Stripe wrote it") from None


def _matches(payload: bytes, header: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(payload, header, secret, tolerance=None))
    except (SignatureVerificationError, ValueError):  # ValueError: a body that is not UTF-8, a damaged header
        return False


def verify_webhook(
    payload: bytes, header: str | None, secrets: Sequence[str], now: datetime, tolerance: timedelta
) -> None:
    """Check the signature of a webhook body.

    Args:
        payload: the body as received.
        header: the `Stripe-Signature` header.
        secrets: the endpoint's signing secrets; any may match, so that one can be rolled without a gap.
        now: the present moment, UTC.
        tolerance: how old a signature may be, and how far ahead our clock may be behind Stripe's.

    Raises:
        InvalidRequest: on the field "Stripe-Signature": missing, unreadable, of another secret, too old, too early.
    """
    if not header:
        raise _refuse("is missing: only Stripe may send to this address")
    if not header.isascii():
        raise _refuse("is not plain text: send the header as Stripe wrote it")
    if len(header) > MAX_HEADER_CHARACTERS:
        raise _refuse(f"is longer than {MAX_HEADER_CHARACTERS} characters")
    signed_at = _signed_at(header)
    if not any(_matches(payload, header, secret) for secret in secrets):
        raise _refuse("does not match: check the endpoint's signing secret, and that no proxy changes the body")
    age = int(now.timestamp()) - signed_at
    limit = int(tolerance.total_seconds())
    if abs(age) > limit:
        word = "old" if age > 0 else "early"
        raise _refuse(f"is more than {limit} s too {word}: check both clocks; a copy of an earlier delivery is refused")
