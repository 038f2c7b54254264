"""Record ids: 15 case-sensitive characters, or 18 with three characters that carry the case of the first 15.

Ids here are made from a counter per key prefix, so the same seed and the same order of calls give the same ids.
"""

import hashlib
import string

_ALPHABET = string.ascii_uppercase + string.digits[:6]
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHORT, LONG = 15, 18


def checksum(short: str) -> str:
    """Return the three characters that make a 15-character id safe where case is not kept."""
    return "".join(
        _ALPHABET[sum(1 << bit for bit, char in enumerate(short[start : start + 5]) if char in string.ascii_uppercase)]
        for start in (0, 5, 10)
    )


def to_18(value: str) -> str | None:
    """Return the 18-character form of a well-formed id, or None for anything else."""
    if len(value) not in {SHORT, LONG} or not (value.isascii() and value.isalnum()):
        return None
    short = value[:SHORT]
    full = short + checksum(short)
    return full if len(value) == SHORT or value[SHORT:].upper() == full[SHORT:] else None


class IdFactory:
    """Makes the next id of each key prefix."""

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256(f"org {seed}".encode()).digest()
        self._pod = "".join(_BASE62[byte % 62] for byte in digest[:2]) + "0"
        self._next: dict[str, int] = {}

    def make(self, prefix: str) -> str:
        """Return a new 18-character id that begins with the three-character prefix."""
        number = self._next.get(prefix, 1)
        self._next[prefix] = number + 1
        digits = ""
        for _ in range(9):
            number, rest = divmod(number, 62)
            digits = _BASE62[rest] + digits
        short = prefix + self._pod + digits
        return short + checksum(short)
