"""Watching payments: one reader of the feed in this process, and any number of watchers who each get what they want.

A watcher joins what comes first and reads what it missed after that, up to the place where it joined; so nothing falls
between. A message is made once and shared by all it goes to. What waits for watchers is limited, for each and for all
together: who does not keep up is told so, with the token to resume from, and frees its share at once.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from google.protobuf.timestamp_pb2 import Timestamp

from service.api._messages import payment_from_facts
from service.api._tokens import write_resume_token
from service.errors import CounterfoilError, Overloaded
from service.gen.counterfoil.v1 import payments_service_pb2
from service.history.feed import FeedFilter, FeedHead, PaymentChange
from service.projection import PaymentFacts
from service.projection.feed import Changes
from service.telemetry import log

Answer = payments_service_pb2.WatchPaymentsResponse

PAGE = 100
# Changes that wait for one watcher, and for all of them.
WAITING_LIMIT = 1000
ALL_WAITING_LIMIT = 100_000
# Watchers that read what they missed at the same time; the others wait, and lose nothing by it.
_CATCHING_UP = 4


class WatcherTooSlow(CounterfoilError):
    """A watcher did not take its changes in time; carries the token to resume from."""

    reason = "WATCHER_TOO_SLOW"
    status: ClassVar[str] = "RESOURCE_EXHAUSTED"
    retryable: ClassVar[bool] = True


class ResumeTokenUnknown(CounterfoilError):
    """A token of another feed, or of a place this one has not reached."""

    reason = "RESUME_TOKEN_UNKNOWN"
    status: ClassVar[str] = "FAILED_PRECONDITION"


class ChangeReader:
    """What the feed reads from: see `PaymentReader`."""

    async def changes(self, wanted: FeedFilter, *, after: int, until: int | None, limit: int) -> Changes:
        """Return some of the feed, as `projection.read_changes` does."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class _Watcher:
    """One call. `waiting` holds what was told since it joined at `joined`, in the feed's order."""

    joined: int
    waiting: deque[tuple[int, Answer]] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False


