"""Everything that failed, in one list, and what a person may do about it: try again, let go at once, discard.

    delivery    a record Salesforce does not take: dead, discarded, or waiting with an error
    projection  an object our rules could not make records of
    fetch       an object Stripe did not give us
    event       an event that was not acted on: quarantined, or a refused request
    reaction    a task, notification or event of a rule that Salesforce does not take

Trying again only delivers, looks, fetches or reacts again; no path from here leads to a payment. A failure is named by
its shelf and key, such as `delivery/main/Payment__c/pi_123`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from service import audit, history, inbox, outbox
from service.clock import Clock
from service.config import Installation, entity_of
from service.db import Database, Transaction
from service.errors import InvalidRequest, NotFound, Unreadable, Violation
from service.inbox import failures as events
from service.intake import observe, read_stripe_event, stub
from service.maintenance._failure import (
    DELIVERY,
    EVENT,
    FETCH,
    PROJECTION,
    REACTION,
    SHELVES,
    Failure,
    of_history,
    of_inbox,
    of_mirror,
    of_outbox,
)
from service.mirror import faults

__all__ = ["SHELVES", "Failure", "Failures", "Filter"]

_KEY_PARTS = {DELIVERY: 3, PROJECTION: 2, FETCH: 2, EVENT: 3, REACTION: 2}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which failures; None is no restriction. `older_than` is the least age of the last failure."""

    shelf: str | None = None
    org: str | None = None
    entity: str | None = None
    object_type: str | None = None
    error: str | None = None
    older_than: timedelta | None = None
    discarded: bool = False
    limit: int = 100

    @property
    def restricts(self) -> bool:
        """Whether anything is left out."""
        return any((self.shelf, self.org, self.entity, self.object_type, self.error, self.older_than))


