"""Looking up in Salesforce which records hold a value of Stripe's: many values a query, several queries a call.

Salesforce compares texts without their case, and Stripe's ids differ by it: so answers are compared again here. Fields
are named by us or by the configuration; values are quoted by the library.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from service import links, mirror, telemetry
from service.clients import MAX_QUERIES, Rows, SalesforceApi, format_soql
from service.clock import Clock
from service.config import Installation
from service.db import Database, Wakes
from service.domain import normalise_salesforce_id
from service.domain.retry import next_linger
from service.errors import VendorError
from service.links import Due, Link, LinkState
from service.mapping import Names, field_name, object_name

# A query has at most 100,000 characters (SOQL and SOSL Reference, "SOQL SELECT Syntax"), and our values at most 255.
_BATCH_LIMIT = 200
_ROWS_LIMIT = 10_000
_COUNT_EVERY = timedelta(seconds=30)
_Answers = dict[str, Link] | VendorError


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
        self._linger = timedelta()

    async def step(self) -> int:
        """Make one call; return how many values it was about, 0 when nothing is due.

        While questions keep coming, calls are held back a little, so that each carries more.
        """
        if self._linger:
            await asyncio.sleep(self._linger.total_seconds())
        now = self._clock.now()
        dues = await self._take(now)
        values = sum(len(due.attempts) for due in dues)
        self._linger = next_linger(self._linger, found=values, room=_BATCH_LIMIT * MAX_QUERIES)
        if not dues:
            await self._count(now)
            return 0
        changed = False
        for due, answers in zip(dues, await self._look_up(dues), strict=True):
            changed |= await self._settle(due, answers)
        if changed:
            self._wakes.signal("mirror")
        return values

    async def _take(self, now: datetime) -> list[Due]:
        """Claim what one call can ask: the oldest questions, and others to the same org."""
        dues: list[Due] = []
        entities: list[str] | None = None
        async with self._database.transaction() as tx:
            while len(dues) < MAX_QUERIES and (
                due := await links.take(tx, now=now, lease=self._lease, limit=_BATCH_LIMIT, entities=entities)
            ):
                dues.append(due)
                entities = entities or self._of_one_org(due.entity)
        return dues

    def _of_one_org(self, entity: str) -> list[str]:
        known = self._installation.entities
        return [name for name in known if known[name].org == known[entity].org] if entity in known else [entity]

    async def _look_up(self, dues: Sequence[Due]) -> list[_Answers]:
        """Return what is known now of each, or why nothing is; what is kept nowhere in the org is not asked."""
        org = next((known.org for due in dues if (known := self._installation.entities.get(due.entity))), None)
        asked = {index: soql for index, due in enumerate(dues) if (soql := self._query(due))}
        answers: list[_Answers] = [dict.fromkeys(due.attempts, Link(LinkState.NONE)) for due in dues]
        if org is None or not asked:
            return answers
        objects = ",".join(dues[index].sobject for index in asked)
        with telemetry.span("salesforce.look_up", attributes={"salesforce.org": org, "salesforce.object": objects}):
            try:
                found = await self._ask(self._salesforce[org], list(asked.values()))
            except VendorError as error:
                found = [error] * len(asked)
        for index, rows in zip(asked, found, strict=True):
            field = self._field(dues[index]) or ""
            answers[index] = rows if isinstance(rows, VendorError) else _answers(dues[index], field, rows)
        return answers

    async def _ask(self, salesforce: SalesforceApi, queries: Sequence[str]) -> list[Rows | VendorError]:
        if len(queries) == 1:
            return [await salesforce.query(queries[0], limit=_ROWS_LIMIT)]
        return await salesforce.queries(queries, limit=_ROWS_LIMIT)

    def _field(self, due: Due) -> str | None:
        entity = self._installation.entities.get(due.entity)
        return field_name(self._names(due), due.sobject, due.field) if entity else None

    def _names(self, due: Due) -> Names:
        return self._installation.mappings.get(self._installation.entities[due.entity].org, {})

    def _query(self, due: Due) -> str | None:
        """Return the query; None if the entity is no longer configured, or its org keeps the value nowhere."""
        field = self._field(due)
        if field is None:
            return None
        wanted = ["Id", field, *(["AccountId"] if due.sobject != "Account" else [])]
        sobject = object_name(self._names(due), due.sobject)
        where = f"SELECT {', '.join(wanted)} FROM {sobject} WHERE {field}"  # noqa: S608  (names)
        return format_soql(f"{where} IN {{}}", sorted(due.attempts))

    async def _settle(self, due: Due, answers: _Answers) -> bool:
        """Keep the answers; tell whether any is another one now."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            if isinstance(answers, VendorError):
                telemetry.log().warning("links.failed", entity=due.entity, sobject=due.sobject, reason=answers.reason)
                await links.postpone(tx, due, error=answers.reason, now=now)
                return False
            changed = await links.settle(tx, due, answers, now=now)
            await mirror.touch(tx, due.entity, await links.askers(tx, due.entity, changed))
            return bool(changed)

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
