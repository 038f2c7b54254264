"""Misbehaviour of the Streaming API on request: which faults there are, and what they answer.

``expired_replay_id`` (with ``purge``: what was kept is gone too) and ``denied`` strike a subscription;
``expired_token``, ``unknown_client``, ``event_limit`` and ``silence`` a connect, also one that is held; ``disconnect``
(what the answer carried is lost with it) and ``duplicate`` a connect with events; ``status`` and ``session_lost`` any
request, by HTTP.
"""

from collections.abc import Collection, Mapping
from typing import Any

from counterfoil_sandbox.faults import FaultBook

ON_SUBSCRIBE = ("expired_replay_id", "denied")
ON_CONNECT = ("expired_token", "unknown_client", "event_limit", "silence")
ON_EVENTS = ("disconnect", "duplicate")
ON_ANY = ("status", "session_lost")
KINDS = (*ON_SUBSCRIBE, *ON_CONNECT, *ON_EVENTS, *ON_ANY)
_KEYS = {"fault", "topic", "times", "status", "purge"}
Fault = dict[str, Any]


def check_fault(fault: Mapping[str, Any]) -> None:
    """Refuse a fault nobody could strike with.

    Raises:
        ValueError: naming what is wrong.
    """
    if fault.get("fault") not in KINDS or fault.keys() - _KEYS:
        raise ValueError(f"fault must be one of {', '.join(KINDS)}; other keys are topic, times, status, purge")
    times = fault.get("times", 1)
    if not isinstance(times, int) or (times < 1 and times != -1):
        raise ValueError("times must be 1 or more, or -1 for always")
    if fault["fault"] == "status" and not isinstance(fault.get("status"), int):
        raise ValueError("a fault of kind status needs a status")


def take(book: FaultBook, kinds: Collection[str], topics: Collection[str]) -> Fault | None:
    """Return the oldest fault of these kinds that strikes any topic or one of these."""
    return book.take(lambda fault: fault["fault"] in kinds and fault.get("topic") in {None, *topics})
