"""Misbehaviour on request: which faults wait for which topic, and how often each still strikes.

A fault without a topic waits for any. ``times`` -1 means until cleared. Where a fault strikes is decided by the caller
of ``take``; this file only keeps the book.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from counterfoil_sandbox.pubsub.errors import PREFIX, STATUS_OF, CallFailure

KINDS = (
    "expired_replay_id",
    "expired_token",
    "goaway",
    "ok_end",
    "silence",
    "disconnect",
    "duplicate",
    "schema_change",
    "error",
)
RPCS = ("Subscribe", "GetTopic", "GetSchema", "Publish", "PublishStream")


@dataclass
class Fault:
    """One waiting fault; ``floors`` are the newest positions of the topics when it was asked for."""

    kind: str
    topic: str | None
    times: int
    rpc: str
    failure: CallFailure
    purge: bool
    floors: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, wish: Mapping[str, Any]) -> "Fault":
        """Read a wish as it came over the control port.

        Raises:
            ValueError: the kind, the error code, the status, the call or the count is not one there is.
        """
        unknown = wish.keys() - {"fault", "topic", "times", "error_code", "status", "rpc", "purge"}
        kind, times, rpc = wish.get("fault"), wish.get("times", 1), wish.get("rpc", "Subscribe")
        if unknown or kind not in KINDS or rpc not in RPCS:
            raise ValueError(f"fault must be one of {', '.join(KINDS)}; rpc one of {', '.join(RPCS)}; no other keys")
        if not isinstance(times, int) or (times < 1 and times != -1):
            raise ValueError("times must be 1 or more, or -1 for always")
        failure = _failure(kind, wish.get("error_code"), wish.get("status"))
        return cls(kind, wish.get("topic"), times, rpc, failure, bool(wish.get("purge", False)))


_DEFAULT_CODES = {
    "expired_replay_id": "subscription.fetch.replayid.corrupted",
    "expired_token": "service.auth.error",
    "error": "service.unavailable",
}


def _failure(kind: str, code: str | None, status: str | None) -> CallFailure:
    suffix = (code or _DEFAULT_CODES.get(kind, "service.unavailable")).removeprefix(PREFIX)
    if suffix not in STATUS_OF:
        raise ValueError(f"error_code {suffix} is not in Salesforce's table")
    if kind == "goaway":
        return CallFailure(None, "RST_STREAM closed stream. HTTP/2 error code: NO_ERROR")
    if status is None:
        return CallFailure(suffix)
    if status not in grpc.StatusCode.__members__:
        raise ValueError(f"status {status} is not one of gRPC's")
    return CallFailure(suffix, status=grpc.StatusCode[status])


class FaultPlan:
    """The faults waiting to strike, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.clearings = 0

    def add(self, fault: Fault) -> None:
        """Let a fault wait."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget every fault; what a silence held back is free to go."""
        self._waiting.clear()
        self.clearings += 1

    def take(
        self, kinds: tuple[str, ...], topic: str | None, fits: Callable[[Fault], bool] = lambda _: True
    ) -> Fault | None:
        """The oldest fault of these kinds for this topic which also ``fits``, used up once."""
        for fault in self._waiting:
            if fault.kind in kinds and fault.topic in {None, topic} and fits(fault):
                if fault.times > 0:
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                return fault
        return None
