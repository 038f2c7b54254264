"""How a call is made: with a deadline, a fresh token, and further tries where they may help.

A try is repeated with the very same message, so a request id that it carries makes the repetition safe. It refuses to
wait beyond the deadline: the last error is raised instead.
"""

import itertools
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from counterfoil_client._errors import CounterfoilError, error_of

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_LEAST_TIMEOUT = 0.001  # grpc takes a timeout of zero as none at all

_A = TypeVar("_A", bound=Message)
_I = TypeVar("_I")


_P = TypeVar("_P", bound=Any)


class Calls:
    """A channel, and what goes with every call on it.

    Args:
        channel: to the service.
        token: gives the bearer token of a call; asked for each try, so that it may be a short-lived one.
        timeout: seconds for a call and its repetitions, where none are given.
    """

    def __init__(self, channel: grpc.Channel, token: Callable[[], str] | None, timeout: float) -> None:
        self._channel = channel
        self._token = token
        self.timeout = timeout

    @staticmethod
    def request_id(given: str | None) -> str:
        """Return the id of a request: the one given, else a new one."""
        return given or str(uuid.uuid4())

    def unary(self, path: str, request: Message, answer: type[_A], timeout: float | None) -> _A:
        """Make a call with one answer.

        Raises:
            CounterfoilError: it failed for good, or still did when its time was up.
        """
        method = self._channel.unary_unary(
            path, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        for attempt in itertools.count():
            left = max(until - time.monotonic(), _LEAST_TIMEOUT)
            try:
                return method(request, timeout=left, metadata=self._metadata())
            except grpc.RpcError as failure:
                pause = _pause_or_raise(error_of(failure, request), attempt, until, failure)
            time.sleep(pause)
        raise AssertionError("counting has no end")

    def pages(
        self, path: str, request: Any, answer: type[_P], items: Callable[[_P], Iterable[_I]], timeout: float | None
    ) -> Iterator[_I]:
        """Yield every item of a listing, page by page.

        Raises:
            CounterfoilError: a page could not be read.
        """
        while True:
            page: Any = self.unary(path, request, answer, timeout)
            yield from items(page)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def stream(self, path: str, request: Message, answer: type[_A], timeout: float | None) -> Iterator[_A]:
        """Yield the messages of a stream. Only its beginning is tried again; without a timeout it has no deadline.

        Raises:
            CounterfoilError: it failed.
        """
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        for attempt in itertools.count():
            begun = False
            call = self.open(path, request, answer, timeout)
            try:
                for message in call:
                    begun = True
                    yield message
            except grpc.RpcError as failure:
                error = error_of(failure, request)
                if begun:
                    raise error from failure
                pause = _pause_or_raise(error, attempt, until, failure)
            else:
                return
            finally:
                call.cancel()
            time.sleep(pause)

    def open(self, path: str, request: Message, answer: type[_A], timeout: float | None = None) -> Any:
        """Begin a stream once; return grpc's call, which yields messages and can be cancelled."""
        method = self._channel.unary_stream(
            path, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        return method(request, timeout=timeout, metadata=self._metadata())

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._token()}"),) if self._token is not None else ()


def pause_after(error: CounterfoilError, attempt: int) -> float | None:
    """Return the seconds until another try, None when it is of no use. `attempt` counts from 0.

    They double, with chance so that many callers do not come back at once, and are never fewer than the service asks.
    """
    if not error.retryable:
        return None
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempt, 16))
    asked = error.retry_delay.total_seconds() if error.retry_delay is not None else 0.0
    return max(asked, random.uniform(longest / 2, longest))  # noqa: S311  (spreads callers, guards nothing)


def _pause_or_raise(error: CounterfoilError, attempt: int, until: float, failure: grpc.RpcError) -> float:
    pause = pause_after(error, attempt)
    if pause is None or time.monotonic() + pause >= until:
        raise error from failure
    return pause
