"""Retention: what nobody needs any more is deleted, or rid of its texts, a bounded batch of each class at a time.

Refuses whatever is still to be done or looked at: events, requests, objects and reactions that wait, failed or were
given up keep everything until somebody has settled them. What records should hold, the ledger of what was asked and the
audit log stay: they are the present state, and the proof.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from service import history, inbox, runs, telemetry
from service.clock import Clock
from service.commands.retention import forget_people
from service.config import Settings
from service.db import Database, Transaction
from service.inbox import coverage
from service.mirror.retention import forget_deleted

_BATCH_LIMIT = 1000
# A pass that follows another looks at what has come of age since, and a little more; the first one at everything.
_OVERLAP = timedelta(days=2)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Which rows a class is about, until when, and where to go on: how many were purged, and where the next batch begins.
_Purge = Callable[[Transaction, datetime, Any], Awaitable[tuple[int, Any]]]


async def _events(tx: Transaction, before: datetime, _place: Any) -> tuple[int, Any]:
    await coverage.prune_stretches(tx, before=before)
    purged = await inbox.prune(tx, before=before, limit=_BATCH_LIMIT)
    return purged, purged == _BATCH_LIMIT or None


async def _reactions(tx: Transaction, before: datetime, _place: Any) -> tuple[int, Any]:
    purged = await history.prune(tx, before=before, limit=_BATCH_LIMIT)
    return purged, purged == _BATCH_LIMIT or None


async def _runs(tx: Transaction, before: datetime, _place: Any) -> tuple[int, Any]:
    purged = await runs.prune(tx, before=before, limit=_BATCH_LIMIT)
    return purged, purged == _BATCH_LIMIT or None


async def _requests(tx: Transaction, before: datetime, place: Any) -> tuple[int, Any]:
    return await forget_people(tx, before=before, after=place or "", limit=_BATCH_LIMIT)


async def _deleted(tx: Transaction, before: datetime, place: Any) -> tuple[int, Any]:
    return await forget_deleted(tx, before=before, after=place or ("", ""), limit=_BATCH_LIMIT)


class Retention:
    """Purges by class; several may run at once."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._since = _BEGINNING
        self._classes: dict[str, tuple[int, _Purge]] = {
            "events": (settings.retention_days, _events),
            "payloads": (settings.retention_payload_days, self._payloads),
            "requests": (settings.retention_request_days, _requests),
            "deleted_objects": (settings.retention_deleted_days, _deleted),
            "reactions": (settings.retention_reaction_days, _reactions),
            "runs": (settings.retention_run_days, _runs),
        }
        self._places: dict[str, Any] = {}
        for name in self._classes:
            telemetry.retention_purged.add(0, {"class": name})  # told from the start, so that a first one is a rise

    async def step(self) -> int:
        """Purge one batch of each class that has more; return how many classes do, 0 at the end of a pass."""
        due = self._places or dict.fromkeys(self._classes)
        left: dict[str, Any] = {}
        for name, place in due.items():
            days, purge = self._classes[name]
            async with self._database.transaction() as tx:
                purged, after = await purge(tx, self._clock.now() - timedelta(days=days), place)
            if purged:
                telemetry.retention_purged.add(purged, {"class": name})
                telemetry.log().info("retention.purged", rows=purged, **{"class": name})
            if after is not None:
                left[name] = after
        self._places = left
        return len(left)

    async def _payloads(self, tx: Transaction, before: datetime, _place: Any) -> tuple[int, Any]:
        purged = await inbox.empty(tx, since=self._since, before=before, limit=_BATCH_LIMIT)
        if purged == _BATCH_LIMIT:
            return purged, True
        self._since = before - _OVERLAP
        return purged, None
