"""Object ids that look like Stripe's: random from a seed, and never given twice by one process.

Payment objects share a stem, as at Stripe: `pi_3X...` and `ch_3X...` of one payment begin alike.
"""

import copy
import random
import string
from typing import Self

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Ids:
    """A seeded source of ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"counterfoil-sandbox-{seed}")  # noqa: S311 - repeatable on purpose
        self.tail = self.token(10)
        self.account = f"acct_1{self.token(5)}{self.tail}"
        self.secret_key = f"sk_test_51{self.account[-15:]}{self.token(80)}"
        self.restricted_key = f"rk_test_51{self.account[-15:]}{self.token(80)}"
        self.configuration = self.new("pmc", "1")

    def connected(self) -> Self:
        """Return the ids of another account: the same source, so that none is given twice, under its own name."""
        other = copy.copy(self)
        other.account = self.new("acct", "1")[: len(self.account)]
        return other

    def token(self, length: int) -> str:
        """Return `length` random letters and digits."""
        return "".join(self._random.choices(_LETTERS, k=length))

    def stem(self) -> str:
        """Return the part that the objects of one payment share."""
        return f"3{self.token(5)}{self.tail}"

    def on_stem(self, prefix: str, stem: str) -> str:
        """Return an id for an object that belongs to the payment of `stem`."""
        return f"{prefix}_{stem}{self._random.choice('0123')}{self.token(7)}"

    def new(self, prefix: str, generation: str = "") -> str:
        """Return an id of 24 characters after its prefix, or Stripe's 14 when `generation` is blank."""
        if generation:
            return f"{prefix}_{generation}{self.token(5)}{self.tail}{self.token(8)}"
        return f"{prefix}_{self.token(14)}"


def stem_of(identifier: str) -> str:
    """Return the shared stem of a payment object's id."""
    return identifier.partition("_")[2][:16]
