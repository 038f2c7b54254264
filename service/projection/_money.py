"""What became of the money of a charge and of a payment: what refunds gave back and disputes took back.

A refund that fails after it succeeded puts its amount back, and Stripe sends no event of the charge for it. So refunds
count by themselves, and the charge's own sum only for what it counts beyond the refunds we know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.mirror import MirrorRow
from service.projection._families import Family
from service.projection._status import (
    DECIDED,
    Body,
    DisputeStage,
    PaymentStatus,
    attempt_status,
    dispute_stage,
    intent_status,
    money_status,
)
from service.projection._values import minor

_UNDONE = frozenset({"failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts in minor units of the payment's currency; `is_open` and `is_lost` are of its disputes."""

    captured: int
    refunded: int
    lost: int
    is_open: bool
    is_lost: bool

    @property
    def status(self) -> PaymentStatus:
        """What became of the money."""
        return money_status(
            captured=self.captured, refunded=self.refunded, open_disputes=self.is_open, lost=self.is_lost
        )

    @property
    def moved_on(self) -> bool:
        """Whether anything became of it after it was captured, which nothing else need have told yet."""
        return bool(self.refunded) or self.is_open or self.is_lost


def movements_of(family: Family, row: MirrorRow) -> list[MirrorRow]:
    """Return the known balance transactions whose source is an object."""
    return [one for one in family.all("balance_transaction") if one.parent_id == row.object_id]


def charge_money(family: Family, charge: MirrorRow) -> Money:
    """Return what became of one charge's money."""
    body = charge.body or {}
    refunds, disputes = _below(family, "refund", charge), _below(family, "dispute", charge)
    captured = minor(body.get("amount_captured")) or minor(body.get("amount"))
    is_open, is_lost, lost = _disputed(family, disputes, body.get("currency"))
    refunded = _refunded(refunds, told=minor(body.get("amount_refunded")))
    return Money(
        captured=captured,
        refunded=refunded,
        lost=max(0, min(lost, captured - refunded)),
        is_open=is_open if disputes else bool(body.get("disputed")),
        is_lost=is_lost,
    )


def payment_money(family: Family, intent: MirrorRow) -> Money:
    """Return what became of a payment's money, over all its charges and what is known without its charge."""
    charges = [row for row in family.all("charge") if attempt_status(row.body or {}) is PaymentStatus.PAID]
    of_charges = [charge_money(family, row) for row in charges]
    body = intent.body or {}
    captured = minor(body.get("amount_received")) or sum(money.captured for money in of_charges)
    seen = {row.object_id for row in charges}
    refunds = [row for row in family.all("refund") if row.parent_id not in seen]
    disputes = [row for row in family.all("dispute") if row.parent_id not in seen]
    is_open, is_lost, lost = _disputed(family, disputes, body.get("currency"))
    # What went back is never more than what came in, whichever of the two we heard of first.
    refunded = min(captured, sum(money.refunded for money in of_charges) + _refunded(refunds, told=0))
    return Money(
        captured=captured,
        refunded=refunded,
        lost=min(captured - refunded, sum(money.lost for money in of_charges) + lost),
        is_open=is_open or any(money.is_open for money in of_charges),
        is_lost=is_lost or any(money.is_lost for money in of_charges),
    )


def charge_status(charge: Body, money: Money) -> PaymentStatus:
    """Return where one attempt to take money stands, by the precedence of the status table."""
    attempt = attempt_status(charge)
    if attempt is PaymentStatus.PAID or (attempt is PaymentStatus.AUTHORIZED and money.is_open):
        return money.status
    return attempt


def payment_status(intent: Body, money: Money) -> PaymentStatus:
    """Return where a payment stands: its dispute may be known before its own success."""
    own = intent_status(intent)
    if own is PaymentStatus.PAID or (own is not PaymentStatus.CANCELLED and money.moved_on):
        return money.status
    return own


def _below(family: Family, object_type: str, row: MirrorRow) -> list[MirrorRow]:
    return [one for one in family.all(object_type) if one.parent_id == row.object_id]


def _amount(row: MirrorRow) -> int:
    return minor((row.body or {}).get("amount"))


def _refunded(refunds: Sequence[MirrorRow], *, told: int) -> int:
    """Sum refunds; `told` is the charge's own sum, made at another time, which may count failed and unknown ones."""
    undone = sum(_amount(row) for row in refunds if (row.body or {}).get("status") in _UNDONE)
    return max(sum(map(_amount, refunds)) - undone, told - undone)


def _disputed(family: Family, disputes: Sequence[MirrorRow], currency: Any) -> tuple[bool, bool, int]:
    """Tell whether a dispute is open, whether one is lost, and how much is; of another currency no sum is made."""
    lost = [row for row in disputes if _is_lost(family, row)]
    is_open = any(dispute_stage(row.body or {}) not in DECIDED for row in disputes)
    same = [row for row in lost if (row.body or {}).get("currency") == currency]
    return is_open, bool(lost), sum(map(_amount, same))


def _is_lost(family: Family, row: MirrorRow) -> bool:
    stage = dispute_stage(row.body or {})
    if stage is DisputeStage.PREVENTED:  # it may have ended by giving the money back
        return sum(map(_amount, movements_of(family, row))) < 0
    return stage is DisputeStage.LOST
