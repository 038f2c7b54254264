"""Runs the blocking calls of a vendor's library in its own few threads, each call with a span and a measurement.

Refuses to make one vendor's slowness everybody's: threads and waiting calls are limited per client. No body, no
parameter and no vendor text goes into a span or a metric.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from opentelemetry.trace import Span

from service.errors import VendorError, VendorUnavailable
from service.telemetry import span, vendor_calls

T = TypeVar("T")

# Above Stripe's default of 25 requests a second per endpoint at 0.3 s each, below what one account may do at once.
CALL_THREADS = 16
# Calls that wait for a thread. A full queue means the vendor is slower than we ask: better refuse than remember.
WAITING_CALLS = 2000
BUSY_RETRY_AFTER = timedelta(seconds=1)
# A connection that is not there within this time will not come; the rest of the time belongs to the answer.
CONNECT_SECONDS = 5.0


def timeouts(answer_seconds: float) -> tuple[float, float]:
    """Return the longest waits, in seconds, for the connection and for the answer, as requests takes them."""
    return min(CONNECT_SECONDS, answer_seconds), answer_seconds


class Calls:
    """The threads of one client.

    Args:
        vendor: "stripe" or "salesforce".
        unavailable: the reason of an error when no thread is free.
        translate: turns what the library raised into one of our errors, or None for a fault that is ours.
    """

    def __init__(
        self, vendor: str, *, unavailable: str, translate: Callable[[Exception], VendorError | None], name: str
    ) -> None:
        self._vendor = vendor
        self._unavailable = unavailable
        self._translate = translate
        self._threads = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix=f"{vendor}-{name}")
        self._open = 0

    async def run(self, operation: str, attributes: Mapping[str, str | int | bool], function: Callable[[Span], T]) -> T:
        """Run `function` in a thread, in a span "<vendor>.<operation>"; it may set attributes on that span.

        A cancelled caller is released at once; a call already on the wire ends by its own time-out.

        Raises:
            VendorError: as `translate` decides, without the library's error behind it, which may quote the vendor.
        """
        if self._open >= WAITING_CALLS:
            raise VendorUnavailable(
                f"{WAITING_CALLS} calls to {self._vendor} are waiting already",
                vendor=self._vendor,
                reason=self._unavailable,
                retry_after=BUSY_RETRY_AFTER,
            )
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = "CANCELLED"
        self._open += 1
        try:
            with span(f"{self._vendor}.{operation}", attributes=attributes) as current:
                try:
                    result = await loop.run_in_executor(self._threads, function, current)
                except Exception as error:
                    known = self._translate(error)
                    outcome = known.reason if known else "INTERNAL"
                    if known is None:
                        raise
                    if known.request_id:
                        current.set_attribute("vendor.request_id", known.request_id)
                    current.set_attribute("counterfoil.reason", known.reason)
                    raise known from None
                outcome = "OK"
                return result
        finally:
            self._open -= 1
            vendor_calls.record(
                loop.time() - started, {"vendor": self._vendor, "operation": operation, "outcome": outcome}
            )

    def close(self) -> None:
        """Take no more calls; those on the wire end by their own time-outs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
