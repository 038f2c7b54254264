"""Keeps one stream of one org read, by one replica at a time, for as long as the process lives.

Every end of a stream is followed by another beginning, from the stored position, after a pause that fits the cause. It
refuses to read without the stream's lease, and gives the lease up at once when told to stop, so that another replica
goes on; the lease of a dead replica runs out by itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from service.clock import Clock
from service.intake import LeaseLost, StreamIntake, StreamLease
from service.telemetry import log, stream_ends, stream_gaps
from subscribers.feed import Cause, Feed, StreamEnded
from subscribers.handoff import hand_over

# Salesforce restarts its servers in waves: the first try comes soon, later ones must not become a wave of their own.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60
# A spent allowance frees itself over 24 hours, and Salesforce keeps events for 72: minutes lose nothing.
SLOW_PAUSE_SECONDS = 300
# Until a person has acted; short enough that nobody has to restart us afterwards.
ALARM_PAUSE_SECONDS = 300
# A fresh token that is refused twice in a row will be refused again.
TOKENS_IN_A_ROW = 2
# How often, within the time of one lease, the holder renews it and the others look for a dead holder.
RENEWALS_PER_LEASE = 3
# Stopping must not hang on a database that does not answer; the lease runs out without us.
RELEASE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait before a stream is opened again: growing from `first` to `longest`, or by the cause."""

    first: timedelta = timedelta(seconds=FIRST_PAUSE_SECONDS)
    longest: timedelta = timedelta(seconds=LONGEST_PAUSE_SECONDS)
    slow: timedelta = timedelta(seconds=SLOW_PAUSE_SECONDS)
    alarm: timedelta = timedelta(seconds=ALARM_PAUSE_SECONDS)


