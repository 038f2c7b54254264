"""An issuer's public keys, by file or by URL, and their rotation.

A file is read again when it changes. A URL is read again when its keys are old, and when a token names a key that is
not among them; but at most every ten seconds (every second while there are none), or made-up key ids would have us ask
for ever. Keys that cannot be read anew stay in use for a day.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import jwt
import orjson

from service import telemetry
from service.clock import Clock
from service.config.access import KeySet
from service.errors import IdentityKeysUnavailable

MAX_BYTES = 262_144
_MAX_KEYS = 100
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_PAUSE = timedelta(seconds=10)
_PAUSE_WITHOUT = timedelta(seconds=1)
_KEPT = timedelta(days=1)
_NEVER = ""


class Keys(Protocol):
    """The keys of one issuer."""

    async def candidates(self, key_id: object, algorithm: str) -> Sequence[jwt.PyJWK]:
        """Return the keys that may have signed: that of the id, or without an id all that fit the algorithm.

        Raises:
            IdentityKeysUnavailable: there are none to look at.
        """

    async def close(self) -> None:
        """Let go of connections."""


def open_keys(settings: KeySet, clock: Clock) -> Keys:
    """Return the keys of a configuration; nothing is read yet."""
    if settings.file is not None:
        return FileKeys(settings.file)
    return UrlKeys(settings.url or _NEVER, clock, timedelta(seconds=settings.refresh_seconds))


class JwkSet:
    """A parsed JWK Set (RFC 7517). Keys of a kind we cannot use, or not for signatures, are left out."""

    def __init__(self, raw: bytes) -> None:
        document = orjson.loads(raw)
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list):
            raise TypeError("not a JWK Set")
        usable = (one for one in listed[:_MAX_KEYS] if isinstance(one, dict) and one.get("use", "sig") == "sig")
        # An octet sequence is a shared secret: whoever checks by it could sign.
        self._listed = [one for one in usable if one.get("kty") != "oct"]
        self._made: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def find(self, key_id: object, algorithm: str) -> list[jwt.PyJWK]:
        """Return the keys of this id (of any, if none is given) that can verify by `algorithm`."""
        found = (
            self._key(place, one, algorithm)
            for place, one in enumerate(self._listed)
            if (key_id is None or one.get("kid") == key_id) and one.get("alg", algorithm) == algorithm
        )
        return [key for key in found if key is not None]

    def _key(self, place: int, one: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
        if (place, algorithm) not in self._made:
            try:
                made = jwt.PyJWK(one, algorithm=algorithm)
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                made = None
            self._made[place, algorithm] = made
        return self._made[place, algorithm]


class FileKeys:
    """Keys in a file; a file that is broken while it is written leaves those of before in use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: JwkSet | None = None

    async def candidates(self, key_id: object, algorithm: str) -> Sequence[jwt.PyJWK]:
        """Return the keys that may have signed."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._keys = JwkSet(self._path.read_bytes()[:MAX_BYTES])
                self._stamp = stamp
        except (OSError, ValueError, TypeError) as error:
            telemetry.log().error("access.keys_unread", file=str(self._path), error=type(error).__name__)
        if self._keys is None:
            raise IdentityKeysUnavailable
        return self._keys.find(key_id, algorithm)

    async def close(self) -> None:
        """Hold nothing."""


class UrlKeys:
    """Keys at a URL, asked for by one call at a time."""

    def __init__(self, url: str, clock: Clock, refresh: timedelta) -> None:
        self._url = url
        self._clock = clock
        self._refresh = refresh
        self._keys: JwkSet | None = None
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def candidates(self, key_id: object, algorithm: str) -> Sequence[jwt.PyJWK]:
        """Return the keys that may have signed."""
        found = self._found(key_id, algorithm)
        if not found or self._older_than(self._refresh):
            async with self._asking:
                found = self._found(key_id, algorithm)
                if not found or self._older_than(self._refresh):
                    await self._ask()
            found = self._found(key_id, algorithm)
        if self._keys is None or self._older_than(_KEPT):
            raise IdentityKeysUnavailable
        return found

    def _found(self, key_id: object, algorithm: str) -> list[jwt.PyJWK]:
        return self._keys.find(key_id, algorithm) if self._keys is not None else []

    def _older_than(self, age: timedelta) -> bool:
        return self._read_at is None or self._clock.now() - self._read_at > age

    async def _ask(self) -> None:
        now = self._clock.now()
        pause = _PAUSE_WITHOUT if self._keys is None else _PAUSE
        if self._asked_at is not None and now - self._asked_at < pause:
            return
        self._asked_at = now
        try:
            self._session = self._session or aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True)
            async with self._session.get(self._url, allow_redirects=False) as response:
                response.raise_for_status()
                raw = await response.content.read(MAX_BYTES)
                while len(raw) < MAX_BYTES and (more := await response.content.read(MAX_BYTES - len(raw))):
                    raw += more
            self._keys, self._read_at = JwkSet(raw), now
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError) as error:
            telemetry.log().error("access.keys_unread", url=self._url, error=type(error).__name__)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._session is not None:
            await self._session.close()
