"""aiosfstream-ng, made fit for a stream of which nothing may be lost.

The library reconnects by itself, and a CometD server does not repeat what an answer carried that never arrived: after
a broken connect it would go on behind events nobody has seen. It also signs in again with the token that was refused,
drops a subscription that is refused after a new handshake, and waits without end for a server that is gone. So here
one client lives until the first thing goes wrong; the stream then begins anew, from what is stored.
"""

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiocometd_ng.constants import ConnectionType, MetaChannel
from aiocometd_ng.exceptions import TransportError
from aiocometd_ng.transports.long_polling import LongPollingTransport
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.replay import ReplayMarkerStorage

from subscribers.cometd._errors import ended, ended_by_status
from subscribers.cometd._events import loads
from subscribers.feed import Cause, StreamEnded
from subscribers.session import CredentialsValue

Message = dict[str, Any]
MAX_PENDING = 100  # events of answers that are read and not handled; the next connect waits for room
# Salesforce holds a connect for 110 seconds; its advice says how long, and 1.2 times that is waited.
DEFAULT_TIMEOUT_SECONDS = 132.0
SHORTEST_TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 30.0
# An event is 1 MB at most (Platform Events Developer Guide), and an answer carries several.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_HTTP_OK = 200


class Session(AuthenticatorBase):
    """Signs one client in, once, and watches everything it is answered.

    Attributes:
        credentials: with which it signs in.
        end: why the stream is over, as soon as it is.
        news: set by each connect that is answered without an event, and by the end.
    """

    def __init__(self, credentials: CredentialsValue) -> None:
        super().__init__()
        self.credentials = credentials
        self.end: StreamEnded | None = None
        self.news = asyncio.Event()

    def finish(self, end: StreamEnded) -> None:
        """The stream is over; the first reason stays."""
        self.end = self.end or end
        self.news.set()

    async def incoming(self, payload: list[Message], headers: dict[str, str] | None = None) -> None:
        """Look at what was answered before the library does."""
        await super().incoming(payload, headers)
        for message in payload:
            if message.get("successful") is False:
                self.finish(ended(message))
        if [message["channel"] for message in payload] == [MetaChannel.CONNECT]:
            self.news.set()

    async def _authenticate(self) -> tuple[int, Message]:
        if self.access_token is not None:  # it was refused: the library asks again, and would send the same
            return 401, {}
        instance = self.credentials.instance_url.rstrip("/")
        return 200, {
            "access_token": self.credentials.access_token,
            "token_type": "Bearer",
            "instance_url": instance,
        }


class _LongPolling(LongPollingTransport):
    """Long polling that tells the session of every request that failed, and follows no advice after one."""

    def __init__(self, session: Session, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._session = session

    async def _send_final_payload(self, payload: list[Message], *, headers: dict[str, str]) -> Message:
        try:
            received = await self._post(payload, headers)
            answer = await self._consume_payload(received, find_response_for=payload[0])
            if answer is None:
                raise StreamEnded(Cause.RETRY, "no answer")  # noqa: TRY301  (joins the others)
        except StreamEnded as end:
            self._session.finish(end)
            raise TransportError(end.code) from end
        except Exception as error:  # whatever it was: what the answer carried is not known to have arrived
            self._session.finish(StreamEnded(Cause.RETRY, type(error).__name__))
            raise TransportError(type(error).__name__) from error
        return answer

    async def _post(self, payload: list[Message], headers: dict[str, str]) -> list[Message]:
        total = max(self.request_timeout or DEFAULT_TIMEOUT_SECONDS, SHORTEST_TIMEOUT_SECONDS)
        limit = aiohttp.ClientTimeout(total=total, connect=CONNECT_SECONDS)
        tls = True if self.ssl is None else self.ssl
        call = self._http_session.post(
            self._url,
            json=payload,
            headers=headers,
            ssl=tls,
            timeout=limit,
            proxy=_proxy_for(self._url),
            allow_redirects=False,
        )
        async with self._http_semaphore, call as response:
            if response.status != _HTTP_OK:
                raise ended_by_status(response.status)
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise StreamEnded(Cause.STOP, f"an answer exceeds {MAX_ANSWER_BYTES} bytes")
        messages = loads(bytes(body))
        if not isinstance(messages, list) or not all(_is_message(one) for one in messages):
            raise StreamEnded(Cause.RETRY, "no Bayeux answer")
        return messages

    def _connect_done(self, future: "asyncio.Future[Message]") -> None:
        if not future.cancelled():  # by close(), which waits for it; the library would report an error
            super()._connect_done(future)

    def _follow_advice(self, reconnect_advice: str, reconnect_timeout: float | None) -> None:
        if self._session.end is None:
            super()._follow_advice(reconnect_advice, reconnect_timeout)


class StreamingClient(Client):
    """One CometD client, at an API version that gives events their UUIDs.

    Args:
        session: signs it in.
        markers: says behind which event a subscription begins.
        version: of the API, such as "66.0".
        tls: whose certificates are believed.
    """

    def __init__(self, session: Session, markers: ReplayMarkerStorage, *, version: str, tls: ssl.SSLContext) -> None:
        super().__init__(
            session,
            replay=markers,
            replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL,
            connection_timeout=0,  # the library's timer fails on Python 3.10 and later; the session tells us instead
            max_pending_count=MAX_PENDING,
            json_dumps=json.dumps,
            json_loads=loads,
        )
        self.ssl = tls
        self._session = session
        self._version = version

    def get_cometd_url(self, instance_url: str) -> str:  # type: ignore[override]  # it needs the version, a setting
        """Return where the API is."""
        return f"{instance_url}/cometd/{self._version}"

    async def shut(self) -> None:
        """Close what is open, also of a client that is half open, which the library's close() leaves as it is."""
        self._closed = False
        try:
            await self.close()
        finally:
            if self._http_session is not None:
                await self._http_session.close()

    async def _get_http_session(self) -> aiohttp.ClientSession:
        if self._http_session is None:
            # It is not told to trust the environment: it would find passwords in .netrc there, besides proxies.
            self._http_session = aiohttp.ClientSession()
        return self._http_session

    async def _negotiate_transport(self) -> _LongPolling:
        self._incoming_queue = asyncio.Queue(maxsize=self._max_pending_count)
        transport = _LongPolling(
            self._session,
            url=self.url,
            incoming_queue=self._incoming_queue,
            http_session=await self._get_http_session(),
            ssl=self.ssl,
            extensions=self.extensions,
            auth=self.auth,
            json_dumps=self._json_dumps,
            json_loads=self._json_loads,
        )
        self._verify_response(await transport.handshake([ConnectionType.LONG_POLLING]))
        return transport


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address, as for every other call."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _is_message(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("channel"), str)
