"""The requests of a stream, of either kind: read from a position that we keep, or from one that Salesforce keeps.

A managed subscription goes on behind what was committed last, so each batch is committed once it is stored. Its first
request may carry no commit, and a commit is answered in the stream. Source: Pub/Sub API, "Managed Event Subscriptions"
and "ManagedSubscribe RPC Method" (a beta feature by its documentation).
"""

from typing import Protocol

from service.gen.eventbus.v1 import pubsub_api_pb2 as messages

Request = messages.FetchRequest | messages.ManagedFetchRequest


class Requests(Protocol):
    """What a stream is asked, in its order."""

    def first(self, number: int) -> Request:
        """Open the stream, and ask for so many events."""

    def more(self, number: int) -> Request:
        """Ask for so many events besides."""

    def stored(self, position: bytes) -> Request | None:
        """Say that everything up to a position is stored; None where nobody wants to know."""


class OwnPosition:
    """A stream behind a position that we keep; all that Salesforce still holds when there is none."""

    def __init__(self, topic: str, position: bytes | None) -> None:
        self._topic = topic
        self._position = position

    def first(self, number: int) -> Request:
        """Open the stream."""
        preset = messages.ReplayPreset.EARLIEST if self._position is None else messages.ReplayPreset.CUSTOM
        return messages.FetchRequest(
            topic_name=self._topic, replay_preset=preset, replay_id=self._position or b"", num_requested=number
        )

    def more(self, number: int) -> Request:
        """Ask for more."""
        return messages.FetchRequest(topic_name=self._topic, num_requested=number)

    def stored(self, position: bytes) -> Request | None:  # noqa: ARG002  (the position is ours to keep)
        """Tell nobody."""
        return None


class ManagedPosition:
    """A stream of a managed subscription, named by its developer name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def first(self, number: int) -> Request:
        """Open the stream."""
        return messages.ManagedFetchRequest(developer_name=self._name, num_requested=number)

    def more(self, number: int) -> Request:
        """Ask for more."""
        return messages.ManagedFetchRequest(developer_name=self._name, num_requested=number)

    def stored(self, position: bytes) -> Request | None:
        """Commit."""
        commit = messages.CommitReplayRequest(commit_request_id=position.hex(), replay_id=position)
        return messages.ManagedFetchRequest(developer_name=self._name, commit_replay_id_request=commit)
