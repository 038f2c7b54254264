"""A payment's family: the request, its checkout session, its intent, the intent's charges and their transactions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.mirror import MirrorRow

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class Family:
    """Everything known of one payment; each list is oldest first. `root` is the request, or the lone intent."""

    root: MirrorRow
    request: MirrorRow | None = None
    sessions: list[MirrorRow] = field(default_factory=list)
    intents: list[MirrorRow] = field(default_factory=list)
    charges: list[MirrorRow] = field(default_factory=list)
    transactions: list[MirrorRow] = field(default_factory=list)

    def transaction_of(self, charge: MirrorRow) -> MirrorRow | None:
        """Return the balance transaction of a charge, if it is known whole."""
        wanted = (charge.body or {}).get("balance_transaction")
        return next((row for row in self.transactions if row.object_id == wanted and row.body is not None), None)


def families(rows: Sequence[MirrorRow]) -> list[Family]:
    """Sort rows into payments, oldest first. Rows of no payment (a customer, a stub) are in none."""
    known = {(row.entity, row.object_id) for row in rows}
    children: dict[tuple[str, str], list[MirrorRow]] = defaultdict(list)
    roots: list[MirrorRow] = []
    for row in sorted(rows, key=lambda row: (row.created_at or _EPOCH, row.object_id)):
        if row.parent_id is not None and (row.entity, row.parent_id) in known:
            children[row.entity, row.parent_id].append(row)
        elif row.body is not None and row.object_type in {"counterfoil.request", "payment_intent"}:
            roots.append(row)
    return [_family(root, children) for root in roots]


def _family(root: MirrorRow, children: dict[tuple[str, str], list[MirrorRow]]) -> Family:
    family = Family(root)
    shelf = {
        "checkout.session": family.sessions,
        "payment_intent": family.intents,
        "charge": family.charges,
        "balance_transaction": family.transactions,
    }
    for row in _below(root, children):
        if row.object_type == "counterfoil.request":
            family.request = row
        elif row.body is not None and row.object_type in shelf:
            shelf[row.object_type].append(row)
    return family


def _below(row: MirrorRow, children: dict[tuple[str, str], list[MirrorRow]]) -> Iterator[MirrorRow]:
    yield row
    for child in children.get((row.entity, row.object_id), ()):
        yield from _below(child, children)
