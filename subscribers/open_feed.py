"""Which feed reads an org's events: what its configuration says."""

from service.config import Org
from subscribers.cometd import CometdFeed
from subscribers.feed import OrgFeed
from subscribers.pubsub import PubSubFeed
from subscribers.session import Credentials


def open_feed(name: str, org: Org, credentials: Credentials) -> OrgFeed:
    """Return the feed that an org's `stream` names; nothing is connected yet.

    Raises:
        ConfigurationError: the org's file of certificates cannot be read.
    """
    return CometdFeed(name, org, credentials) if org.stream == "cometd" else PubSubFeed(name, org, credentials)
