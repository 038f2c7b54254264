"""A payout's statement: what it is made of, by reporting category and currency, added up in minor units.

What a payout holds adds up to it or it does not; the difference is told and never spread. Of the payout's own movement
only the fee counts, which an instant payout has: the amount itself is what all the others must add up to.
Sources: docs.stripe.com/payouts/reconciliation, docs.stripe.com/reports/reporting-categories.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

_CHARGES = frozenset({"charge", "charge_failure"})
_REFUNDS = frozenset({"refund", "refund_failure", "partial_capture_reversal"})
_DISPUTES = frozenset({"dispute", "dispute_reversal"})
_FEES = frozenset({"fee", "tax"})  # rows of their own, beside the fees of other rows; tax is that on Stripe's fees


class Rule(StrEnum):
    """How it is known what a payout holds."""

    LISTED = "listed"  # Stripe lists it: every automatic payout
    ALLOCATED = "allocated"  # ours, first in and first out: what became available first is paid out first

    @property
    def label(self) -> str:
        """What people read."""
        return {"listed": "Listed by Stripe", "allocated": "Allocated: first available, first paid out"}[self]


class Limit(StrEnum):
    """What an allocation did not look at; the numbers are those of the reconciler."""

    WINDOW = "window"
    MOVEMENTS = "movements"
    PAYOUTS = "payouts"

    @property
    def label(self) -> str:
        """What people read."""
        return {
            "window": "Movements of more than 180 days before are not considered",
            "movements": "More than 50,000 movements: the oldest are left out",
            "payouts": "Of earlier payouts only the last 100 are considered",
        }[self]


class Part(Protocol):
    """What a payout took of one balance transaction."""

    @property
    def category(self) -> str:
        """Stripe's reporting category."""

    @property
    def currency(self) -> str:
        """Upper case."""

    @property
    def fee_minor(self) -> int:
        """The fee in it."""

    @property
    def net_minor(self) -> int:
        """What it moved on the balance, after the fee."""

    @property
    def own(self) -> bool:
        """Whether it is the payout's own movement."""


@dataclass(frozen=True, slots=True)
class Line:
    """The sum of one category in one currency; gross less fee is net."""

    category: str
    currency: str
    count: int = 0
    gross_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a statement: gross + refunds + disputes + adjustments - fees = net. All signed but `fees`."""

    gross_minor: int = 0
    refunds_minor: int = 0
    disputes_minor: int = 0
    adjustments_minor: int = 0
    fees_minor: int = 0
    net_minor: int = 0
    count: int = 0


@dataclass(frozen=True)
class Statement:
    """The lines, sorted by category and currency."""

    KIND: ClassVar[str] = "counterfoil.statement"  # the type of the object of ours that holds it in the mirror

    lines: tuple[Line, ...]

    @staticmethod
    def id_of(payout_id: str) -> str:
        """Return the id of a payout's statement; it has one."""
        return f"{payout_id}/statement"

    @staticmethod
    def payout_of(statement_id: str) -> str:
        """Return the id of the payout that a statement is of."""
        return statement_id.partition("/")[0]

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Self:
        """Add up what a payout took."""
        lines: dict[tuple[str, str], Line] = {}
        for part in parts:
            if part.own and not part.fee_minor:
                continue
            count, net = (0, -part.fee_minor) if part.own else (1, part.net_minor)
            known = lines.get((part.category, part.currency), Line(part.category, part.currency))
            lines[part.category, part.currency] = replace(
                known,
                count=known.count + count,
                gross_minor=known.gross_minor + net + part.fee_minor,
                fee_minor=known.fee_minor + part.fee_minor,
                net_minor=known.net_minor + net,
            )
        return cls(tuple(lines[key] for key in sorted(lines)))

    @classmethod
    def read(cls, lines: Iterable[dict[str, Any]]) -> Self:
        """Return the statement that `to_json` wrote."""
        return cls(tuple(Line(**line) for line in lines))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the lines as JSON."""
        return [asdict(line) for line in self.lines]

    def totals(self, currency: str) -> Totals:
        """Add up the lines of one currency."""
        lines = [line for line in self.lines if line.currency == currency]
        named = _CHARGES | _REFUNDS | _DISPUTES | _FEES

        def gross(categories: frozenset[str]) -> int:
            return sum(line.gross_minor for line in lines if line.category in categories)

        return Totals(
            gross_minor=gross(_CHARGES),
            refunds_minor=gross(_REFUNDS),
            disputes_minor=gross(_DISPUTES),
            adjustments_minor=sum(line.gross_minor for line in lines if line.category not in named),
            fees_minor=sum(line.fee_minor for line in lines) - gross(_FEES),
            net_minor=sum(line.net_minor for line in lines),
            count=sum(line.count for line in lines),
        )

    def difference(self, amount_minor: int, currency: str) -> int:
        """Return what is missing (positive) or too much (negative) for a payout of this amount."""
        return amount_minor - self.totals(currency).net_minor

    def foreign(self, currency: str) -> bool:
        """Tell whether there are lines in another currency, which cannot be added up with the rest."""
        return any(line.currency != currency for line in self.lines)
