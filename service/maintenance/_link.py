"""Looking up in Salesforce which records hold a value of Stripe's, many values with one query.

Salesforce compares texts without their case, and Stripe's ids differ by it: so answers are compared again here. Fields
are named by us or by the configuration; values are quoted by the library.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from service import links, mirror, telemetry
from service.clients import SalesforceApi, format_soql
from service.clock import Clock
from service.config import Installation
from service.db import Database, Wakes
from service.domain import normalise_salesforce_id
from service.errors import VendorError
from service.links import Due, Link, LinkState
from service.mapping import field_name, object_name

# A query has at most 100,000 characters (SOQL and SOSL Reference, "SOQL SELECT Syntax"), and our values at most 255.
_BATCH_LIMIT = 200
_ROWS_LIMIT = 10_000
_COUNT_EVERY = timedelta(seconds=30)


class Linker:
    """Answers the questions that are due; several may run at once."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        salesforce: Mapping[str, SalesforceApi],
        installation: Installation,
        lease: timedelta,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._salesforce = salesforce
        self._installation = installation
        self._lease = lease
        self._counted_at: datetime | None = None

    async def step(self) -> int:
        """Ask one query; return how many values it answered, 0 when nothing is due."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await links.take(tx, now=now, lease=self._lease, limit=_BATCH_LIMIT)
        if due is None:
            await self._count(now)
            return 0
        with telemetry.span("salesforce.look_up", attributes={"counterfoil.entity": due.entity, "object": due.sobject}):
            try:
                answers = await self._look_up(due)
            except VendorError as error:
                telemetry.log().warning("links.failed", entity=due.entity, sobject=due.sobject, reason=error.reason)
                async with self._database.transaction() as tx:
                    await links.postpone(tx, due, error=error.reason, now=self._clock.now())
                return len(due.attempts)
        async with self._database.transaction() as tx:
            changed = await links.settle(tx, due, answers, now=self._clock.now())
            await mirror.touch(tx, due.entity, await links.askers(tx, due.entity, changed))
        if changed:
            self._wakes.signal("mirror")
        return len(due.attempts)

    async def _look_up(self, due: Due) -> dict[str, Link]:
        entity = self._installation.entities.get(due.entity)
        names = self._installation.mappings.get(entity.org, {}) if entity else {}
        field = field_name(names, due.sobject, due.field)
        if entity is None or field is None:  # no longer configured, or kept nowhere in this org
            return dict.fromkeys(due.attempts, Link(LinkState.NONE))
        wanted = ["Id", field, *(["AccountId"] if due.sobject != "Account" else [])]
        where = f"SELECT {', '.join(wanted)} FROM {object_name(names, due.sobject)} WHERE {field}"  # noqa: S608  (names)
        query = format_soql(f"{where} IN {{}}", sorted(due.attempts))
        rows = await self._salesforce[entity.org].query(query, limit=_ROWS_LIMIT)
        return _answers(due, field, rows)

    async def _count(self, now: datetime) -> None:
        """Tell how many exceptions are open; now and then, since nothing depends on it."""
        if self._counted_at is not None and now - self._counted_at < _COUNT_EVERY:
            return
        self._counted_at = now
        async with self._database.read() as tx:
            found = await links.count_open(tx)
        for entity in self._installation.entities:
            for state in ("Unmatched", "Ambiguous"):
                telemetry.routes_open.set(found.get((entity, state), 0), {"entity": entity, "state": state})


def _answers(due: Due, field: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Link]:
    """Return what the rows say of each value: one record with exactly it, several, or none."""
    holders: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        holders[str(row[field])].append(row)
    return {value: _answer(holders[value]) for value in due.attempts}


def _answer(rows: Sequence[Mapping[str, Any]]) -> Link:
    if not rows:
        return Link(LinkState.NONE)
    if len(rows) > 1:
        return Link(LinkState.AMBIGUOUS)
    account = rows[0].get("AccountId")
    return Link(
        LinkState.FOUND,
        normalise_salesforce_id(str(rows[0]["Id"])),
        normalise_salesforce_id(str(account)) if account else None,
    )
