"""Writing records: one path for every door (single, collections, composite), so that all behave alike.

Each write is its own savepoint. Flows run in the writer's transaction; platform events they create leave after commit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from counterfoil_sandbox.salesforce.errors import RecordError
from counterfoil_sandbox.salesforce.ids import IdFactory
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.records import check_required, read_record
from counterfoil_sandbox.salesforce.rules import RULES, Rule
from counterfoil_sandbox.salesforce.store import Row, Store
from counterfoil_sandbox.salesforce.values import accept

# May change the new row; what it lacks then is refused.
BeforeSaveHook = Callable[[SObject, Row | None, Row], None]
SaveHook = Callable[[str, SObject, Row | None, Row], None]


@dataclass
class WriteContext:
    """Who writes, and which records the present request finds locked by somebody else."""

    user: str
    is_locked: Callable[[str, Mapping[str, Any]], bool] = field(default=lambda _name, _record: False)
    refusal: tuple[str, str] | None = None

    def check_lock(self, sobject: SObject, record: Mapping[str, Any], record_id: str | None) -> None:
        """Refuse a record that a fault says is locked.

        Raises:
            RecordError: UNABLE_TO_LOCK_ROW, or what else the fault says of such a record.
        """
        if self.is_locked(sobject.name, record):
            if self.refusal is not None:
                raise RecordError(*self.refusal)
            raise RecordError(
                "UNABLE_TO_LOCK_ROW",
                f"unable to obtain exclusive access to this record or 1 records: {record_id or ''}".rstrip(": "),
            )


class Dml:
    """Insert, update, upsert and delete with every rule applied."""

    def __init__(self, store: Store, ids: IdFactory) -> None:
        self.store = store
        self._ids = ids
        self._numbers: dict[str, int] = {}
        self.before_save: list[BeforeSaveHook] = []
        self.on_save: list[SaveHook] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        """Return the present second in UTC."""
        return self.clock().replace(microsecond=0)

    def insert(self, ctx: WriteContext, sobject: SObject, body: Mapping[str, Any]) -> str:
        """Create a record and return its id.

        Raises:
            ApiError: the record is not acceptable; nothing was written.
        """
        with self.store.transaction():
            given = read_record(self.store, sobject, body, creating=True)
            ctx.check_lock(sobject, body, None)
            row = {item.name: self._default(item, ctx.user) for item in sobject.fields.values()}
            row |= given
            for hook in self.before_save:
                hook(sobject, None, row)
            check_required(sobject, row)
            row["Id"] = self._ids.make(sobject.key_prefix)
            self._number(sobject, row)
            self._save(ctx.user, sobject, None, row, given)
            return str(row["Id"])

    def update(self, ctx: WriteContext, sobject: SObject, record_id: str, body: Mapping[str, Any]) -> None:
        """Change a record.

        Raises:
            ApiError: the record is not there or the change is not acceptable; nothing was written.
        """
        with self.store.transaction():
            old = self.get_live(sobject, record_id)
            given = read_record(self.store, sobject, body, creating=False)
            ctx.check_lock(sobject, body, record_id)
            new = {**old, **given}
            for hook in self.before_save:
                hook(sobject, old, new)
            check_required(sobject, new)
            self._save(ctx.user, sobject, old, new, given)

    def delete(self, ctx: WriteContext, sobject: SObject, record_id: str) -> None:
        """Delete a record and what hangs on it; references elsewhere are cleared.

        Raises:
            ApiError: the record is not there, or something forbids the delete; nothing was written.
        """
        with self.store.transaction():
            row = self.get_live(sobject, record_id)
            ctx.check_lock(sobject, {"Id": record_id}, record_id)
            self._delete(ctx.user, sobject, row)

    def find(self, sobject: SObject, key: Field, value: object) -> list[Row]:
        """Return the undeleted records that an external id names."""
        return self.store.table(sobject.name).live_with(key, accept(key, value))

    def get_live(self, sobject: SObject, record_id: str) -> Row:
        """Return an undeleted row.

        Raises:
            RecordError: INVALID_CROSS_REFERENCE_KEY or ENTITY_IS_DELETED.
        """
        row = self.store.table(sobject.name).rows.get(record_id)
        if row is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row.get("IsDeleted"):
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def system_update(self, user: str, name: str, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change fields of a record that the platform keeps, such as sums; untouched if nothing changes."""
        table = self.store.table(name)
        old = table.rows[record_id]
        new = {**old, **changes}
        if new != old:
            self._stamp_and_put(user, table.sobject, old, new)

    def _save(self, user: str, sobject: SObject, old: Row | None, new: Row, given: Row) -> None:
        rule = RULES.get(sobject.name, _NO_RULE)
        rule.before_save(self, user, old, new, given)
        self._check_unique(sobject, new)
        self._stamp_and_put(user, sobject, old, new)
        rule.after_save(self, user, old, new)

    def _stamp_and_put(self, user: str, sobject: SObject, old: Row | None, new: Row) -> None:
        now = self.now()
        if old is None:
            new |= {"CreatedDate": now, "CreatedById": user}
        new |= {"LastModifiedDate": now, "LastModifiedById": user, "SystemModstamp": now}
        self.store.put(sobject.name, new)
        for hook in self.on_save:
            hook(user, sobject, old, new)

    def _check_unique(self, sobject: SObject, row: Row) -> None:
        table = self.store.table(sobject.name)
        for item in sobject.fields.values():
            value = row.get(item.name)
            if not item.unique or value is None:
                continue
            for other in table.live_with(item, value):
                if other["Id"] != row["Id"]:
                    raise RecordError(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {item.name} duplicates value on record with id: {other['Id']}",
                    )

    def _delete(self, user: str, sobject: SObject, row: Row) -> None:
        rule = RULES.get(sobject.name, _NO_RULE)
        rule.before_delete(self, row)
        for child, reference in self.store.schema.children_of(sobject.name):
            if child.is_event:
                continue
            for dependant in self.store.table(child.name).live_with(reference, row["Id"]):
                if reference.on_delete == "restrict":
                    raise RecordError(
                        "DELETE_FAILED",
                        f"Your attempt to delete {row.get('Name') or row['Id']} could not be completed because it is "
                        f"associated with the following {child.plural.lower()}.: {dependant['Id']}",
                    )
                if reference.on_delete == "cascade":
                    self._delete(user, child, dependant)
                else:
                    self.system_update(user, child.name, dependant["Id"], {reference.name: None})
        if sobject.hard_delete:
            self.store.drop(sobject.name, row["Id"])
        else:
            now = self.now()
            stamps = {"LastModifiedDate": now, "LastModifiedById": user, "SystemModstamp": now}
            self.store.put(sobject.name, {**row, **stamps, "IsDeleted": True})
        rule.after_delete(self, user, row)

    def _default(self, item: Field, user: str) -> Any:
        if item.name == "OwnerId":
            return user
        if item.type == "picklist" and item.default is None:
            return next((value.value for value in item.picklist if value.default), None)
        return item.default

    def _number(self, sobject: SObject, row: Row) -> None:
        for item in sobject.fields.values():
            if item.auto_number is None:
                continue
            key = f"{sobject.name}.{item.name}"
            number = self._numbers[key] = self._numbers.get(key, 0) + 1
            prefix, _, rest = item.auto_number.partition("{")
            digits, _, suffix = rest.partition("}")
            row[item.name] = f"{prefix}{number:0{len(digits)}d}{suffix}"


_NO_RULE = Rule()
