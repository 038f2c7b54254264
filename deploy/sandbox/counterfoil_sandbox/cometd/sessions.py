"""The clients that have shaken hands: what each subscribed to, how far it was told, and when it is given up.

A client that does not connect again in time is forgotten, with everything it had subscribed to. What an answer carried
is not kept for another try: only a new subscription with a replay id brings it again.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from counterfoil_sandbox.pubsub.bus import EventBus, PublishedEvent

COOKIE = "BAYEUX_BROWSER"
MOST_AT_ONCE = 100


@dataclass
class Settings:
    """Seconds a connect is held, and a client may stay away between two connects."""

    hold: float = 110
    away: float = 40


@dataclass
class Session:
    """One client. ``told`` is the position behind which each of its channels goes on."""

    client_id: str
    cookie: str
    version: int
    told: dict[str, int] = field(default_factory=dict)
    connects: int = 0
    held: int = 0
    seen_at: float = field(default_factory=time.monotonic)
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)

    def waiting(self, bus: EventBus) -> list[PublishedEvent]:
        """Return what its channels hold for it, in order within each channel, and count it as told."""
        found: list[PublishedEvent] = []
        for topic, position in self.told.items():
            found += bus.after(topic, position, MOST_AT_ONCE - len(found))
        for event in found:
            self.told[event.topic] = event.position
        bus.deliveries += len(found)
        return found


class Sessions:
    """Every client that is known now."""

    def __init__(self, bus: EventBus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._known: dict[str, Session] = {}

    def open(self, version: int) -> Session:
        """Know a new client."""
        session = Session(secrets.token_hex(13), secrets.token_hex(16), version)
        self._known[session.client_id] = session
        return session

    def get(self, client_id: object) -> Session | None:
        """Return a client; None when it is unknown, or was away for too long."""
        for session in list(self._known.values()):
            if not session.held and time.monotonic() - session.seen_at > self._settings.away:
                self.forget(session)
        return self._known.get(client_id) if isinstance(client_id, str) else None

    def subscribe(self, session: Session, topic: str, position: int) -> None:
        """Tell a client a channel's events behind a position."""
        session.told[topic] = position
        self._bus.topic(topic).listeners.add(session.wakeup)
        session.wakeup.set()

    def unsubscribe(self, session: Session, topic: str) -> None:
        """Tell a client no more of a channel."""
        if session.told.pop(topic, None) is not None:
            self._bus.topic(topic).listeners.discard(session.wakeup)

    def forget(self, session: Session) -> None:
        """Know a client no longer."""
        for topic in list(session.told):
            self.unsubscribe(session, topic)
        self._known.pop(session.client_id, None)
        session.wakeup.set()

    def all(self) -> list[Session]:
        """Return who is known."""
        self.get(None)
        return list(self._known.values())

    def wake_all(self) -> None:
        """Let every held connect look again."""
        for session in self._known.values():
            session.wakeup.set()
