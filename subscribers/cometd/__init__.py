"""Salesforce's Streaming API (CometD) as a feed, for orgs whose network lets no gRPC out: long polling over HTTPS.

Owns: one CometD client a stream, what its refusals mean, and the shape of its events.
Verbs: `CometdFeed.batches`, `CometdFeed.can_subscribe`.
Refuses: to go on over a connection that may have lost an answer, and to publish, which Salesforce does not offer here.
"""

from subscribers.cometd._feed import CometdFeed

__all__ = ["CometdFeed"]
