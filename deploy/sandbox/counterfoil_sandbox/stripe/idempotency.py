"""Idempotency keys of v1: one key, one executed request, one answer for 24 hours.

Source: docs.stripe.com/api/idempotent_requests. A key is claimed before the request is executed; the loser of a race
is told so and nothing of it is kept. Answers to requests that never executed are not kept either.
"""

from dataclasses import dataclass
from typing import Any

from counterfoil_sandbox.stripe.errors import StripeError
from counterfoil_sandbox.stripe.settings import DAY_S

MAX_LENGTH = 255
MAX_KEYS = 100_000


@dataclass
class Record:
    """A key in use (`status` 0) or the answer it is bound to."""

    path: str
    params: Any
    created: int
    request_id: str
    status: int = 0
    body: bytes = b""


class IdempotencyKeys:
    """The keys of one account and mode."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def claim(self, key: str, path: str, params: Any, now: int, request_id: str) -> Record | None:
        """Take a free key and return None, or return the record to replay.

        Raises:
            StripeError: 400 idempotency_error for another request under this key; 409 while the first is executing.
        """
        if len(key) > MAX_LENGTH:
            raise StripeError(400, f"Idempotency keys may be at most {MAX_LENGTH} characters.")
        self._prune(now)
        record = self._records.get(key)
        if record is None:
            self._records[key] = Record(path, params, now, request_id)
            return None
        if record.path != path:
            difference = f"for the same endpoint they were first used for ('{path}' vs '{record.path}')"
            raise _mismatch(key, difference)
        if record.params != params:
            raise _mismatch(key, "with the same parameters they were first used with")
        if not record.status:
            raise StripeError(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}",
                code="idempotency_key_in_use",
            )
        return record

    def keep(self, key: str, status: int, body: bytes) -> None:
        """Bind the answer of an executed request to its key."""
        if record := self._records.get(key):  # unless the account was reset meanwhile
            record.status, record.body = status, body

    def release(self, key: str) -> None:
        """Free a key whose request did not execute."""
        self._records.pop(key, None)

    def clear(self) -> None:
        """Forget every key."""
        self._records.clear()

    def _prune(self, now: int) -> None:
        """Drop the oldest answers: those of a day ago, and any above the cap that bounds memory."""
        while self._records:
            key, record = next(iter(self._records.items()))
            if now - record.created < DAY_S and len(self._records) <= MAX_KEYS:
                return
            if not record.status:
                return
            del self._records[key]


def _mismatch(key: str, difference: str) -> StripeError:
    return StripeError(
        400,
        f"Keys for idempotent requests can only be used {difference}. Try using a key other than '{key}' if you meant "
        "to execute a different request.",
        kind="idempotency_error",
    )
