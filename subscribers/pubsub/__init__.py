"""Salesforce's Pub/Sub API as a feed: gRPC, Avro, and what its errors mean.

Owns: one channel an org, a bounded cache of schemas, the table of error codes.
Verbs: `PubSubFeed.batches`, `PubSubFeed.close`.
Refuses: to guess a schema, and to retry by itself.
"""

from subscribers.pubsub._feed import PubSubFeed

__all__ = ["PubSubFeed"]
