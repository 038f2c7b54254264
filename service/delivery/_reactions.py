"""Carrying out reactions in one org: tasks by their key, custom notifications and platform events.

A task is upserted by `Counterfoil_Key__c`, so whatever is repeated makes one. Salesforce takes no key with an event or
a notification: each is sent once, and again only when the answer to it was lost; `Key__c` tells subscribers.
What Salesforce refused is dead: a person, or the end of its cause, lets it go (see `service.history.failures`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from service import audit, history, telemetry
from service.clients import RecordResult, SalesforceApi, format_soql
from service.clock import Clock
from service.db import Database, Transaction
from service.domain import SOURCE_OBJECTS, retry_delay
from service.errors import VendorDenied, VendorError, VendorRejected
from service.history import Claimed, Refusal

_LIMIT = 100
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=1), timedelta(minutes=10)
# A missing permission is mended by a person, not by haste.
_DENIED_DELAY = timedelta(minutes=2)
_PROBE_EVERY = timedelta(seconds=30)
RECORD_OWNER = "record_owner"  # service.config: in place of a user, the owner of the record
_OWNED = {"001": "Account", **SOURCE_OBJECTS}
TASK, TASK_KEY, EVENT = "Task", "Counterfoil_Key__c", "Payment_Outcome__e"
_Outcome = VendorError | None


class Reactor:
    """Does what was asked for in one org. Several may run at once, here and elsewhere."""

    def __init__(
        self, database: Database, clock: Clock, *, org: str, salesforce: SalesforceApi, holder: str, lease: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self.org = org
        self._salesforce = salesforce
        self._holder = holder
        self._lease = lease
        self._types: dict[str, str] = {}
        self._probed_at: datetime | None = None

    async def step(self) -> int:
        """Do one batch; return how many reactions it held, 0 when nothing waits."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            if self._probed_at is None or now - self._probed_at >= _PROBE_EVERY:
                self._probed_at = now
                await history.failures.probe(tx, org=self.org, now=now)
            claimed = await history.claim(
                tx, org=self.org, holder=self._holder, now=now, lease=self._lease, limit=_LIMIT
            )
        if not claimed:
            return 0
        try:
            owners = await self._owners(claimed)
        except VendorError as error:
            await self._settle([(one, error) for one in claimed])
            return len(claimed)
        for kind, send in (("task", self._tasks), ("event", self._events)):
            some = [one for one in claimed if one.kind == kind]
            if some:
                await self._settle(await send(some, owners))
        for one in claimed:
            if one.kind == "notification":
                await self._settle([(one, await self._notify(one, owners))])
        return len(claimed)

    async def _owners(self, claimed: Sequence[Claimed]) -> dict[str, str]:
        """Return the owners of the records that anything goes to, by record."""
        wanted: dict[str, set[str]] = {}
        for one in claimed:
            record = one.content.get("WhatId") or one.content.get("record")
            asked = [one.content.get("owner"), *one.content.get("recipients", ())]
            if record and RECORD_OWNER in asked and record[:3] in _OWNED:
                wanted.setdefault(_OWNED[record[:3]], set()).add(record)
        owners: dict[str, str] = {}
        for sobject, records in wanted.items():
            # The object's name is one of ours; only values are put in from elsewhere.
            question = format_soql(f"SELECT Id, OwnerId FROM {sobject} WHERE Id IN {{ids}}", ids=sorted(records))  # noqa: S608  (our word)
            owners |= {row["Id"]: row["OwnerId"] for row in await self._salesforce.query(question)}
        return owners

    async def _tasks(self, some: Sequence[Claimed], owners: Mapping[str, str]) -> list[tuple[Claimed, _Outcome]]:
        return await self._write(some, [_task(one, owners) for one in some], TASK_KEY)

    async def _events(self, some: Sequence[Claimed], _: Mapping[str, str]) -> list[tuple[Claimed, _Outcome]]:
        return await self._write(some, [_event(one) for one in some], None)

    async def _write(
        self, some: Sequence[Claimed], records: Sequence[dict[str, Any]], key_field: str | None
    ) -> list[tuple[Claimed, _Outcome]]:
        attributes: dict[str, str | int | bool] = {"salesforce.org": self.org, "records": len(some)}
        with telemetry.span("salesforce.react", parent=some[0].traceparent, attributes=attributes):
            try:
                if key_field is None:
                    results = await self._salesforce.create(EVENT, records)
                else:
                    results = await self._salesforce.upsert(TASK, key_field, records)
            except VendorError as error:
                return [(one, error) for one in some]
        return [(one, _error(result)) for one, result in zip(some, results, strict=True)]

    async def _notify(self, one: Claimed, owners: Mapping[str, str]) -> _Outcome:
        content = one.content
        named = [owners.get(content["record"]) if who == RECORD_OWNER else who for who in content["recipients"]]
        recipients = list(dict.fromkeys(who for who in named if who))
        if not recipients:
            return VendorRejected("the record has no owner to tell, and nobody else is named", vendor="salesforce")
        try:
            given = {
                "customNotifTypeId": await self._type(content["type"]),
                "recipientIds": recipients,
                "title": content["title"],
                "body": content["body"],
                **_target(content),
            }
            await self._salesforce.notify(given)
        except VendorError as error:
            return error
        return None

    async def _type(self, name: str) -> str:
        """Return the id of a notification type, which an org keeps for good."""
        if name not in self._types:
            question = format_soql("SELECT Id FROM CustomNotificationType WHERE DeveloperName = {name}", name=name)
            rows = await self._salesforce.query(question)
            if not rows:
                raise VendorDenied(f"the org has no notification type {name}", vendor="salesforce")
            self._types[name] = str(rows[0]["Id"])
        return self._types[name]

    async def _settle(self, outcomes: Sequence[tuple[Claimed, _Outcome]]) -> None:
        """Store what became of each; a success frees what failed for the same cause."""
        now = self._clock.now()
        done = [one for one, error in outcomes if error is None]
        async with self._database.transaction() as tx:
            for one in done:
                await history.settle_done(tx, one, now=now)
            await audit.append(
                tx, [audit.Entry("reacted", "service", f"{one.org}/{one.key}", now, {"as": one.kind}) for one in done]
            )
            causes = {(one.org, one.kind, one.error_code) for one in done if one.error_code}
            await history.failures.release_causes(tx, causes, now=now)
            for one, error in outcomes:
                if error is not None:
                    await self._settle_failed(tx, one, error, now)
        for one, error in outcomes:
            if error is not None:
                telemetry.log().warning(
                    "reaction.failed", org=self.org, key=one.key, kind=one.kind, reason=error.reason
                )

    async def _settle_failed(self, tx: Transaction, one: Claimed, error: VendorError, now: datetime) -> None:
        refusal = Refusal(error.reason, error.code, f"{error.code or type(error).__name__}: {error.message}", now)
        if not (error.retryable or isinstance(error, VendorDenied)):
            release_at = now + history.failures.release_delay(one.releases)
            await history.settle_dead(tx, one, holder=self._holder, release_at=release_at, refusal=refusal)
            return
        first = _DENIED_DELAY if isinstance(error, VendorDenied) else _FIRST_DELAY
        delay = error.retry_after or retry_delay(one.attempts, first=first, longest=_LONGEST_DELAY)
        not_before = now + delay + self._clock.jitter(delay / 4)
        await history.settle_again(tx, one, holder=self._holder, not_before=not_before, refusal=refusal)


def _error(result: RecordResult) -> _Outcome:
    if result.success:
        return None
    return result.error or VendorRejected("no reason given", vendor="salesforce")


def _task(one: Claimed, owners: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: value for name, value in one.content.items() if name not in {"owner", "otherwise"}}
    if fields["WhatId"] is None or fields["WhatId"][:3] not in _OWNED:
        fields.pop("WhatId")
    owner = one.content["owner"]
    owner = owners.get(one.content["WhatId"] or "", one.content["otherwise"]) if owner == RECORD_OWNER else owner
    return fields | {TASK_KEY: one.key} | ({"OwnerId": owner} if owner else {})


def _event(one: Claimed) -> dict[str, Any]:
    amount = one.content["Amount__c"]
    return {**one.content, "Amount__c": None if amount is None else Decimal(amount), "Key__c": one.key}


def _target(content: Mapping[str, Any]) -> dict[str, str]:
    """Return where a click on a notification leads: to the record, else to the list of what it is about."""
    if content["record"]:
        return {"targetId": content["record"]}
    attributes = {"objectApiName": content["about"], "actionName": "list"}
    return {"targetPageRef": orjson.dumps({"type": "standard__objectPage", "attributes": attributes}).decode()}
