"""Opaque tokens: what they say, and a checksum that catches a damaged one. No secrets, and nothing is guessed at."""

import base64
import binascii
import hashlib
import struct

from service.errors import InvalidRequest, Violation
from service.history.feed import FeedHead

MAX_TOKEN = 600

_CHECKSUM = 8
_FEED = struct.Struct(">Bqq")  # version, id of the feed, place in it
_FEED_VERSION = 1


def seal(content: bytes) -> str:
    """Return a token for some content."""
    return base64.urlsafe_b64encode(content + _checksum(content)).rstrip(b"=").decode()


def unseal(token: str) -> bytes:
    """Return the content of a token, nothing for a damaged one."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return b""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    content, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    return content if _checksum(content) == checksum else b""


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECKSUM]


def write_resume_token(place: FeedHead) -> str:
    """Return the token of a place in the feed of payments."""
    return seal(_FEED.pack(_FEED_VERSION, place.id, place.position))


def read_resume_token(token: str) -> FeedHead:
    """Return the place a token was written for.

    Raises:
        InvalidRequest: it is damaged, or of another version; names `resume_token`.
    """
    content = unseal(token)
    if len(content) != _FEED.size or content[0] != _FEED_VERSION:
        remedy = "copy resume_token as it was, or start without one"
        raise InvalidRequest([Violation("resume_token", f"is not a token of this service: {remedy}")])
    _, feed, position = _FEED.unpack(content)
    return FeedHead(feed, position)
