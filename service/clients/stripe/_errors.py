"""What each of Stripe's errors means for us: one table, closed by default.

Whatever the table does not know is VendorUnavailable: tried again under the same key, which is harmless, until the
caller's limit. Stripe's own message is left out, since it may quote what a customer typed.
Source: docs.stripe.com/api/errors, docs.stripe.com/error-codes, docs.stripe.com/error-low-level.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import stripe

from service.errors import PaymentDeclined, VendorDenied, VendorError, VendorRejected, VendorUnavailable
from service.redaction import remove_unkept, told

UNAVAILABLE = "STRIPE_UNAVAILABLE"
LIMITED = "STRIPE_RATE_LIMITED"
# Stripe names seconds or minutes; a header that says more than this is not believed.
MAX_RETRY_AFTER_SECONDS = 3600
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_PARAMETER = re.compile(r"^[a-z0-9_\[\]]{1,100}$")
# A restricted key that lacks a permission is told its name, in the message only; nothing else of the message is kept.
_PERMISSION = re.compile(r"\b(rak_[a-z0-9_]{1,80})\b")


class _Meaning(NamedTuple):
    kind: type[VendorError]
    reason: str
    text: str


_DEFAULT = _Meaning(VendorUnavailable, UNAVAILABLE, "Stripe did not answer as expected")
_LOCKED = _Meaning(VendorUnavailable, "STRIPE_LOCKED", "Stripe is working on the same object or key at this moment")
_LIMITED = _Meaning(VendorUnavailable, LIMITED, "Stripe's request limit is reached")
_DENIED = _Meaning(VendorDenied, "STRIPE_DENIED", "Stripe refused the API key or its permissions")
_REJECTED = _Meaning(VendorRejected, "STRIPE_REJECTED", "Stripe refused the request")
_DECLINED = _Meaning(PaymentDeclined, "PAYMENT_DECLINED", "the payment was declined")

# The code decides before the type, and the type before the HTTP status: the SDK's classes do not tell these apart.
_BY_CODE = {"idempotency_key_in_use": _LOCKED, "lock_timeout": _LOCKED, "rate_limit": _LIMITED}
_BY_TYPE = {
    "idempotency_error": _Meaning(
        VendorRejected, "STRIPE_IDEMPOTENCY_MISMATCH", "this key was used before with other parameters"
    ),
    "card_error": _DECLINED,
}
_BY_STATUS = {
    400: _REJECTED,
    401: _DENIED,
    402: _REJECTED,
    403: _DENIED,
    404: _REJECTED,
    409: _LOCKED,
    429: _LIMITED,
}


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    try:
        seconds = int(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return timedelta(seconds=min(max(0, seconds), MAX_RETRY_AFTER_SECONDS))


def _details(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _word(value: object) -> str | None:
    """Return a code or an id; None for what has not the form of one, whatever else it may hold."""
    text = _text(value)
    return text if _WORD.fullmatch(text) and told(text) == text else None


def _meaning(error: stripe.StripeError, details: dict[str, Any], headers: Mapping[str, str]) -> _Meaning:
    status = error.http_status or 0
    code, kind = _word(details.get("code")) or "", _word(details.get("type")) or ""
    # A card_error counts as a decline only with its own status: a 5xx leaves the outcome open, whatever it says.
    by_type = _BY_TYPE.get(kind) if status in (400, 402) else None
    found = _BY_CODE.get(code) or by_type or _BY_STATUS.get(status, _DEFAULT)
    if found is _REJECTED and headers.get("Stripe-Should-Retry") == "true":
        return _DEFAULT
    return found


def translate(error: Exception) -> VendorError | None:
    """Return our error for what the Stripe library raised; None if it does not come from there."""
    if not isinstance(error, stripe.StripeError):
        return None
    details = _details(error)
    headers: Mapping[str, str] = error.headers or {}
    meaning = _meaning(error, details, headers)
    code = _word(details.get("code")) or _word(details.get("type"))
    request_id = _word(error.request_id)
    if meaning.kind is PaymentDeclined:
        intent = details.get("payment_intent")
        remove_unkept(intent)
        return PaymentDeclined(
            f"{meaning.text} ({_word(details.get('decline_code')) or code or 'no reason given'})",
            code=code,
            decline_code=_word(details.get("decline_code")),
            request_id=request_id,
            payment_intent=dict(intent) if isinstance(intent, dict) else None,
        )
    parameter = told(_text(details.get("param")))
    where = f", parameter {parameter}" if _PARAMETER.match(parameter) else ""
    what = code or (f"HTTP {error.http_status}" if error.http_status else "no answer")
    permission = _PERMISSION.search(_text(details.get("message"))) if meaning is _DENIED else None
    lacks = f", it lacks {permission[1]}" if permission else ""
    translated = meaning.kind(
        f"{meaning.text} ({what}{where}{lacks})",
        vendor="stripe",
        code=code,
        request_id=request_id,
        reason=meaning.reason,
        retry_after=_retry_after(headers),
    )
    if permission:
        translated.metadata["permission"] = permission[1]
    return translated
