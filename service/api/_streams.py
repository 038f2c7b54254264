"""What every service needs of a call: a stream to write to, and an entity that is configured."""

from collections.abc import Collection
from typing import Protocol

from google.protobuf.message import Message

from service.api._deadlines import HasDeadline
from service.errors import NotFound


class Stream(HasDeadline, Protocol):
    """The part of grpc's servicer context that a stream needs."""

    async def write(self, message: Message) -> None:
        """Send a message; returns when the connection took it."""


def require_entity(entities: Collection[str], entity: str) -> None:
    """Raise NotFound for an entity that is not configured."""
    if entity not in entities:
        raise NotFound("No legal entity of this name is configured.", reason="ENTITY_UNKNOWN")