class PaymentFeed:
    """Reads the feed once for all watchers. `step` belongs into a loop that the topic "payments" wakes."""

    def __init__(
        self,
        reader: ChangeReader,
        *,
        watchers_limit: int,
        heartbeat: timedelta,
        waiting_limit: int = WAITING_LIMIT,
    ) -> None:
        self._reader = reader
        self._limit = watchers_limit
        self._waiting_limit = waiting_limit
        self._heartbeat = heartbeat.total_seconds()
        self._head: FeedHead | None = None
        self._beginning = asyncio.Lock()
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)
        self._watchers: dict[FeedFilter, set[_Watcher]] = defaultdict(set)
        self._count = 0
        self._waiting = 0
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many calls there are."""
        return self._count

    def close(self) -> None:
        """Refuse new watchers, and end the others once each has what waits for it."""
        self._closed = True
        self._wake_all()

    async def step(self) -> int:
        """Pass on some of what is new; return how many changes, 0 when there are none, or nobody watches."""
        head = self._head
        if head is None or not self._count:
            self._head = None
            return 0
        read = await self._reader.changes(FeedFilter(), after=head.position, until=None, limit=PAGE)
        if read.head.id != head.id or read.head.position < head.position:
            log().error("watch.feed_replaced")  # restored from a backup: what comes next means something else
            self._head = None
            self._wake_all()
            return 0
        # Nothing here waits: whoever joins does so before all of it or after.
        for change, facts in read.found:
            self._tell(change, answer_of(head.id, change, facts))
        self._head = FeedHead(head.id, read.last)
        return len(read.found) if not read.more else PAGE

    def _tell(self, change: PaymentChange, answer: Answer) -> None:
        for wanted in _filters_of(change):
            for watcher in self._watchers.get(wanted, ()):
                if watcher.lost:
                    continue
                if len(watcher.waiting) >= self._waiting_limit or self._waiting >= ALL_WAITING_LIMIT:
                    watcher.lost = True
                    self._forget(watcher)
                else:
                    watcher.waiting.append((change.position, answer))
                    self._waiting += 1
                watcher.woken.set()

    def _forget(self, watcher: _Watcher) -> None:
        self._waiting -= len(watcher.waiting)
        watcher.waiting.clear()

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.woken.set()

    async def watch(self, wanted: FeedFilter, resume: FeedHead | None) -> AsyncGenerator[Answer, None]:
        """Yield what changes, and heartbeats, until the caller ends it.

        Raises:
            Overloaded: too many watch, or the service is stopping.
            ResumeTokenUnknown: `resume` is a place of another feed.
            WatcherTooSlow: the caller did not take what it was given in time.
        """
        if self._closed or self._count >= self._limit:
            raise Overloaded("the service is stopping" if self._closed else "too many watchers are here already")
        self._count += 1
        try:
            head = await self._begun()
            if resume is not None and (resume.id != head.id or resume.position > head.position):
                raise _unknown()
            reached = head.position if resume is None else resume.position
            while True:
                with self._joined(wanted) as watcher:
                    async for place, answer in self._missed(wanted, head.id, reached, watcher.joined):
                        reached = place
                        yield answer
                    reached = watcher.joined
                    if watcher.lost:
                        continue  # more came than was read: from there on once more
                    async for answer in self._live(watcher, head.id, reached):
                        yield answer
        finally:
            self._count -= 1

    async def _begun(self) -> FeedHead:
        """Return where the feed is read from here on: what is stored already is before it."""
        async with self._beginning:
            if self._head is None:
                read = await self._reader.changes(FeedFilter(), after=0, until=0, limit=1)
                self._head = read.head
            return self._head

    @contextmanager
    def _joined(self, wanted: FeedFilter) -> Iterator[_Watcher]:
        if self._head is None:
            raise _unknown()
        watcher = _Watcher(self._head.position)
        self._watchers[wanted].add(watcher)
        try:
            yield watcher
        finally:
            self._forget(watcher)
            self._watchers[wanted].discard(watcher)
            if not self._watchers[wanted]:
                del self._watchers[wanted]

    async def _missed(self, wanted: FeedFilter, feed: int, after: int, until: int) -> AsyncIterator[tuple[int, Answer]]:
        while after < until:
            async with self._catching_up:
                read = await self._reader.changes(wanted, after=after, until=until, limit=PAGE)
            for change, facts in read.found:
                yield change.position, answer_of(feed, change, facts)
            if not read.more:
                return
            after = read.last

    async def _live(self, watcher: _Watcher, feed: int, reached: int) -> AsyncIterator[Answer]:
        yield self._sign_of_life(feed, reached)
        while True:
            while watcher.waiting:
                reached, answer = watcher.waiting.popleft()
                self._waiting -= 1
                yield answer
            if watcher.lost:
                raise too_slow(write_resume_token(FeedHead(feed, reached)))
            if self._closed:
                token = write_resume_token(FeedHead(feed, reached))
                raise Overloaded("the service is stopping", metadata={"resume_token": token})
            if self._head is None:
                raise _unknown()
            watcher.woken.clear()
            try:
                async with asyncio.timeout(self._heartbeat):
                    await watcher.woken.wait()
            except TimeoutError:
                if self._head is not None and not watcher.waiting:
                    reached = self._head.position  # all before it has been told
                    yield self._sign_of_life(feed, reached)

    @staticmethod
    def _sign_of_life(feed: int, reached: int) -> Answer:
        return Answer(resume_token=write_resume_token(FeedHead(feed, reached)))


def too_slow(token: str) -> WatcherTooSlow:
    """Return the error for a caller that did not keep up."""
    return WatcherTooSlow("The changes came faster than they were taken.", metadata={"resume_token": token})


def _unknown() -> ResumeTokenUnknown:
    return ResumeTokenUnknown("The token is of another feed than this: list anew, and watch without a token.")


def _filters_of(change: PaymentChange) -> set[FeedFilter]:
    """Return every filter that lets a change pass."""
    entity, record_id, customer_id = change.entity, change.record_id, change.customer_id
    return {
        FeedFilter(entity, one_record, one_customer)
        for one_record in {None, record_id}
        for one_customer in {None, customer_id}
    }


def answer_of(feed: int, change: PaymentChange, facts: PaymentFacts) -> Answer:
    """Return the message of a change."""
    at = Timestamp()
    at.FromDatetime(change.changed_at)
    token = write_resume_token(FeedHead(feed, change.position))
    return Answer(payment=payment_from_facts(facts), change_time=at, resume_token=token)
