"""Due dates: disputes whose last moment for an answer comes near, told once by each rule that asks for it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from service import history
from service.clock import Clock
from service.config import Installation, Reaction
from service.db import Database, Wakes
from service.projection import DUE_SOON, Standing, due_reaction

_BATCH_LIMIT = 100


class DueWatch:
    """Looks for what falls due soon; several may run at once."""

    def __init__(self, database: Database, wakes: Wakes, clock: Clock, installation: Installation) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._rules: Mapping[str, Sequence[Reaction]] = {
            org: [rule for rule in settings.reactions if rule.when == DUE_SOON]
            for org, settings in installation.orgs.items()
        }
        self._entities = {org: installation.entities_of(org) for org in installation.orgs}

    async def step(self) -> int:
        """Ask for the reactions to some of what falls due; return how many were looked at, 0 when none is near."""
        found = 0
        for org, rules in self._rules.items():
            for rule in rules:
                found += await self._ask(org, rule)
        if found:
            self._wakes.signal("reactions")
        return found

    async def _ask(self, org: str, rule: Reaction) -> int:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await history.take_due(
                tx,
                # By the org too: a rule of that name may be there in another one, for entities of its own.
                rule=f"{org}/{rule.name}",
                entities=self._entities[org],
                now=now,
                within=timedelta(days=rule.days_before or 0),
                limit=_BATCH_LIMIT,
            )
            asked = [due_reaction(rule, Standing.from_json(one.content)) for one in due]
            await history.ask(tx, org, [one for one in asked if one is not None], now=now)
        return len(due)
