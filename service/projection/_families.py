"""A family: a root of the mirror with everything below it, such as a request, its intent, charges and transactions.

Each visit to a payment link has an intent of its own once somebody tries to pay, and at most one takes the money:
so a family may hold several attempts, of which one counts.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.mirror import MirrorRow

_EPOCH = datetime.fromtimestamp(0, UTC)
OPERATION = "counterfoil.operation"  # a request for something to be done with a payment, or for something else
PAYMENT_ROOTS = frozenset({"counterfoil.request", "payment_intent"})
INTENT, PAGE, LINK = "payment_intent", "checkout.session", "payment_link"
_ENDED = "canceled"
# Money is taken, or about to be (docs.stripe.com/payments/paymentintents/lifecycle).
TAKEN = frozenset({"succeeded", "requires_capture", "processing"})


@dataclass(slots=True)
class Family:
    """Everything known below one root, the root included; `members` are by object type, oldest first, with bodies."""

    root: MirrorRow
    members: dict[str, list[MirrorRow]] = field(default_factory=lambda: defaultdict(list))

    @property
    def key(self) -> tuple[str, str]:
        """The root's entity and id."""
        return self.root.entity, self.root.object_id

    def all(self, object_type: str) -> list[MirrorRow]:
        """Return the members of a type, oldest first."""
        return self.members.get(object_type, [])

    def latest(self, object_type: str) -> MirrorRow | None:
        """Return the newest member of a type."""
        found = self.all(object_type)
        return found[-1] if found else None

    def intent(self) -> MirrorRow | None:
        """Return the payment intent that counts: one that takes money, else one that may still, else the newest."""
        return max(self.all(INTENT), key=_weight, default=None)

    def attempts(self) -> "list[Family]":
        """Return what belongs to each payment intent of a payment link, oldest first; any other family as it is."""
        if not self.all(LINK):
            return [self]
        children: dict[tuple[str, str], list[MirrorRow]] = defaultdict(list)
        for row in self._rows():
            if row.parent_id is not None:
                children[row.entity, row.parent_id].append(row)
        return [self._attempt(intent, children) for intent in self.all(INTENT)]

    def _attempt(self, intent: MirrorRow, children: dict[tuple[str, str], list[MirrorRow]]) -> "Family":
        pages = (row for row in self.all(PAGE) if (row.body or {}).get(INTENT) == intent.object_id)
        own = {row.object_id for row in (self.root, *pages, *_below(intent, children))}
        part = Family(self.root)
        for row in self._rows():
            if row.object_id in own:
                part.members[row.object_type].append(row)
        return part

    def _rows(self) -> Iterator[MirrorRow]:
        return (row for rows in self.members.values() for row in rows)

    def find(self, object_type: str, object_id: object) -> MirrorRow | None:
        """Return a member by its id, if it is known whole."""
        return next((row for row in self.all(object_type) if row.object_id == object_id), None)


def _weight(intent: MirrorRow) -> tuple[bool, bool, datetime, str]:
    status = (intent.body or {}).get("status")
    return status in TAKEN, status != _ENDED, intent.created_at or _EPOCH, intent.object_id


def families(rows: Sequence[MirrorRow]) -> list[Family]:
    """Sort rows into families, oldest root first. A row whose parent is not among them is a root; a stub is none."""
    known = {(row.entity, row.object_id) for row in rows}
    children: dict[tuple[str, str], list[MirrorRow]] = defaultdict(list)
    roots: list[MirrorRow] = []
    for row in sorted(rows, key=lambda row: (row.created_at or _EPOCH, row.object_id)):
        if row.parent_id is not None and (row.entity, row.parent_id) in known:
            children[row.entity, row.parent_id].append(row)
        elif row.body is not None:
            roots.append(row)
    return [_family(root, children) for root in roots]


def payment_families(rows: Sequence[MirrorRow]) -> list[Family]:
    """Return the families that are payments, oldest first."""
    return [family for family in families(rows) if family.root.object_type in PAYMENT_ROOTS]


def _family(root: MirrorRow, children: dict[tuple[str, str], list[MirrorRow]]) -> Family:
    family = Family(root)
    for row in _below(root, children):
        if row.body is not None:
            family.members[row.object_type].append(row)
    return family


def _below(row: MirrorRow, children: dict[tuple[str, str], list[MirrorRow]]) -> Iterator[MirrorRow]:
    yield row
    for child in children.get((row.entity, row.object_id), ()):
        yield from _below(child, children)
