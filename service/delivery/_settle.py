"""Settling records by what Salesforce answered for each, whichever way they were sent."""

from collections.abc import Sequence
from datetime import datetime

from service import audit, outbox, telemetry
from service.clients import RecordResult
from service.clock import Clock
from service.db import Transaction
from service.delivery._verdicts import verdict
from service.errors import VendorError, VendorRejected
from service.outbox import Claimed


async def settle(
    tx: Transaction,
    clock: Clock,
    results: Sequence[tuple[Claimed, RecordResult]],
    *,
    holder: str,
    now: datetime,
    attempts_limit: int,
) -> None:
    """Store what became of each record; a success frees what failed for the same cause."""
    await outbox.hold_claimed(tx, [record for record, _ in results])
    delivered = [(record, result.id) for record, result in results if result.success]
    if delivered:
        await outbox.settle_delivered(tx, delivered, holder=holder, now=now)
        await audit.append(tx, [_entry(record, result_id, now) for record, result_id in delivered])
        causes = {(record.org, record.sobject, record.error_code) for record, _ in delivered if record.error_code}
        released = await outbox.release_causes(tx, causes, now=now)
        if released:
            telemetry.log().info("delivery.released", records=released)
    for record, result in results:
        error = None if result.success else result.error or VendorRejected("no reason given", vendor="salesforce")
        if error is not None:
            await _settle_failed(tx, clock, record, error, holder=holder, now=now, attempts_limit=attempts_limit)
        _tell(record, error)


def _entry(record: Claimed, salesforce_id: str | None, now: datetime) -> audit.Entry:
    """Return what the audit log keeps of a delivery: which content by its digest, never the content."""
    details: dict[str, str | int | None] = {
        "before": record.delivered_digest,
        "after": record.digest,
        "version": record.version,
        "mapping": record.mapping or None,
        "salesforce_id": salesforce_id,
    }
    return audit.Entry("delivered", "service", f"{record.org}/{record.sobject}/{record.key}", now, details)


async def _settle_failed(
    tx: Transaction,
    clock: Clock,
    record: Claimed,
    error: VendorError,
    *,
    holder: str,
    now: datetime,
    attempts_limit: int,
) -> None:
    delay = verdict(record, error, attempts_limit=attempts_limit).delay
    detail = f"{error.code or type(error).__name__}: {error.message}"
    if delay is None:
        await outbox.settle_dead(
            tx,
            record,
            holder=holder,
            now=now,
            release_at=now + outbox.release_delay(record.releases),
            reason=error.reason,
            code=error.code,
            detail=detail,
        )
    else:
        await outbox.settle_again(
            tx,
            record,
            holder=holder,
            now=now,
            not_before=now + delay + clock.jitter(delay / 4),
            reason=error.reason,
            code=error.code,
            detail=detail,
        )


def _tell(record: Claimed, error: VendorError | None) -> None:
    outcome = "delivered" if error is None else error.reason
    telemetry.records_delivered.add(1, {"object": record.sobject, "outcome": outcome})
    if error is not None:
        telemetry.log().warning(
            "delivery.failed",
            org=record.org,
            sobject=record.sobject,
            key=record.key,
            attempts=record.attempts,
            reason=outcome,
            code=error.code,
        )
