"""Reads Salesforce's event streams and hands every event, with the position behind it, to intake in one commit.

Owns: the connections to Salesforce's event APIs (Pub/Sub and CometD), and who of several replicas reads a stream.
Verbs: `open_feed`; `Supervisor.run`, one for each org and topic, until cancelled; `OrgFeed.close`.
Touches: those APIs and `service.intake`; credentials are given to it.
Refuses: to store a position before the events in front of it, and to end because a stream ended.
"""

from subscribers.allowance import Allowance
from subscribers.cometd import CometdFeed
from subscribers.feed import Batch, Cause, Feed, OrgFeed, ReceivedEvent, StreamEnded
from subscribers.open_feed import open_feed
from subscribers.pubsub import PubSubFeed
from subscribers.session import Credentials, CredentialsValue
from subscribers.supervisor import Pauses, Supervisor

__all__ = [
    "Allowance",
    "Batch",
    "Cause",
    "CometdFeed",
    "Credentials",
    "CredentialsValue",
    "Feed",
    "OrgFeed",
    "Pauses",
    "PubSubFeed",
    "ReceivedEvent",
    "StreamEnded",
    "Supervisor",
    "open_feed",
]
