"""What each Bayeux message is answered, connects apart: handshake, subscribe, unsubscribe, disconnect, and refusals.

The words of errors are those of the Streaming API Developer Guide, "Streaming API Error Codes" and "Handling Streaming
API Errors" (developer.salesforce.com/docs/platform/api-streaming/guide/streaming-error-codes.html).
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterfoil_sandbox.cometd.events import replay_number
from counterfoil_sandbox.cometd.faults import ON_SUBSCRIBE, take
from counterfoil_sandbox.cometd.sessions import COOKIE, Session, Sessions
from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.pubsub.bus import EventBus

NEW_EVENTS, ALL_EVENTS = -1, -2
UNAUTHENTICATED = "401::Authentication invalid"
UNKNOWN_CLIENT = "403::Unknown client"
EVENT_LIMIT = "403::Organization total events daily limit exceeded"
Message = dict[str, Any]


def answer(asked: Mapping[str, Any], **more: Any) -> Message:
    """Return a successful answer to a message, which names its channel and id."""
    named = {"channel": asked["channel"]} | ({"id": asked["id"]} if asked.get("id") is not None else {})
    return {**named, "successful": True, **more}


def refusal(asked: Mapping[str, Any], error: str, **more: Any) -> Message:
    """Return an unsuccessful answer."""
    return answer(asked, error=error, **more) | {"successful": False}


def unauthenticated(asked: Mapping[str, Any]) -> Message:
    """Return what a message with a session of Salesforce's that ended is answered."""
    if asked["channel"] == "/meta/handshake":
        reason = {"sfdc": {"failureReason": UNAUTHENTICATED}, "replay": True, "payload.format": True}
        return refusal(asked, "403::Handshake denied", ext=reason, advice={"reconnect": "none"})
    return refusal(asked, UNAUTHENTICATED, advice={"reconnect": "none", "interval": 0})


class Bayeux:
    """Answers messages of clients whose token was looked at already."""

    def __init__(self, bus: EventBus, sessions: Sessions, faults: FaultBook) -> None:
        self._bus = bus
        self._sessions = sessions
        self._faults = faults
        self._by_channel: dict[str, Callable[[Session, Message], Message]] = {
            "/meta/subscribe": self._subscribe,
            "/meta/unsubscribe": self._unsubscribe,
            "/meta/disconnect": self._disconnect,
        }

    def handshake(self, asked: Message, version: int) -> tuple[Message, Session | None]:
        """Know a new client; without it when it cannot do long polling."""
        if "long-polling" not in asked.get("supportedConnectionTypes", ()):
            return refusal(asked, "400::Invalid connection type", advice={"reconnect": "none"}), None
        session = self._sessions.open(version)
        told = {
            "ext": {"replay": True, "payload.format": True},
            "minimumVersion": "1.0",
            "clientId": session.client_id,
            "supportedConnectionTypes": ["long-polling"],
            "version": "1.0",
        }
        return answer(asked, **told), session

    def known(self, asked: Message, cookie: str | None) -> tuple[Session | None, Message]:
        """Return the client of a message; without one, what it is answered."""
        session = self._sessions.get(asked.get("clientId"))
        if session is None:
            return None, refusal(asked, UNKNOWN_CLIENT, advice={"interval": 0, "reconnect": "handshake"})
        if cookie != session.cookie:
            told = f"400::Client {session.client_id} has established a session, but no {COOKIE} cookie present"
            return None, refusal(asked, told, advice={"reconnect": "none"})
        return session, {}

    def other(self, session: Session, asked: Message) -> Message:
        """Answer a message of a known client that is neither a handshake nor a connect."""
        perform = self._by_channel.get(asked["channel"])
        if perform is None:
            return refusal(asked, "403::Publishing over CometD is not possible")
        return perform(session, asked) | {"clientId": session.client_id}

    def _subscribe(self, session: Session, asked: Message) -> Message:
        topic = asked.get("subscription")
        if not isinstance(topic, str) or topic not in self._bus.topics():
            told = f"400::The channel you requested to subscribe to does not exist {{{topic}}}"
            return refusal(asked, told, subscription=topic)
        fault = take(self._faults, ON_SUBSCRIBE, [topic])
        if fault is not None and fault["fault"] == "denied":
            return refusal(asked, "403::User not allowed to subscribe to the channel", subscription=topic)
        if fault is not None and fault.get("purge"):
            self._bus.forget(topic)
        replay = asked.get("ext", {}).get("replay", {}).get(topic, NEW_EVENTS)
        position = None if fault is not None and replay not in {NEW_EVENTS, ALL_EVENTS} else self._behind(topic, replay)
        if position is None:
            told = (
                f"400::The replayId {{{replay}}} you provided was invalid.  Please provide a valid ID, "
                "-2 to replay all events, or -1 to replay only new events."
            )
            return refusal(asked, told, subscription=topic)
        self._sessions.subscribe(session, topic, position)
        return answer(asked, subscription=topic)

    def _behind(self, topic: str, replay: object) -> int | None:
        """Return the position that a replay id stands for; None when it stands for none that is kept."""
        kept = self._bus.topic(topic)
        if replay == NEW_EVENTS:
            return kept.latest
        if replay == ALL_EVENTS:
            return -1
        return next((event.position for event in kept.events if replay_number(event.position) == replay), None)

    def _unsubscribe(self, session: Session, asked: Message) -> Message:
        topic = asked.get("subscription")
        if isinstance(topic, str):
            self._sessions.unsubscribe(session, topic)
        return answer(asked, subscription=topic)

    def _disconnect(self, session: Session, asked: Message) -> Message:
        self._sessions.forget(session)
        return answer(asked)
