"""Who we are on a call, and the channel it goes over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from service.config import Org
from service.errors import ConfigurationError

# A firewall forgets a quiet connection after some minutes; a ping a minute keeps it, and finds out when it is dead.
PING_MILLISECONDS = 60_000
PING_ANSWER_MILLISECONDS = 20_000
# Until then a channel that could not connect refuses calls; its own default of two minutes is too long a gap.
LONGEST_RECONNECT_MILLISECONDS = 20_000
# Salesforce limits a message to 4 MB (Pub/Sub API, "Event Message Size"); twice that leaves room for its envelope.
MAX_RECEIVE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CredentialsValue:
    """What every call carries: a bearer token, the org's https address and its 18-character id."""

    access_token: str = field(repr=False)
    instance_url: str
    tenant_id: str

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the three entries of a call. Source: Pub/Sub API, "Authentication"."""
        return ("accesstoken", self.access_token), ("instanceurl", self.instance_url), ("tenantid", self.tenant_id)


# Signs in. The argument is what was refused last, if anything: whoever holds something newer returns that.
Credentials = Callable[[CredentialsValue | None], Awaitable[CredentialsValue]]

_OPTIONS = [
    ("grpc.keepalive_time_ms", PING_MILLISECONDS),
    ("grpc.keepalive_timeout_ms", PING_ANSWER_MILLISECONDS),
    ("grpc.http2.max_pings_without_data", 0),  # no limit: a quiet topic has no data for hours
    ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT_MILLISECONDS),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
]


def read_roots(name: str, ca_file: Path | None) -> bytes | None:
    """Return the certificates of a private authority, or None for the public ones.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if ca_file is None:
        return None
    try:
        return ca_file.read_bytes()
    except OSError as error:
        fault = f"the file {ca_file} cannot be read ({error.strerror})"
        raise ConfigurationError(f"orgs.{name}.ca_file", fault, "Create it and let this user read it") from error


def open_channel(org: Org, roots: bytes | None) -> grpc.aio.Channel:
    """Return a channel to the org's Pub/Sub endpoint; connects when first used."""
    if org.pubsub.plaintext:
        return grpc.aio.insecure_channel(org.pubsub.endpoint, options=_OPTIONS)
    return grpc.aio.secure_channel(org.pubsub.endpoint, grpc.ssl_channel_credentials(roots), options=_OPTIONS)
