"""After a gap in a stream of changes: every record that may have changed in it is read again, and the rules applied.

Salesforce stamps each record with the time of its last change (SystemModstamp), so what changed in a gap can be found
without its events; what is gone again by then asks for nothing. Platform events cannot be found afterwards, so a gap in
them stays unproven.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service import telemetry
from service.clients import format_soql
from service.clock import Clock
from service.commands._change_rules import CONDITION, fields_to_read
from service.commands._changes import Rulebook
from service.config.changes import CHANGE_TOPICS
from service.db import Database, Wakes
from service.errors import VendorError
from service.inbox import coverage
from service.inbox.coverage import Proof, Stretch

_PAGE_LIMIT = 200
# Far more than an org can change in the days a gap can last; beyond it a person has to look.
_PAGES_LIMIT = 5000
# The clocks of Salesforce's servers and ours, and the time from a commit to its event.
_MARGIN = timedelta(minutes=10)
_PAUSE = timedelta(seconds=30)
_FIRST_ID = "000000000000000AAA"


@dataclass(slots=True)
class CatchUp:
    """Closes the gaps of one org, one after the other."""

    database: Database
    wakes: Wakes
    clock: Clock
    book: Rulebook
    _again_at: datetime | None = field(default=None, init=False)

    async def step(self) -> int:
        """Close the oldest gap; return 1, or 0 when there is none or Salesforce does not answer.

        One that is interrupted is begun anew: what was asked before is the same request.
        """
        if self._again_at is not None and self.clock.now() < self._again_at:
            return 0
        async with self.database.read() as tx:
            gap = await coverage.next_pending(tx, self.book.org)
        if gap is None:
            return 0
        objects = list(self._objects(gap))
        try:
            records, whole = 0, bool(objects)
            for sobject in objects:
                read, all_of_it = await self._sweep(gap, sobject)
                records, whole = records + read, whole and all_of_it
        except VendorError as error:
            self._again_at = self.clock.now() + max(_PAUSE, error.retry_after or _PAUSE)
            telemetry.log().warning("coverage.not_read", org=gap.org, topic=gap.topic, reason=error.reason)
            return 0
        self._again_at = None
        proof = Proof.CATCH_UP if whole else Proof.UNPROVEN
        async with self.database.transaction() as tx:
            await coverage.settle_stretch(tx, gap, proof, records=records, now=self.clock.now())
        telemetry.log().warning("coverage.settled", org=gap.org, topic=gap.topic, proof=proof.value, records=records)
        return 1

    def _objects(self, gap: Stretch) -> Iterator[str]:
        """Yield the objects with rules whose records the topic tells of."""
        for sobject in dict.fromkeys(rule.sobject for rule in self.book.installation.orgs[self.book.org].changes):
            single = gap.topic.endswith("ChangeEvent")
            told = gap.topic == f"{CHANGE_TOPICS}{sobject}ChangeEvent" if single else True
            if told and gap.sobject in {None, sobject}:
                yield sobject

    async def _sweep(self, gap: Stretch, sobject: str) -> tuple[int, bool]:
        """Apply the rules to what changed since the gap began; return how many records, and whether that was all."""
        rules = self.book.rules_for(sobject)
        conditions = " OR ".join(dict.fromkeys(CONDITION[rule.when] for rule in rules))
        where = f"WHERE ({conditions})" + (" AND SystemModstamp >= {}" if gap.since else "") + " AND Id > {}"
        select = f"SELECT {', '.join(fields_to_read(rules))} FROM {sobject} {where}"  # noqa: S608  (names of ours)
        last, records = _FIRST_ID, 0
        for _ in range(_PAGES_LIMIT):
            values = (*((gap.since - _MARGIN,) if gap.since else ()), last)
            query = f"{format_soql(select, *values)} ORDER BY Id LIMIT {_PAGE_LIMIT}"
            rows = await self.book.salesforce.query(query, limit=_PAGE_LIMIT)
            async with self.database.transaction() as tx:
                for row in rows:
                    await self.book.apply(tx, sobject, row, user=None, compare=True)
            self.wakes.signal("mirror")
            records += len(rows)
            if len(rows) < _PAGE_LIMIT:
                return records, True
            last = str(rows[-1]["Id"])
        return records, False
