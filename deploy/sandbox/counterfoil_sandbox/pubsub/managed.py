"""ManagedSubscribe: the service keeps the position, as far as its client has committed it.

After developer.salesforce.com/docs/platform/pub-sub-api/guide/managed-sub.html and .../references/methods/
managedsubscribe-rpc.html: one client at a time; the first request carries no commit; commits are acknowledged in the
stream, one acknowledgement for several of them, and a bad one does not end it. How soon is not documented: at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil_sandbox.pubsub.bus import encode_position
from counterfoil_sandbox.pubsub.errors import CallFailure

REPLAYS = ("LATEST", "EARLIEST")
STATES = ("RUN", "STOP")


@dataclass
class ManagedSubscriptionEntry:
    """A ManagedEventSubscription of the org, with the position that was committed last."""

    name: str
    subscription_id: str
    topic: str
    default_replay: str = "LATEST"
    error_recovery_replay: str = "EARLIEST"
    state: str = "RUN"
    committed: int | None = None
    active: bool = False


@dataclass
class ManagedSubscriptions:
    """What the org has deployed."""

    entries: dict[str, ManagedSubscriptionEntry] = field(default_factory=dict)

    def deploy(self, wish: Mapping[str, Any]) -> ManagedSubscriptionEntry:
        """Create a subscription, or change its state; stopping one forgets its position.

        Raises:
            ValueError: a setting is missing or is none there is.
        """
        name, topic, state = wish.get("developer_name"), wish.get("topic"), wish.get("state", "RUN")
        replays = (wish.get("default_replay", "LATEST"), wish.get("error_recovery_replay", "EARLIEST"))
        if not isinstance(name, str) or state not in STATES or any(one not in REPLAYS for one in replays):
            raise ValueError("developer_name, topic, state RUN or STOP, and replays LATEST or EARLIEST are needed")
        entry = self.entries.get(name)
        if entry is None:
            if not isinstance(topic, str):
                raise ValueError("topic is needed")
            entry = self.entries[name] = ManagedSubscriptionEntry(name, f"18x{len(self.entries):015d}", topic, *replays)
        if topic not in {None, entry.topic}:
            raise ValueError("the topic of a subscription cannot be changed")
        entry.state = state
        entry.committed = None if state == "STOP" else entry.committed
        return entry

    def find(self, subscription_id: str, developer_name: str) -> ManagedSubscriptionEntry:
        """The subscription that a stream's first request names.

        Raises:
            CallFailure: it names none, or one that is not there, stopped, or read by another client.
        """
        prefix = "managed.subscription"
        if bool(subscription_id) == bool(developer_name):
            raise CallFailure(f"{prefix}.id.or.developer.name.empty")
        found = [
            entry
            for entry in self.entries.values()
            if entry.name == developer_name or entry.subscription_id == subscription_id
        ]
        if not found:
            unknown = "developer.name.not.found" if developer_name else "subscription.id.not.found"
            raise CallFailure(f"{prefix}.{unknown}")
        if found[0].state == "STOP":
            raise CallFailure(f"{prefix}.config.stopped")
        if found[0].active:
            raise CallFailure(f"{prefix}.already.active")
        return found[0]


def committed_of(entry: ManagedSubscriptionEntry) -> str | None:
    """The committed position as it travels, in hex."""
    return None if entry.committed is None else encode_position(entry.committed).hex()
