"""The words of a feed: what arrives from Salesforce, and why it stopped arriving.

A feed reads one stream from a position until it ends. Every end is normal here; what follows from it is for the
supervisor to say, not for the feed.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol


class Cause(StrEnum):
    """Why a stream ended."""

    COMPLETED = "completed"  # closed by Salesforce without an error
    SILENT = "silent"  # nothing arrived for too long: the connection may be dead
    RETRY = "retry"  # a fault that passes
    NEW_TOKEN = "new_token"  # noqa: S105  (not a password: the session was refused)
    REPLAY_LOST = "replay_lost"  # Salesforce no longer knows the position
    SLOW_DOWN = "slow_down"  # a limit or an allowance is spent
    STOP = "stop"  # a person has to act


class StreamEnded(Exception):
    """A stream ended.

    Attributes:
        cause: what follows from it.
        code: Salesforce's error code or the gRPC status, for the log.
        rpc_id: Salesforce's id of the call, for its support.
        retry_after: how long to wait at least, if known.
    """

    def __init__(
        self, cause: Cause, code: str = "", *, rpc_id: str | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(f"{cause}: {code}" if code else str(cause))
        self.cause = cause
        self.code = code
        self.rpc_id = rpc_id
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as Salesforce sent it.

    Attributes:
        topic: such as "/event/Payment_Request__e".
        replay_id: its place in the stream; opaque, ascending within the topic.
        event_id: the publisher's UUID, if there is one; the same in every copy of the event.
        schema_id: of the payload.
        payload: the decoded fields, or the raw bytes when they do not fit their schema.
        traceparent: the publisher's trace, if it sent one with the event.
    """

    topic: str
    replay_id: bytes
    event_id: str | None
    schema_id: str
    payload: dict[str, Any] | bytes
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in stream order and the position behind the last one; without events, a position alone."""

    topic: str
    events: tuple[ReceivedEvent, ...]
    position: bytes


class Feed(Protocol):
    """A way to read streams: Pub/Sub, CometD, or a recorded stream in a simulation."""

    kind: str
    """Names the way in the store: a position is that of one way, and of no other."""

    def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
        """Yield what comes after `position`, or all that Salesforce still holds when it is None.

        The position of a batch may be stored once its events are; nothing behind it was delivered before.

        Raises:
            StreamEnded: always, in the end.
        """


class OrgFeed(Feed, Protocol):
    """A feed of one org, as `open_feed` gives it."""

    async def can_subscribe(self, topic: str) -> bool:
        """Tell whether our user may read a topic, without reading it.

        Raises:
            StreamEnded: the question had no answer; for good when there is no such topic.
        """

    async def close(self) -> None:
        """Let go of what is held between streams."""
