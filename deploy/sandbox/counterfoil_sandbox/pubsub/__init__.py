"""Salesforce's Pub/Sub API as the sandbox offers it: an event bus, and the gRPC service in front of it.

Managed subscriptions are refused: Salesforce calls them beta, and a client must do without them.
"""

from counterfoil_sandbox.pubsub.bus import EventBus, PublishedEvent
from counterfoil_sandbox.pubsub.sandbox import PubSubSandbox

__all__ = ["EventBus", "PubSubSandbox", "PublishedEvent"]
