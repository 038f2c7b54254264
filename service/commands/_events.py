"""From a Salesforce event to a command: the same acceptance as the API's, set by set."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy.exc import DBAPIError

from service import inbox, telemetry
from service.commands import _ledger as ledger
from service.commands._commands import Commands
from service.commands._operations import OPERATIONS
from service.commands._request import Request
from service.commands._sights import refusal_of
from service.commands._tasks import defer
from service.commands.approvals import APPROVAL_TOPIC, DECISIONS, Approvals, Decision
from service.config import Installation
from service.config.changes import CHANGE_TOPICS
from service.db import Database, Transaction, Wakes
from service.domain import SOURCE_OBJECTS, normalise_salesforce_id, sobject_of
from service.domain.cards import REMOVED
from service.errors import CardData, CounterfoilError, InvalidRequest, NotFound, Refused, Violation
from service.inbox import InboxRow, State
from service.intake import observe

# The fields of Payment_Request__e by which an argument or a target is given.
FIELDS = {
    "method": "Method__c",
    "payment_method_id": "Payment_Method_Id__c",
    "capture_method": "Capture_Method__c",
    "payment_intent_id": "Payment_Intent_Id__c",
    "invoice_id": "Invoice_Id__c",
    "amount": "Amount__c",
    "currency": "Currency_Code__c",
    "reason": "Reason__c",
    "amount_source": "Amount_Source__c",
    "collection_method": "Collection_Method__c",
    "days_until_due": "Days_Until_Due__c",
    "advance_to": "Advance_To__c",
    "credit_to": "Credit_To__c",
}
_BASE = ("Operation__c", "Record_Id__c", "Version__c", "Entity__c", "Request_Id__c", "Requested_By__c", "Dry_Run__c")
REQUEST_FIELDS = frozenset({*_BASE, *FIELDS.values()})
"""All that is read of a Payment_Request__e."""

# What a refused request tells of itself.
_TOLD = {
    "operation": "Operation__c",
    "version": "Version__c",
    "method": "Method__c",
    "requested_by": "Requested_By__c",
}

_BATCH_LIMIT = 50
# What PostgreSQL says of a value: data exceptions, and limits of an index (its manual, "PostgreSQL Error Codes").
_DATA_FAULTS = ("22", "54")
_Settled = tuple[State, str | None]
# Salesforce keeps platform events for 72 hours and purges late (Platform Events Developer Guide).
_REPLAY = timedelta(hours=96)


@dataclass(frozen=True, slots=True)
class Acceptor:
    """Turns recorded Payment_Request__e events into commands, and takes approvals; several may run at once."""

    database: Database
    wakes: Wakes
    installation: Installation
    commands: Commands
    approvals: Approvals

    async def step(self) -> int:
        """Accept one batch of events, oldest first; return how many it held."""
        try:
            accepted = await self._batch(self._accept)
        except DBAPIError as error:
            if not _unstorable(error):
                raise
            accepted = await self._batch(self._accept_apart)
        if accepted:
            self.wakes.signal("mirror")
        return accepted

    async def _batch(self, accept: Callable[[Transaction, InboxRow], Awaitable[_Settled]]) -> int:
        async with self.database.transaction() as tx:
            rows = await inbox.take(tx, source="salesforce", but=CHANGE_TOPICS, limit=_BATCH_LIMIT)
            for row in rows:
                state, reason = await accept(tx, row)
                await inbox.settle(tx, row, state, reason)
        return len(rows)

    async def _accept_apart(self, tx: Transaction, row: InboxRow) -> _Settled:
        """Accept an event so that one whose values no table can hold is set aside alone, and stops nobody's."""
        try:
            async with tx.begin_nested():
                return await self._accept(tx, row)
        except DBAPIError as error:
            if not _unstorable(error):
                raise
            telemetry.log().error("request.unstorable", event_id=row.event_id, kind=row.kind)
            return State.QUARANTINED, "UNSTORABLE"

    async def _accept(self, tx: Transaction, row: InboxRow) -> _Settled:
        with telemetry.span("salesforce.request", parent=row.traceparent):
            if row.kind == APPROVAL_TOPIC:
                return await self._decide(tx, row)
            try:
                async with tx.begin_nested():
                    _refuse_cards(orjson.loads(row.payload))
                    request = self._request(row)
                    if orjson.loads(row.payload).get("Dry_Run__c") is True:
                        trace = telemetry.current_traceparent()
                        await self.commands.accept_dry_in(tx, request, row.event_id, trace)
                        return State.HANDLED, None
                    accepted = await self.commands.accept_in(tx, request, telemetry.current_traceparent())
                    if accepted.replayed and not accepted.same_request:
                        await defer(tx, accepted.command)  # its run compares the record with what was done
            except CounterfoilError as error:
                telemetry.log().warning("request.refused", event_id=row.event_id, reason=error.reason)
                await self._show(tx, row, error)
                return State.REFUSED, f"{error.reason}: {error.message}"
        return State.HANDLED, None

    async def _decide(self, tx: Transaction, row: InboxRow) -> _Settled:
        """Take what somebody decided, known by who published it: that is Salesforce's word, not the event's."""
        payload = orjson.loads(row.payload)
        command_id = _text(payload, "Request_Id__c") or ""
        try:
            async with tx.begin_nested():
                _refuse_cards(payload)
                command = await ledger.get(tx, command_id)
                if command is None or command.org != row.account:
                    raise NotFound("there is no such request in this org: check its Request ID")
                word = (_text(payload, "Decision__c") or "").lower()
                if word not in DECISIONS:
                    raise InvalidRequest([Violation("Decision__c", f"is unknown: give {' or '.join(DECISIONS)}")])
                by, note = _text(payload, "CreatedById"), _text(payload, "Note__c")
                await self.approvals.decide_in(tx, Decision(command_id, DECISIONS[word], by, note))
        except CounterfoilError as error:
            telemetry.log().warning("approval.refused", event_id=row.event_id, reason=error.reason)
            if not isinstance(error, NotFound):  # of another org, or none
                await self.approvals.note_in(tx, command_id, error.message)
            return State.REFUSED, f"{error.reason}: {error.message}"
        return State.HANDLED, None

    async def _show(self, tx: Transaction, row: InboxRow, error: CounterfoilError) -> None:
        """Put the refusal on the record it was asked for, where the person who asked will look."""
        known = error.metadata.get("command_id")
        command = await ledger.get(tx, known, lock=True) if known else None
        if command is not None:
            await self.commands.note_conflict_in(tx, command, error.message)
            return
        try:
            payload = orjson.loads(row.payload)
            record_id = normalise_salesforce_id(_text(payload, "Record_Id__c") or "")
            operation = OPERATIONS.get(_text(payload, "Operation__c") or "")
            sobject_of(record_id, among=operation.sources if operation else SOURCE_OBJECTS)
        except InvalidRequest:
            return  # no record to put it on: the inbox keeps event and reason
        entity = next(iter(self.installation.entities_of(row.account)), None)
        if entity is not None:
            asked = {name: _text(payload, field) for name, field in _TOLD.items()}
            asked["requested_by"] = asked["requested_by"] or _text(payload, "CreatedById")
            seen = refusal_of(row.event_id, entity, record_id, asked, error, at=row.received_at)
            await observe(tx, [replace(seen, traceparent=row.traceparent)], now=row.received_at)

    def _request(self, row: InboxRow) -> Request:
        payload = orjson.loads(row.payload)
        name = _text(payload, "Operation__c") or ""
        operation = OPERATIONS.get(name)
        target = operation.target if operation else None
        arguments = {name: value for name, field in FIELDS.items() if (value := _text(payload, field)) is not None}
        return Request(
            entity=self._entity(row.account, _text(payload, "Entity__c")),
            operation=name,
            record_id=_text(payload, "Record_Id__c") or "",
            target_id=arguments.pop(target.name, None) if target else None,
            arguments=arguments,
            version=_text(payload, "Version__c") or ("1" if operation is None or operation.versioned else ""),
            request_id=_text(payload, "Request_Id__c") or row.event_id,
            requested_by=_text(payload, "Requested_By__c") or _text(payload, "CreatedById"),
            asked_as=_text(payload, "CreatedById"),
            source="salesforce",
            asked_at=_moment(payload.get("CreatedDate"), row.received_at),
        )

    def _entity(self, org: str, named: str | None) -> str:
        entities = self.installation.entities_of(org)
        if named is not None:
            if named in entities:
                return named
            raise Refused(f"Entity__c names {named!r}, which is not an entity of this org", reason="ENTITY_UNKNOWN")
        if len(entities) == 1:
            return entities[0]
        raise Refused(f"this org serves {len(entities)} entities: name one in Entity__c", reason="ENTITY_AMBIGUOUS")


def _unstorable(error: DBAPIError) -> bool:
    """Tell whether the database lives, and refuses a value."""
    return str(getattr(error.orig, "sqlstate", "")).startswith(_DATA_FAULTS)


def _moment(milliseconds: Any, received_at: datetime) -> datetime | None:
    """Return when the event was published, as Salesforce says; None for a time outside its days of replay."""
    if not isinstance(milliseconds, int):
        return None
    age = received_at.timestamp() - milliseconds / 1000
    return received_at - timedelta(seconds=age) if 0 <= age <= _REPLAY.total_seconds() else None


def _text(payload: dict[str, Any], field: str) -> str | None:
    """Return a field as text: of a number the shortest that reads as the same number, which is what was entered."""
    value = payload.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format(Decimal(repr(value)), "f")
    return value.strip() or None if isinstance(value, str) else None


def _refuse_cards(payload: dict[str, Any]) -> None:
    """Raise CardData where intake has taken a card number out of a field."""
    fields = [name for name, value in payload.items() if isinstance(value, str) and REMOVED in value]
    if fields:
        raise CardData(fields)
