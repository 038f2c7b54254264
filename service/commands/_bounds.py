"""What a request may come to: limits of one request and of a day, the approval of a second person, a closed period.

Decided once, in the transaction that keeps a request's terms, so that two requests at once never both take what is left
of a day. Refuses an amount in a currency for which an operation has no limit while it has some for others.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, literal, select

from service.commands._ledger import Approval, Command, CommandState, commands
from service.config import Entity
from service.config.limits import Limit
from service.db import Transaction
from service.domain import from_minor
from service.errors import ConfigurationError, Refused

LIMIT_EXCEEDED, APPROVAL_REQUIRED, PERIOD_CLOSED = "LIMIT_EXCEEDED", "APPROVAL_REQUIRED", "PERIOD_CLOSED"
_DAY = timedelta(hours=24)
# What these asked for did not happen and will not.
_NOTHING = (CommandState.REFUSED, CommandState.REJECTED, CommandState.EXPIRED)


class Used(NamedTuple):
    """What the requests of the last day come to, in units of the currency."""

    requests: int
    total: Decimal


def require_known(entities: Mapping[str, Entity], operations: Collection[str]) -> None:
    """Refuse a limit of something that cannot be asked for: it would limit nothing.

    Raises:
        ConfigurationError.
    """
    for name, entity in entities.items():
        for number, limit in enumerate(entity.limits):
            if unknown := sorted(set(limit.operations) - set(operations)):
                where = f"entities.{name}.limits.{number}.operations"
                fault = f"names {', '.join(unknown)}, which is no operation"
                raise ConfigurationError(where, fault, f"Give some of {', '.join(operations)}")


def refuse_closed(entity: Entity, day: date | None, what: str) -> None:
    """Refuse what belongs to the closed period.

    Raises:
        Refused: PERIOD_CLOSED.
    """
    if entity.closed_until is not None and day is not None and day <= entity.closed_until:
        raise Refused(
            f"{what} on {day}, and the books are closed until {entity.closed_until}: ask anew with a later date",
            reason=PERIOD_CLOSED,
        )


async def bound(
    tx: Transaction, command: Command, terms: Mapping[str, Any], *, entity: Entity, now: datetime
) -> dict[str, Any] | None:
    """Return what changes of a command that waits for approval; None if it may be carried out at once.

    Raises:
        Refused: LIMIT_EXCEEDED or APPROVAL_REQUIRED, with the figures.
    """
    limits = [limit for limit in entity.limits if limit.concerns(command.operation)]
    minor, code = terms.get("amount_minor"), str(terms.get("currency") or "").upper()
    if not limits or minor is None:
        return None
    asked = from_minor(minor, code)
    limits = [limit for limit in limits if limit.currency == code]
    if not limits:
        raise Refused(
            f"no limit is set for {code}, so nothing in it may be asked for: name {code} in the entity's limits",
            reason=LIMIT_EXCEEDED,
        )
    for limit in limits:
        within(limit, asked, await _used(tx, command, limit, now=now))
    above = [limit.approval_above for limit in limits if limit.approval_above is not None]
    if not above or asked <= min(above):
        return None
    return _pending(command, f"{asked:f} {code}", f"{min(above):f} {code}", entity, now=now)


def within(limit: Limit, asked: Decimal, used: Used) -> None:
    """Compare an amount, and what is used of the day, with a limit. Pure.

    Raises:
        Refused: LIMIT_EXCEEDED, with the figures.
    """
    code = limit.currency
    fault: str | None = None
    if limit.amount is not None and asked > limit.amount:
        fault = f"{asked:f} {code} was asked for, and one request may be for {limit.amount:f} {code}"
    elif limit.count_per_day is not None and used.requests >= limit.count_per_day:
        fault = f"{used.requests} requests were made within 24 hours, and {limit.count_per_day} may be"
    elif limit.sum_per_day is not None and used.total + asked > limit.sum_per_day:
        fault = (
            f"{asked:f} {code} was asked for after {used.total:f} {code} within 24 hours, "
            f"and {limit.sum_per_day:f} {code} may be"
        )
    if fault is not None:
        raise Refused(f"{fault}: ask for less, or later, or have the limit raised", reason=LIMIT_EXCEEDED)


def _pending(command: Command, asked: str, above: str, entity: Entity, *, now: datetime) -> dict[str, Any]:
    if not (command.requested_by or command.asked_as):
        raise Refused(
            f"{asked} is above {above} and needs a second person, but nobody is named who asks: sign in",
            reason=APPROVAL_REQUIRED,
        )
    due = now + timedelta(hours=entity.approval_hours)
    return {
        "state": CommandState.PENDING_APPROVAL,
        "approval": Approval.WAITING,
        "approval_due_at": due,
        "reason": APPROVAL_REQUIRED,
        "message": f"{asked} is above {above}: waits for approval by a second person until {due:%Y-%m-%d %H:%M} UTC",
    }


async def _used(tx: Transaction, command: Command, limit: Limit, *, now: datetime) -> Used:
    """Sum the requests of a day, while no other request of the entity is let in."""
    if limit.count_per_day is None and limit.sum_per_day is None:
        return Used(0, Decimal(0))
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(literal(f"limits:{command.entity}"), 0))))
    amounts = func.sum(commands.c.amount_minor).filter(commands.c.state != CommandState.DECLINED)
    query = select(func.count().label("requests"), func.coalesce(amounts, 0).label("minor")).where(
        commands.c.entity == command.entity,
        commands.c.currency == limit.currency,
        commands.c.counted_at > now - _DAY,
        commands.c.state.not_in(_NOTHING),
        commands.c.id != command.id,
        commands.c.operation.in_(limit.operations),
    )
    row = (await tx.execute(query)).one()
    return Used(int(row.requests), from_minor(int(row.minor), limit.currency))
