"""A family: a root of the mirror with everything below it, such as a request, its intent, charges and transactions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.mirror import MirrorRow

_EPOCH = datetime.fromtimestamp(0, UTC)
OPERATION = "counterfoil.operation"  # a request for something to be done with a payment, or for something else
PAYMENT_ROOTS = frozenset({"counterfoil.request", "payment_intent"})


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

    def find(self, object_type: str, object_id: object) -> MirrorRow | None:
        """Return a member by its id, if it is known whole."""
        return next((row for row in self.all(object_type) if row.object_id == object_id), None)


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
