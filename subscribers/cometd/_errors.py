"""What an unsuccessful answer means for the stream. Closed by default: what is not listed is tried again.

An error is a number, two colons and a text, of which we read as little as tells the cases apart. Source: Streaming API
Developer Guide, "Streaming API Error Codes" and "Handling Streaming API Errors"
(developer.salesforce.com/docs/platform/api-streaming/guide/streaming-error-codes.html).
"""

from typing import Any

from subscribers.feed import Cause, StreamEnded

# Number and a part of the text, lower case; the first line that fits decides.
_TABLE = (
    ("401", "", Cause.NEW_TOKEN),
    ("400", "replayid", Cause.REPLAY_LOST),
    ("400", "cookie", Cause.RETRY),  # the server that knew us is gone
    ("403", "unknown client", Cause.RETRY),
    ("", "limit exceeded", Cause.SLOW_DOWN),
    ("", "too busy", Cause.RETRY),
    ("400", "", Cause.STOP),
    ("403", "", Cause.STOP),
    ("404", "", Cause.STOP),
    ("412", "", Cause.STOP),
    ("413", "", Cause.STOP),
)
_BY_STATUS = {
    400: Cause.STOP,
    401: Cause.NEW_TOKEN,
    403: Cause.SLOW_DOWN,  # API requests of the org are spent, or switched off for a while
    404: Cause.STOP,
    405: Cause.STOP,
    413: Cause.STOP,
    429: Cause.SLOW_DOWN,
}
MAX_CODE_CHARACTERS = 120


def ended(message: dict[str, Any]) -> StreamEnded:
    """Return the end of a stream that an unsuccessful Bayeux message means."""
    text = _reason(message)
    number, _, words = text.lower().partition(":")
    cause = next((cause for code, part, cause in _TABLE if code in {"", number} and part in words), Cause.RETRY)
    return StreamEnded(cause, text[:MAX_CODE_CHARACTERS])


def ended_by_status(status: int) -> StreamEnded:
    """Return the end of a stream that an HTTP status other than 200 means."""
    return StreamEnded(_BY_STATUS.get(status, Cause.RETRY), f"HTTP {status}")


def _reason(message: dict[str, Any]) -> str:
    """Return the error; of a handshake, that which Salesforce gives as its reason."""
    extension = message.get("ext")
    told = extension.get("sfdc") if isinstance(extension, dict) else None
    reason = told.get("failureReason") if isinstance(told, dict) else None
    return str(reason or message.get("error") or f"{message.get('channel')} failed")
