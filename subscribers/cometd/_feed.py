"""One org's streams over the Streaming API: a client of its own for each, which begins where the last one stored.

Salesforce answers a connect after 110 seconds when there is nothing to tell, so silence for longer means that the
connection is dead. Unlike the Pub/Sub API it tells no position on a quiet channel: after 72 hours without an event the
last one's id is refused, and everything kept is read again, which the inbox tells from what is new by its UUIDs.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta

from aiocometd_ng.exceptions import AiocometdException
from aiosfstream_ng.replay import DefaultMappingStorage, ReplayMarker

from service.config import Org
from subscribers.cometd._client import MAX_PENDING, Message, Session, StreamingClient
from subscribers.cometd._events import ALL_EVENTS, number_of, position_of, received, replay_number
from subscribers.feed import Batch, Cause, StreamEnded
from subscribers.session import Credentials, CredentialsValue, read_roots, sign_in

NEW_EVENTS = -1
# A disconnect spares Salesforce a client that is gone; it must not hold up the end of a process.
CLOSE_SECONDS = 5.0


class CometdFeed:
    """Reads topics of one org; several streams may run at once.

    Args:
        name: the org's name, for error messages.
        org: its settings.
        credentials: signs in; given what was refused last.
        silence: longest time without an answer; by default what the settings say.

    Raises:
        ConfigurationError: the file of certificates cannot be read.
    """

    kind = "cometd"

    def __init__(self, name: str, org: Org, credentials: Credentials, *, silence: timedelta | None = None) -> None:
        roots = read_roots(name, org.ca_file)
        self._tls = ssl.create_default_context(cadata=None if roots is None else roots.decode("ascii", "replace"))
        self._version = org.api_version
        self._credentials = credentials
        self._silence_seconds = silence.total_seconds() if silence else float(org.cometd.silence_seconds)
        self._refused: CredentialsValue | None = None

    async def batches(self, topic: str, position: bytes | None) -> AsyncGenerator[Batch, None]:
        """Yield what comes after `position`, or all that Salesforce still holds when it is None.

        Raises:
            StreamEnded: always, in the end.
        """
        number = number_of(position)
        if number is None:
            raise StreamEnded(Cause.REPLAY_LOST, "the position is none of CometD's")
        stream = await self._open(topic, number)
        try:
            await stream.begin()
            while True:
                messages = await stream.next()
                number = next((one for one in map(replay_number, reversed(messages)) if one is not None), number)
                yield Batch(topic, tuple(received(topic, message) for message in messages), position_of(number))
                stream.mark(number)  # whoever asked for more has stored what there was
        except StreamEnded as end:
            if end.cause is Cause.NEW_TOKEN:
                self._refused = stream.credentials
            raise
        finally:
            await stream.close()

    async def can_subscribe(self, topic: str) -> bool:
        """Tell whether our user may read a topic, by subscribing to what is new and hanging up.

        Raises:
            StreamEnded: the question had no answer; for good when there is no such topic.
        """
        stream = await self._open(topic, NEW_EVENTS)
        try:
            await stream.begin()
        finally:
            await stream.close()
        return True

    async def close(self) -> None:
        """Do nothing: each stream closes what it opened."""

    async def _open(self, topic: str, number: int) -> "_Stream":
        credentials = await sign_in(self._credentials, self._refused)
        session = Session(credentials)
        markers = {topic: ReplayMarker("", number)}
        storage = DefaultMappingStorage(markers, ALL_EVENTS)
        client = StreamingClient(session, storage, version=self._version, tls=self._tls)
        return _Stream(topic, markers, session, client, silence_seconds=self._silence_seconds)


class _Stream:
    """One client that reads one topic."""

    def __init__(
        self,
        topic: str,
        markers: dict[str, ReplayMarker],
        session: Session,
        client: StreamingClient,
        *,
        silence_seconds: float,
    ) -> None:
        self._topic = topic
        self._markers = markers
        self._session = session
        self._client = client
        self._silence_seconds = silence_seconds
        self._receiving: asyncio.Task[Message] | None = None

    @property
    def credentials(self) -> CredentialsValue:
        """With which it signed in."""
        return self._session.credentials

    def mark(self, number: int) -> None:
        """Note behind which event the library subscribes, should it do so again."""
        self._markers[self._topic] = ReplayMarker("", number)

    async def begin(self) -> None:
        """Shake hands, connect and subscribe.

        Raises:
            StreamEnded: one of these was refused or not answered.
        """
        try:
            async with asyncio.timeout(self._silence_seconds):
                await self._client.open()
                await self._client.subscribe(self._topic)
        except TimeoutError:
            raise StreamEnded(Cause.SILENT) from None
        except AiocometdException as error:
            raise self._end(error) from None
        if self._session.end is None:
            self._session.news.clear()

    async def next(self) -> list[Message]:
        """Return the events that came; none for an answer without any.

        Raises:
            StreamEnded: the connection, or what it may have carried, is lost.
        """
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._client.receive())
        news = asyncio.create_task(self._session.news.wait())
        # Never cancelled and tried again: the event that it holds by then would be lost.
        try:
            done, _ = await asyncio.wait(
                {self._receiving, news}, timeout=self._silence_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            news.cancel()
        if not done:
            raise StreamEnded(Cause.SILENT)
        if self._receiving in done or self._client.has_pending_messages:
            messages = await self._received(self._receiving)
        elif self._session.end is not None:
            raise self._session.end
        else:
            messages = []
        if self._session.end is None:
            self._session.news.clear()
        return messages

    async def _received(self, first: "asyncio.Task[Message]") -> list[Message]:
        self._receiving = None
        try:
            messages = [await first]
            while self._client.has_pending_messages and len(messages) < MAX_PENDING:
                messages.append(await self._client.receive())
        except AiocometdException as error:
            raise self._end(error) from None
        return messages

    async def close(self) -> None:
        """Hang up."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)
        with suppress(AiocometdException, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.shut()

    def _end(self, error: AiocometdException) -> StreamEnded:
        return self._session.end or StreamEnded(Cause.RETRY, type(error).__name__)
