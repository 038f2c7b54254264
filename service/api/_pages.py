"""Page tokens: where the next page begins, and for which filters.

A token is opaque but no secret: it holds the sort key of the last row shown, so a page is not disturbed by rows that
came since. A checksum catches a damaged token, a digest one of another method or other filters; both are refused, never
guessed at. Whoever forges a token finds it refused, or a page of what they may see anyway.
"""

import hashlib
import struct
from datetime import UTC, datetime, timedelta

from service.api._tokens import MAX_TOKEN, seal, unseal
from service.errors import InvalidRequest, Violation

__all__ = ["MAX_TOKEN", "Position", "filter_digest", "read_token", "write_token"]

_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct(">Bq8s")  # version, microseconds since 1970, digest of the filters; the payment id follows

Position = tuple[datetime, str]


def filter_digest(*filters: str) -> bytes:
    """Return a short digest of what is listed and by which filters; their order is meaning."""
    joined = b"".join(struct.pack(">I", len(value.encode())) + value.encode() for value in filters)
    return hashlib.sha256(joined).digest()[:8]


def write_token(position: Position, digest: bytes) -> str:
    """Return the token for the page after `position`: (created_at in UTC, payment id)."""
    created_at, payment_id = position
    micros = (created_at - _EPOCH) // _MICROSECOND
    return seal(_HEAD.pack(_VERSION, micros, digest) + payment_id.encode())


def read_token(token: str, digest: bytes) -> Position:
    """Return the position a token was written for.

    Raises:
        InvalidRequest: the token is damaged, of another version, or of other filters; names `page_token`.
    """
    content = unseal(token)
    if len(content) <= _HEAD.size:
        raise _damaged()
    version, micros, filters = _HEAD.unpack_from(content)
    if version != _VERSION:
        raise _refused("is of another version of this service: start without one")
    if filters != digest:
        raise _refused("belongs to a listing with other filters: repeat those, or start without one")
    try:
        place = _EPOCH + micros * _MICROSECOND, content[_HEAD.size :].decode()
    except (OverflowError, UnicodeDecodeError):
        raise _damaged() from None
    if "\0" in place[1]:  # PostgreSQL takes no such text
        raise _damaged()
    return place


def _damaged() -> InvalidRequest:
    return _refused("is not a token of this service: copy next_page_token as it was, or start without one")


def _refused(description: str) -> InvalidRequest:
    return InvalidRequest([Violation("page_token", description)])
