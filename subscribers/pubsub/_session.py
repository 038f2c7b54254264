"""The channel that calls go over."""

import grpc

from service.config import Org

# A firewall forgets a quiet connection after some minutes; a ping a minute keeps it, and finds out when it is dead.
PING_MILLISECONDS = 60_000
PING_ANSWER_MILLISECONDS = 20_000
# Until then a channel that could not connect refuses calls; its own default of two minutes is too long a gap.
LONGEST_RECONNECT_MILLISECONDS = 20_000
# Salesforce limits a message to 4 MB (Pub/Sub API, "Event Message Size"); twice that leaves room for its envelope.
MAX_RECEIVE_BYTES = 8 * 1024 * 1024


_OPTIONS = [
    ("grpc.keepalive_time_ms", PING_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", PING_ANSWER_MILLISECONDS),
    ("grpc.http2.max_pings_without_data", 0),  # no limit: a quiet topic has no data for hours
    ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT_MILLISECONDS),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
]


def open_channel(org: Org, roots: bytes | None) -> grpc.aio.Channel:
    """Return a channel to the org's Pub/Sub endpoint; connects when first used."""
    if org.pubsub.plaintext:
        return grpc.aio.insecure_channel(org.pubsub.endpoint, options=_OPTIONS)
    return grpc.aio.secure_channel(org.pubsub.endpoint, grpc.ssl_channel_credentials(roots), options=_OPTIONS)
