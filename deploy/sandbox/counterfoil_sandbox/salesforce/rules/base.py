"""The shape of a rule and of what it may use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from counterfoil_sandbox.salesforce.store import Row, Store


class Writer(Protocol):
    """What a rule may use of the write path."""

    store: Store

    def now(self) -> datetime:
        """Return the present second in UTC."""

    def system_update(self, user: str, name: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change fields of a record that the platform keeps, such as sums."""


class Rule:
    """A rule that does nothing; single objects override what they need."""

    def before_save(self, writer: Writer, user: str, old: Row | None, new: Row, given: Row) -> None:
        """Alter or refuse the new row; ``given`` holds the fields the client sent, ``old`` is None on create."""

    def after_save(self, writer: Writer, user: str, old: Row | None, new: Row) -> None:
        """Carry a saved row's consequences to other rows."""

    def before_delete(self, writer: Writer, row: Row) -> None:
        """Refuse a delete."""

    def after_delete(self, writer: Writer, user: str, row: Row) -> None:
        """Carry a delete's consequences to other rows."""


def live_children(store: Store, child: str, reference: str, parent_id: str) -> list[Row]:
    """Return the undeleted rows of an object that refer to a parent, oldest first."""
    table = store.table(child)
    return table.live_with(table.sobject.fields[reference], parent_id)