class Failures:
    """The list and the verbs. Nothing here talks to a vendor; the running service does what is asked for."""

    def __init__(self, database: Database, clock: Clock, installation: Installation) -> None:
        self._database = database
        self._clock = clock
        self._installation = installation

    async def find(self, wanted: Filter) -> list[Failure]:
        """Return failures, the oldest first."""
        async with self._database.read() as tx:
            found = [failure for shelf in SHELVES for failure in await self._shelf(tx, shelf, wanted)]
        oldest = datetime.min.replace(tzinfo=self._clock.now().tzinfo)
        return sorted(found, key=lambda failure: failure.failed_at or oldest)[: wanted.limit]

    async def get(self, name: str, *, entity: str | None = None) -> Failure:
        """Return one failure, discarded ones too; only of an entity, if one is given.

        Raises:
            InvalidRequest: it is no name of a failure.
            NotFound: nothing of that name has failed.
        """
        shelf, key = _key(name)
        for discarded in (False, True):
            async with self._database.read() as tx:
                found = await self._shelf(tx, shelf, Filter(entity=entity, discarded=discarded), key)
            if found and (entity is None or shelf == DELIVERY or found[0].where == entity):
                return found[0]
        raise NotFound(f"nothing named {name!r} has failed")

    async def choose(self, names: Sequence[str], wanted: Filter, *, everything: bool) -> list[Failure]:
        """Return what something is to be done with: by names, or a filter, or all of it.

        Raises:
            InvalidRequest: both were given, or neither, or a name that is none.
            NotFound: nothing of a name has failed.
        """
        if names and (replace(wanted, entity=None).restricts or everything):
            raise InvalidRequest([Violation("id", "give names or filters, not both")])
        if names:
            return [await self.get(name, entity=wanted.entity) for name in dict.fromkeys(names)]
        if not wanted.restricts and not everything:
            raise InvalidRequest([Violation("id", "say which: give names, filters, or --all")])
        return await self.find(wanted)

    async def redrive(self, failures: Sequence[Failure], *, who: str = "service") -> int:
        """Try again from the start; return how many. Events are left alone: see `release`."""
        now = self._clock.now()
        keys = _by_shelf(failures)
        async with self._database.transaction() as tx:
            done = await outbox.failures.redrive(tx, keys[DELIVERY], now=now)
            done += await history.failures.redrive(tx, keys[REACTION], now=now)
            done += await faults.look_again(tx, keys[PROJECTION])
            await audit.append(tx, _entries(failures, "redrive", who, now))
            return done + await faults.fetch_again(tx, keys[FETCH], now=now)

    async def release(self, failures: Sequence[Failure], *, who: str = "service") -> int:
        """Let go now what waits for its next try, and quarantined events that fit the configuration by now."""
        now = self._clock.now()
        keys = _by_shelf(failures)
        async with self._database.transaction() as tx:
            done = await outbox.failures.release(tx, keys[DELIVERY], now=now)
            done += await history.failures.release(tx, keys[REACTION], now=now)
            done += await faults.fetch_again(tx, keys[FETCH], now=now)
            for failure in failures:
                if failure.shelf == EVENT:
                    done += await self._release_event(tx, failure, now)
            await audit.append(tx, _entries(failures, "release", who, now))
        return done

    async def discard(self, failures: Sequence[Failure], *, who: str, why: str) -> int:
        """Give failures up; who, when and why is kept with each. Return how many."""
        now = self._clock.now()
        keys = _by_shelf(failures)
        async with self._database.transaction() as tx:
            done = await outbox.failures.discard(tx, keys[DELIVERY], now=now, who=who, why=why)
            done += await history.failures.discard(tx, keys[REACTION], now=now, who=who, why=why)
            objects = [*keys[PROJECTION], *keys[FETCH]]
            done += await faults.discard(tx, objects, now=now, who=who, why=why)
            await audit.append(tx, _entries(failures, "discard", who, now))
            return done + await events.discard(tx, keys[EVENT], now=now, who=who, why=why)

    async def _release_event(self, tx: Transaction, failure: Failure, now: datetime) -> int:
        source, account, event_id = _key(failure.id)[1]
        key = (source, account, event_id)
        payload = await events.payload_of(tx, key)
        if failure.reason == Unreadable.reason:
            return await events.take_again(tx, key)
        entity = self._installation.entities.get(account)
        if source != "stripe" or failure.state != inbox.State.QUARANTINED or entity is None:
            return 0
        event = read_stripe_event(account, (payload or "").encode())
        owner = entity_of(self._installation.entities, account, event.account)
        ours = event.livemode is entity.stripe.livemode
        if owner is None or not ours or event.subject_type is None or event.subject_id is None:
            return 0
        # Whatever it showed is old by now: Stripe is asked how the object stands.
        seen = stub(owner, event.subject_type, event.subject_id, fetch_after=now, as_of=event.created)
        await observe(tx, [seen], now=now)
        return await events.settle_released(tx, (source, account, event_id))

    async def _shelf(
        self, tx: Transaction, shelf: str, wanted: Filter, key: tuple[str, ...] | None = None
    ) -> list[Failure]:
        if wanted.shelf not in {None, shelf}:
            return []
        before = None if wanted.older_than is None else self._clock.now() - wanted.older_than
        if shelf == DELIVERY:
            return await self._deliveries(tx, wanted, before, key)
        if shelf == EVENT:
            return await self._events(tx, wanted, before, key)
        if shelf == REACTION:
            return await self._reactions(tx, wanted, before, key)
        found = await faults.find(
            tx,
            entities=[key[0]] if key else self._entities(wanted),
            object_type=wanted.object_type,
            reason=wanted.error,
            before=before,
            object_id=key[1] if key else None,
            discarded=wanted.discarded,
            limit=wanted.limit,
        )
        return [of_mirror(fault) for fault in found if fault.kind == shelf]

    def _entities(self, wanted: Filter) -> list[str] | None:
        if wanted.entity is not None:
            return [wanted.entity]
        return None if wanted.org is None else list(self._installation.entities_of(wanted.org))

    async def _deliveries(
        self, tx: Transaction, wanted: Filter, before: datetime | None, key: tuple[str, ...] | None
    ) -> list[Failure]:
        found = await outbox.failures.find(
            tx,
            org=key[0] if key else wanted.org,
            sobject=key[1] if key else wanted.object_type,
            reason=wanted.error,
            entity=wanted.entity,
            before=before,
            key=key[2] if key else None,
            states=("discarded",) if wanted.discarded else outbox.failures.OPEN,
            configured=tuple(self._installation.orgs),
            limit=wanted.limit,
        )
        return [of_outbox(record, homeless=record.org not in self._installation.orgs) for record in found]

    async def _reactions(
        self, tx: Transaction, wanted: Filter, before: datetime | None, key: tuple[str, ...] | None
    ) -> list[Failure]:
        if wanted.entity is not None:
            return []  # a reaction is an org's
        found = await history.failures.find(
            tx,
            org=key[0] if key else wanted.org,
            kind=wanted.object_type,
            reason=wanted.error,
            before=before,
            key=key[1] if key else None,
            states=("discarded",) if wanted.discarded else history.failures.OPEN,
            limit=wanted.limit,
        )
        return [of_history(one) for one in found]

    async def _events(
        self, tx: Transaction, wanted: Filter, before: datetime | None, key: tuple[str, ...] | None
    ) -> list[Failure]:
        accounts = [key[1]] if key else self._entities(wanted)
        if not key and wanted.org is not None and wanted.entity is None:
            accounts = [*(accounts or ()), wanted.org]
        found = await events.find(
            tx,
            accounts=accounts,
            kind=wanted.object_type,
            reason=wanted.error,
            before=before,
            event_id=key[2] if key else None,
            discarded=wanted.discarded,
            limit=wanted.limit,
        )
        return [of_inbox(event) for event in found if not key or event.source == key[0]]


def _key(name: str) -> tuple[str, tuple[str, ...]]:
    shelf, _, rest = name.partition("/")
    parts = tuple(rest.split("/", _KEY_PARTS.get(shelf, 1) - 1))
    if len(parts) != _KEY_PARTS.get(shelf):
        known = ", ".join(SHELVES)
        raise InvalidRequest([Violation("id", f"{name!r} names no failure: it begins with one of {known}")])
    return shelf, parts


def _entries(failures: Sequence[Failure], what: str, who: str, now: datetime) -> list[audit.Entry]:
    return [audit.Entry("operated", who, failure.id, now, {"operation": what}) for failure in failures]


def _by_shelf(failures: Sequence[Failure]) -> Mapping[str, list[Any]]:
    keys: dict[str, list[Any]] = {shelf: [] for shelf in SHELVES}
    for failure in failures:
        keys[failure.shelf].append(_key(failure.id)[1])
    return keys
