"""From a change of records to commands: the records are read again, and the rules decide on what they are now.

A change event is a hint. It carries no formula fields, may name several records, and may tell only that something is
missing; so the records it names are read in one query, and whatever a rule makes of them goes the way of every other
request. Our own writes come back as changes and are left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from service import inbox, telemetry
from service.clients import CLIENT_NAME, SalesforceApi, format_soql
from service.clock import Clock
from service.commands import _ledger as ledger
from service.commands._change_events import Change, read_change
from service.commands._change_rules import BINDING, fields_to_read, holds, request_of
from service.commands._commands import Commands
from service.commands._request import Request
from service.commands._sights import refusal_of
from service.commands._tasks import defer
from service.config import Installation
from service.config.changes import CHANGE_TOPICS, ChangeRule
from service.db import Database, Transaction, Wakes
from service.errors import CounterfoilError, VendorDenied, VendorError, VendorRejected
from service.inbox import InboxRow, State, coverage
from service.intake import observe

Row = Mapping[str, Any]
_BATCH_LIMIT = 200
# Ids of 18 characters in an address of at most 16 kB (REST API Developer Guide, "Query").
_IDS_LIMIT = 200
# Salesforce tells a change within seconds of its commit; an hour is generous.
_MARGIN = timedelta(hours=1)
_PAUSE, _LONG_PAUSE = timedelta(seconds=10), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The change rules of one org, its records, and the commands that they ask for."""

    org: str
    installation: Installation
    salesforce: SalesforceApi
    commands: Commands
    clock: Clock

    def rules_for(self, sobject: str) -> list[ChangeRule]:
        """Return the rules for an object's records."""
        return [rule for rule in self.installation.orgs[self.org].changes if rule.sobject == sobject]

    async def read(self, sobject: str, record_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return records as they are now; those that are gone, or may not be seen, are missing.

        Raises:
            VendorError: Salesforce did not answer as it should.
        """
        select = f"SELECT {', '.join(fields_to_read(self.rules_for(sobject)))} FROM {sobject}"  # noqa: S608  (names)
        found: list[dict[str, Any]] = []
        for start in range(0, len(record_ids), _IDS_LIMIT):
            query = format_soql(f"{select} WHERE Id IN {{}}", list(record_ids[start : start + _IDS_LIMIT]))
            found += await self.salesforce.query(query, limit=_IDS_LIMIT)
        return found

    async def apply(self, tx: Transaction, sobject: str, row: Row, *, user: str | None, compare: bool) -> bool:
        """Ask for what the rules make of a record; `compare`: with what was done, if it was asked for before.

        Returns whether something was refused, which the record is to show.
        """
        refused = False
        for rule in self.rules_for(sobject):
            if not holds(rule, row):
                continue
            entity = rule.entity or self.installation.entities_of(self.org)[0]
            request = request_of(rule, row, entity, user=user)
            with telemetry.span("salesforce.change", attributes={"counterfoil.rule": rule.name}):
                try:
                    async with tx.begin_nested():
                        accepted = await self.commands.accept_in(tx, request, telemetry.current_traceparent())
                        if accepted.replayed and compare:
                            await defer(tx, accepted.command)  # its run compares the record with what was done
                except CounterfoilError as error:
                    telemetry.log().warning("change.refused", rule=rule.name, record=row["Id"], reason=error.reason)
                    await self._show(tx, rule, request, error)
                    refused = True
        return refused

    async def _show(self, tx: Transaction, rule: ChangeRule, request: Request, error: CounterfoilError) -> None:
        """Put a refusal on the record it is about."""
        known = error.metadata.get("command_id")
        command = await ledger.get(tx, known, lock=True) if known else None
        if command is not None:
            await self.commands.note_conflict_in(tx, command, error.message)
            return
        now = self.clock.now()
        record_id, entity = str(request.record_id), request.entity
        asked = {"operation": request.operation, "version": request.version, "requested_by": request.requested_by}
        seen = refusal_of(f"{rule.name}_{record_id}", entity, record_id, asked, error, at=now)
        await observe(tx, [replace(seen, traceparent=telemetry.current_traceparent())], now=now)


@dataclass(slots=True)
class ChangeAcceptor:
    """Turns the recorded change events of one org into commands; several may run at once."""

    database: Database
    wakes: Wakes
    clock: Clock
    book: Rulebook
    _again_at: datetime | None = field(default=None, init=False)

    async def step(self) -> int:
        """Handle one batch of events, oldest first; return how many it held, 0 while Salesforce does not answer."""
        if self._again_at is not None and self.clock.now() < self._again_at:
            return 0
        async with self.database.transaction() as tx:
            rows = await inbox.waiting(
                tx, source="salesforce", account=self.book.org, begins=CHANGE_TOPICS, limit=_BATCH_LIMIT
            )
        if not rows:
            return 0
        changes = [(row, read_change(row.payload)) for row in rows]
        wanted = _wanted([change for _, change in changes if change is not None and not self._idle(change)])
        try:
            records = [
                (sobject, record, by_id[str(record["Id"])])
                for sobject, by_id in wanted.items()
                for record in await self.book.read(sobject, list(by_id))
            ]
        except VendorError as error:
            return self._wait(error)
        self._again_at = None
        refused = False
        async with self.database.transaction() as tx:
            for sobject, record, change in records:
                compare = change.touches(BINDING)
                refused |= await self.book.apply(tx, sobject, record, user=change.user, compare=compare)
            for row, told in changes:
                await self._settle(tx, row, told)
        if refused:
            self.wakes.signal("mirror")
        return len(rows)

    def _idle(self, change: Change) -> bool:
        """Tell whether a change needs no reading: it is our own, or no rule is for such records."""
        return change.client == CLIENT_NAME or not self.book.rules_for(change.sobject)

    async def _settle(self, tx: Transaction, row: InboxRow, change: Change | None) -> None:
        """Say what came of an event; where it does not tell whose records changed, have all of them read again."""
        reason = None
        if change is not None and change.client == CLIENT_NAME:
            reason = "OWN_WRITE"
            telemetry.changes_ignored.add(1, {"org": self.book.org})
        elif change is not None and not change.whole and not self._idle(change):
            since = (change.committed_at or row.received_at) - _MARGIN
            until = max(row.received_at, since)
            await coverage.note_overflow(tx, self.book.org, row.kind, change.sobject, since=since, until=until)
            self.wakes.signal("coverage")
        await inbox.settle(tx, row, State.HANDLED, reason)

    def _wait(self, error: VendorError) -> int:
        """Leave the events where they are, for a while; nothing that was sent may be lost."""
        pause = _LONG_PAUSE if isinstance(error, VendorDenied | VendorRejected) else _PAUSE
        self._again_at = self.clock.now() + max(pause, error.retry_after or pause)
        telemetry.log().warning("changes.not_read", org=self.book.org, reason=error.reason, error=error.message)
        return 0


def _wanted(changes: Iterable[Change]) -> dict[str, dict[str, Change]]:
    """Return the records to read, by object; of several changes of a record the last, with what all of them touch."""
    found: dict[str, dict[str, Change]] = {}
    for change in changes:
        for record_id in change.record_ids if change.whole else ():
            known = found.setdefault(change.sobject, {}).get(record_id)
            both = None if known is None or None in {known.changed, change.changed} else known.changed
            changed = change.changed if known is None else (both | change.changed if both and change.changed else None)
            found[change.sobject][record_id] = replace(change, changed=changed)
    return found
