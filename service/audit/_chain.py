"""The chain: each entry's hash covers its place, its text and the hash before, so no entry can change by itself.

Whoever can write the whole table could forge the whole chain; what he cannot forge is a head that was kept elsewhere.
"""

import hashlib
from dataclasses import dataclass

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """How long the chain is, and the hash of its last entry; keep it aside to notice a tail cut off."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed entry: its place from 1 on, its text, and its hash in hexadecimal digits."""

    seq: int
    entry: str
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain does not hold, and in what way."""

    seq: int
    what: str


def seal_of(before: str, seq: int, entry: str) -> str:
    """Return the hash of an entry at a place after another hash."""
    return hashlib.sha256(f"{before}\n{seq}\n{entry}".encode()).hexdigest()


class Verifier:
    """Follows a chain link by link; stops at the first fault.

    Args:
        start: what stands before the first link; the empty chain, unless it is a part of a longer one.
        known: heads kept aside, which the chain must hold.
    """

    def __init__(self, start: Head | None = None, known: tuple[Head, ...] = ()) -> None:
        self.head = start or Head(0, GENESIS)
        self.first = self.head.seq + 1
        self.fault: Fault | None = None
        self._known = {one.seq: one.hash for one in known}

    def follow(self, link: Link, before: str | None = None) -> bool:
        """Take the next link, and the hash it says was before, if it does; return whether the chain still holds."""
        if self.fault is not None:
            return False
        wanted = self.head.seq + 1
        if link.seq != wanted:
            what = "is missing" if link.seq > wanted else f"comes again, where {wanted} belongs"
            self.fault = Fault(min(link.seq, wanted), what)
        elif before is not None and before != self.head.hash:
            self.fault = Fault(link.seq, "does not follow the one before it")
        elif seal_of(self.head.hash, link.seq, link.entry) != link.hash:
            self.fault = Fault(link.seq, "was changed, or another was put before it")
        elif self._known.get(link.seq, link.hash) != link.hash:
            self.fault = Fault(link.seq, "is not the one whose hash was kept")
        else:
            self.head = Head(link.seq, link.hash)
        return self.fault is None

    def end(self) -> Fault | None:
        """Return the first fault of the whole; also when the chain ends before a head that was kept."""
        longest = max(self._known, default=0)
        if self.fault is None and longest > self.head.seq:
            self.fault = Fault(self.head.seq + 1, f"and all up to {longest} are missing: the tail was cut off")
        return self.fault
