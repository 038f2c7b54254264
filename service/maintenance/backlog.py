"""What waits, for how long, and what was given up: told as gauges, for dashboards and alarms.

Everything is read here, in one look at one state of the database, through the indexes of what is open: its cost follows
the backlog and not the history. Every worker tells the same figures, so of several the greatest is taken, never the
sum. Names of entities, orgs and topics only: nothing of a customer's is told.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from service import outbox, telemetry
from service.clients import SalesforceApi
from service.clock import Clock
from service.commands import backlog as commands
from service.config import Installation
from service.db import Database, Transaction
from service.domain.backlog import Backlog
from service.history import backlog as reactions
from service.inbox import backlog as events
from service.mirror import backlog as objects
from service.outbox import backlog as records
from service.projection import Reconciliation, list_payout_facts

# Where each is counted: by entity or by org.
_OF_AN_ENTITY, _OF_AN_ORG = ("command", "project", "fetch"), ("accept", "deliver", "react")
_FAILED_OF_AN_ENTITY, _FAILED_OF_AN_ORG = ("command", "projection", "fetch", "event"), ("delivery", "reaction", "event")
_PAYOUTS_LIMIT = 200


class BacklogWatch:
    """Tells the figures; several may run at once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        installation: Installation,
        *,
        salesforce: Mapping[str, SalesforceApi],
    ) -> None:
        self._database = database
        self._clock = clock
        self._installation = installation
        self._salesforce = salesforce

    async def step(self) -> int:
        """Tell every figure once; return 0, as there is nothing left to do until the next look."""
        now = self._clock.now()
        async with self._database.read() as tx:
            unsettled, given_up = await commands.read(tx)
            waiting = [
                *await events.waiting(tx),
                *await objects.waiting(tx, now=now),
                *await records.waiting(tx),
                *await reactions.waiting(tx, now=now),
                *unsettled,
            ]
            failed = {
                **await events.failed(tx),
                **await objects.failed(tx),
                **await records.failed(tx),
                **await reactions.failed(tx),
                **given_up,
            }
            positions = await events.positions(tx)
            await self._tell_budgets(tx, now)
        self._tell_backlog(waiting, now)
        self._tell_failures(failed)
        self._tell_positions(positions, now)
        return 0

    def _names(self, of_entities: Collection[str], of_orgs: Collection[str]) -> list[tuple[str, str]]:
        """Return every kind and place there is: nothing is told as nought, which is not the same as silence."""
        entities = [(kind, name) for kind in of_entities for name in self._installation.entities]
        return entities + [(kind, name) for kind in of_orgs for name in self._installation.orgs]

    def _tell_backlog(self, waiting: Collection[Backlog], now: datetime) -> None:
        found = {(one.queue, one.where): one for one in waiting}
        for queue, where in self._names(_OF_AN_ENTITY, _OF_AN_ORG):
            one = found.get((queue, where))
            # The clocks of the machines may differ by a little.
            age = max((now - one.oldest).total_seconds(), 0.0) if one else 0.0
            attributes = {"queue": queue, "where": where}
            telemetry.backlog_items.set(one.count if one else 0, attributes)
            telemetry.backlog_age.set(age, attributes)

    def _tell_failures(self, failed: Mapping[tuple[str, str], int]) -> None:
        for shelf, where in self._names(_FAILED_OF_AN_ENTITY, _FAILED_OF_AN_ORG):
            telemetry.failures_open.set(failed.get((shelf, where), 0), {"shelf": shelf, "where": where})

    def _tell_positions(self, positions: Mapping[tuple[str, str, str], datetime], now: datetime) -> None:
        for name, org in self._installation.orgs.items():
            for topic in org.pubsub.topics:
                at = positions.get((name, topic, org.stream))
                if at is not None:
                    age = max((now - at).total_seconds(), 0.0)
                    telemetry.stream_age.set(age, {"org": name, "topic": topic, "feed": org.stream})

    async def _tell_budgets(self, tx: Transaction, now: datetime) -> None:
        for name, api in self._salesforce.items():
            made = await outbox.calls_made(tx, org=name, now=now)
            telemetry.api_calls.set(made, {"org": name})
            if api.usage is not None:
                used, limit = api.usage
                share = self._installation.orgs[name].delivery.api_share_percent
                telemetry.api_share.set(limit * share // 100, {"org": name})
                telemetry.api_used.set(used, {"org": name})
                telemetry.api_limit.set(limit, {"org": name})


class PayoutWatch:
    """Tells how many of each entity's newest payouts do not add up; several may run at once."""

    def __init__(self, database: Database, *, entities: Collection[str]) -> None:
        self._database = database
        self._entities = entities

    async def step(self) -> int:
        """Tell it once, of the newest 200 of each entity; return 0 until the next look."""
        for entity in self._entities:
            async with self._database.read() as tx:
                found = await list_payout_facts(tx, entities=[entity], limit=_PAYOUTS_LIMIT)
            for kind in Reconciliation:
                count = sum(facts.reconciliation == kind for facts in found)
                telemetry.payouts.set(count, {"entity": entity, "reconciliation": kind.value})
        return 0
