"""Delivering: one claim, a call per org and object, a settlement per record."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from service import outbox, telemetry
from service.clients import RecordResult, SalesforceApi
from service.clock import Clock
from service.config import ObjectMapping
from service.db import Database, Wakes
from service.delivery._render import field_name, object_name, render
from service.domain import retry_delay
from service.errors import VendorDenied, VendorError, VendorRejected
from service.outbox import Claimed

_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=5)
# A missing permission is mended by a person, not by haste.
_DENIED_DELAY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of one record. `of_the_call`: the whole call failed, which says nothing about the record."""

    result: RecordResult
    of_the_call: bool = False


_Settled = tuple[Claimed, _Verdict]


class Deliverer:
    """Sends what waits. Several may run at once: a claimed record belongs to its holder until the lease ends."""

    def __init__(
        self,
        database: Database,
        wakes: Wakes,
        clock: Clock,
        *,
        salesforce: Mapping[str, SalesforceApi],
        mappings: Mapping[str, Mapping[str, ObjectMapping]],
        holder: str,
        lease: timedelta,
        batch_limit: int,
        attempts_limit: int,
    ) -> None:
        self._database = database
        self._wakes = wakes
        self._clock = clock
        self._salesforce = salesforce
        self._mappings = mappings
        self._holder = holder
        self._lease = lease
        self._batch_limit = batch_limit
        self._attempts_limit = attempts_limit

    async def step(self) -> int:
        """Deliver one batch; return how many records it held, 0 when nothing may be sent now."""
        async with self._database.transaction() as tx:
            claimed = await outbox.claim(
                tx, holder=self._holder, now=self._clock.now(), lease=self._lease, limit=self._batch_limit
            )
        groups: dict[tuple[str, str, str], list[Claimed]] = defaultdict(list)
        for record in claimed:
            groups[record.org, record.sobject, record.key_field].append(record)
        for group in groups.values():
            await self._settle(await self._send(group))
        return len(claimed)

    async def _send(self, group: Sequence[Claimed]) -> list[_Settled]:
        first = group[0]
        names = self._mappings.get(first.org, {})
        sobject = object_name(names, first.sobject)
        attributes: dict[str, str | int | bool] = {
            "salesforce.org": first.org,
            "salesforce.object": sobject,
            "records": len(group),
        }
        with telemetry.span("salesforce.deliver", parent=_only(group), attributes=attributes):
            verdicts = await self._call(group, sobject, names)
            for trace in {record.traceparent for record in group if record.traceparent}:
                # Each payment's own trace ends here, whatever other payments shared the call.
                with telemetry.span("salesforce.write", parent=trace, attributes=attributes):
                    pass
        return list(zip(group, verdicts, strict=True))

    async def _call(self, group: Sequence[Claimed], sobject: str, names: Mapping[str, ObjectMapping]) -> list[_Verdict]:
        org = self._salesforce.get(group[0].org)
        if org is None:
            return [_failed(VendorDenied("this org is no longer configured", vendor="salesforce"))] * len(group)
        payload = [render(names, record) for record in group]
        try:
            if group[0].key_field == "Id":
                return [_Verdict(result) for result in await org.update(sobject, payload)]
            key_field = field_name(names, group[0].sobject, group[0].key_field) or group[0].key_field
            return [_Verdict(result) for result in await org.upsert(sobject, key_field, payload)]
        except VendorRejected as error:
            if len(group) == 1:
                return [_failed(error)]
            # One bad record must not hold the others: find it by sending each alone.
            return [verdict for record in group for verdict in await self._call([record], sobject, names)]
        except VendorError as error:
            return [_failed(error)] * len(group)

    async def _settle(self, settled: Sequence[_Settled]) -> None:
        now = self._clock.now()
        delivered = [(record, verdict.result.id) for record, verdict in settled if verdict.result.success]
        async with self._database.transaction() as tx:
            if delivered:
                await outbox.settle_delivered(tx, delivered, holder=self._holder, now=now)
            for record, verdict in settled:
                if verdict.result.success:
                    continue
                error = verdict.result.error or VendorRejected("Salesforce gave no reason", vendor="salesforce")
                delay = self._delay(record, error, of_the_call=verdict.of_the_call)
                reason, detail = error.reason, _detail(error)
                if delay is None:
                    await outbox.settle_dead(tx, record, holder=self._holder, reason=reason, detail=detail)
                else:
                    await outbox.settle_again(
                        tx, record, holder=self._holder, not_before=now + delay, reason=reason, detail=detail
                    )
        self._tell(settled)
        if delivered:
            self._wakes.signal("outbox")  # children may have waited for these

    def _delay(self, record: Claimed, error: VendorError, *, of_the_call: bool) -> timedelta | None:
        # An outage, however long, makes no record a dead one.
        if record.attempts >= self._attempts_limit and not of_the_call:
            return None
        if isinstance(error, VendorDenied):
            return _DENIED_DELAY
        if not error.retryable:
            return None
        delay = error.retry_after or retry_delay(record.attempts, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        return delay + self._clock.jitter(delay / 4)

    @staticmethod
    def _tell(settled: Sequence[_Settled]) -> None:
        for record, verdict in settled:
            result = verdict.result
            outcome = "delivered" if result.success else (result.error.reason if result.error else "UNKNOWN")
            telemetry.records_delivered.add(1, {"object": record.sobject, "outcome": outcome})
            if not result.success:
                telemetry.log().warning(
                    "delivery.failed",
                    org=record.org,
                    sobject=record.sobject,
                    key=record.key,
                    attempts=record.attempts,
                    reason=outcome,
                    code=result.error.code if result.error else None,
                )


def _failed(error: VendorError) -> _Verdict:
    result = RecordResult(success=False, id=None, created=False, error=error)
    return _Verdict(result, of_the_call=not isinstance(error, VendorRejected))


def _detail(error: VendorError) -> str:
    return f"{error.code or type(error).__name__}: {error.message}"


def _only(group: Sequence[Claimed]) -> str | None:
    """Return the trace all records share, if it is one."""
    traces = {record.traceparent for record in group}
    return traces.pop() if len(traces) == 1 else None
