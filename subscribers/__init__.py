"""Reads Salesforce's event streams and hands every event, with the position behind it, to intake in one commit.

Owns: the connection to Salesforce's Pub/Sub API, and who of several replicas reads a stream.
Verbs: `Supervisor.run`, one for each org and topic, until cancelled; `PubSubFeed.close`.
Touches: Salesforce's Pub/Sub API and `service.intake`; credentials are given to it.
Refuses: to store a position before the events in front of it, and to end because a stream ended.
"""

from subscribers.feed import Batch, Cause, Feed, ReceivedEvent, StreamEnded
from subscribers.pubsub import Credentials, CredentialsValue, PubSubFeed
from subscribers.supervisor import Pauses, Supervisor

__all__ = [
    "Batch",
    "Cause",
    "Credentials",
    "CredentialsValue",
    "Feed",
    "Pauses",
    "PubSubFeed",
    "ReceivedEvent",
    "StreamEnded",
    "Supervisor",
]
