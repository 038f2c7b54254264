"""Watching payments without an end: the call is begun anew from the newest token, whatever ended it.

It gives up when the service said something that no repetition mends, or was not heard of for `patience` seconds.
"""

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc

from counterfoil_client._calls import Calls, pause_after
from counterfoil_client._errors import CounterfoilError, error_of
from counterfoil_client.types import WatchPaymentsRequest, WatchPaymentsResponse

PATIENCE_SECONDS = 300.0
# A call that ended without an error, as behind some proxies.
_PAUSE_SECONDS = 1.0


class Watch(Iterator[WatchPaymentsResponse]):
    """Changes of payments, one after another; begun when it is made, so no change after that is missed.

    Keep `resume_token` with what was made of a change: a later watch that is given it goes on from there. `close` ends
    it, from any thread; so does the end of a `with` block.

    Raises:
        CounterfoilError: it could not begin, or go on; `resume_token` still holds.
    """

    def __init__(
        self,
        calls: Calls,
        path: str,
        request: WatchPaymentsRequest,
        *,
        heartbeats: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._calls, self._path, self._request = calls, path, request
        self._heartbeats, self._patience = heartbeats, patience
        self._closed = threading.Event()
        self._attempt, self._heard = 0, time.monotonic()
        self._call: Any = None
        self._first: WatchPaymentsResponse | None = self._read()

    @property
    def resume_token(self) -> str:
        """Where to go on from, once the newest change is dealt with."""
        return self._request.resume_token

    def __next__(self) -> WatchPaymentsResponse:
        """Return the next change, however long it takes.

        Raises:
            StopIteration: the watch was closed.
            CounterfoilError: it cannot go on.
        """
        while True:
            message, self._first = self._first or self._read(), None
            if message is None:
                raise StopIteration
            self._request.resume_token = message.resume_token
            if self._heartbeats or message.HasField("payment"):
                return message

    def close(self) -> None:
        """End the watch; whoever waits for a change is told that there is none."""
        self._closed.set()
        call = self._call
        if call is not None:
            call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> WatchPaymentsResponse | None:
        """Return the next message, None when closed."""
        while not self._closed.is_set():
            try:
                if self._call is None:
                    self._call = self._calls.open(self._path, self._request, WatchPaymentsResponse)
                message: WatchPaymentsResponse = next(self._call)
            except StopIteration:
                pause = _PAUSE_SECONDS
            except grpc.RpcError as failure:
                if self._closed.is_set():
                    return None
                pause = self._pause(error_of(failure, self._request), failure)
            else:
                self._attempt, self._heard = 0, time.monotonic()
                return message
            self._call = None
            self._closed.wait(pause)
        return None

    def _pause(self, error: CounterfoilError, failure: grpc.RpcError) -> float:
        pause = pause_after(error, self._attempt)
        if pause is None or time.monotonic() + pause - self._heard > self._patience:
            raise error from failure
        self._attempt += 1
        return pause