class Supervisor:
    """One stream. `run` it until cancelled.

    Args:
        intake: where events and positions go.
        feed: reads the stream.
        clock: for jitter.
        org: the org's name.
        topic: the stream.
        holder: names this process, unlike any other.
        lease: how long a claim holds; a dead holder is followed within this time and a third.
        may_read: tells whether the stream may be read now; when not, it waits as for a spent allowance.
        pauses: for tests, which cannot wait.
    """

    def __init__(
        self,
        intake: StreamIntake,
        feed: Feed,
        clock: Clock,
        *,
        org: str,
        topic: str,
        holder: str,
        lease: timedelta,
        may_read: Callable[[], bool] = lambda: True,
        pauses: Pauses | None = None,
    ) -> None:
        self._intake = intake
        self._feed = feed
        self._clock = clock
        self._org = org
        self._topic = topic
        self._holder = holder
        self._lease = lease
        self._may_read = may_read
        self._pauses = pauses or Pauses()
        self._failures = 0
        self._tokens = 0
        self.last_end: Cause | None = None
        """Why the stream ended last; None while events or keepalives arrive."""
        self.holds = False
        """Whether this process reads the stream."""
        # Told from the start: the first gap is then an increase, and not a figure out of nowhere.
        stream_gaps.add(0, {"org": org, "topic": topic})

    async def run(self) -> None:
        """Read the stream whenever its lease is free; returns never, ends by cancellation."""
        while True:
            lease = await self._claim()
            if lease is None:
                await self._sleep(self._lease / RENEWALS_PER_LEASE)
            else:
                await self._hold(lease)

    async def _claim(self) -> StreamLease | None:
        try:
            return await self._intake.claim_stream(
                self._org, self._topic, self._holder, self._lease, feed=self._feed.kind
            )
        except Exception as error:  # noqa: BLE001  (whatever the database says, the next try is the answer)
            self._log().warning("stream.claim_failed", error=type(error).__name__)
            return None

    async def _hold(self, lease: StreamLease) -> None:
        self.holds = True
        tasks = [asyncio.create_task(self._read(lease)), asyncio.create_task(self._renew(lease))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.holds = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._release(lease)

    async def _release(self, lease: StreamLease) -> None:
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._intake.release_stream(lease)
        except Exception as error:  # noqa: BLE001  (the lease runs out by itself)
            self._log().warning("stream.release_failed", error=type(error).__name__)

    async def _renew(self, lease: StreamLease) -> None:
        """Renew until the lease is lost, or may be: a database that does not answer cannot tell."""
        loop = asyncio.get_running_loop()
        interval = self._lease.total_seconds() / RENEWALS_PER_LEASE
        ours_until = loop.time() + self._lease.total_seconds()
        while loop.time() + interval < ours_until:
            await asyncio.sleep(interval)
            asked = loop.time()
            try:
                async with asyncio.timeout(interval):
                    if not await self._intake.renew_stream(lease, self._lease):
                        break
                ours_until = asked + self._lease.total_seconds()
            except Exception as error:  # noqa: BLE001  (the next try is the answer)
                self._log().warning("stream.renewal_failed", error=type(error).__name__)
        self._log().warning("stream.lease_lost")

    async def _read(self, lease: StreamLease) -> None:
        """Read until the lease is lost; the position moves only with what was stored."""
        position = lease.position
        while True:
            try:
                self._refuse_while_held_back()
                async with aclosing(self._feed.batches(self._topic, position)) as batches:
                    async for batch in batches:
                        await hand_over(self._intake, batch, lease)
                        position = batch.position
                        self._failures = self._tokens = 0
                        self.last_end = None
                        self._refuse_while_held_back()
                end = StreamEnded(Cause.COMPLETED)
            except LeaseLost:
                return
            except StreamEnded as error:
                end = error
            except Exception as error:  # noqa: BLE001  (a stream must go on whatever happened; nothing was stored)
                end = StreamEnded(Cause.RETRY, type(error).__name__)
            if end.cause is Cause.REPLAY_LOST:
                stream_gaps.add(1, {"org": self._org, "topic": self._topic})
                lost = "" if position is None else position.hex()
                self._log().error("stream.gap", lost_position=lost, code=end.code, rpc_id=end.rpc_id)
                position = None
                if not await self._note_gap(lease):
                    return
            await self._sleep(self._pause_after(end))

    def _refuse_while_held_back(self) -> None:
        if not self._may_read():
            raise StreamEnded(Cause.SLOW_DOWN, "held back: the deliveries that are left are kept for requests")

    async def _note_gap(self, lease: StreamLease) -> bool:
        """Store that there is a gap, until it is stored: what was missed is read again because of it."""
        while True:
            try:
                return await self._intake.note_gap(lease)
            except Exception as error:  # noqa: BLE001  (whatever the database says, the next try is the answer)
                self._log().warning("stream.gap_not_noted", error=type(error).__name__)
            await self._sleep(self._pauses.first)

    def _pause_after(self, end: StreamEnded) -> timedelta:
        """Note the end of a stream; return how long to wait."""
        self.last_end = end.cause
        stream_ends.add(1, {"org": self._org, "topic": self._topic, "cause": end.cause.value})
        self._tokens = self._tokens + 1 if end.cause is Cause.NEW_TOKEN else 0
        alarm = end.cause is Cause.STOP or self._tokens > TOKENS_IN_A_ROW
        if alarm:
            pause = self._pauses.alarm
        elif end.cause is Cause.SLOW_DOWN:
            pause = self._pauses.slow
        else:
            pause = min(self._pauses.first * 2 ** min(self._failures, 30), self._pauses.longest)
            self._failures += 1
        say = self._log().error if alarm else self._log().warning if end.cause is Cause.SLOW_DOWN else self._log().info
        say("stream.ended", cause=end.cause.value, code=end.code, rpc_id=end.rpc_id, alarm=alarm)
        return max(pause, end.retry_after or pause)

    async def _sleep(self, pause: timedelta) -> None:
        """Wait at least half of `pause`, and a part of the rest by chance, so that replicas spread."""
        await asyncio.sleep((pause / 2 + self._clock.jitter(pause / 2)).total_seconds())

    def _log(self) -> Any:
        return log().bind(org=self._org, topic=self._topic)
