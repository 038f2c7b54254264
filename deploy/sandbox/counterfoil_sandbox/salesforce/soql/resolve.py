"""Names in a query resolved against the schema, with the errors Salesforce gives for those that do not exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.model import Field, SObject
from counterfoil_sandbox.salesforce.soql import dates
from counterfoil_sandbox.salesforce.soql.ast import Expression, Function, Path
from counterfoil_sandbox.salesforce.soql.lexer import locate, malformed
from counterfoil_sandbox.salesforce.store import Row, Store

_MAX_STEPS = 5


@dataclass(frozen=True)
class Column:
    """A field reached from a row over zero or more parents."""

    steps: tuple[Field, ...]
    sobject: SObject
    field: Field

    def parent(self, store: Store, row: Row) -> Row | None:
        """Return the row that holds the field, or None where a parent is missing."""
        current: Row | None = row
        for step in self.steps:
            current = follow(store, step, current)
            if current is None:
                return None
        return current

    def value(self, store: Store, row: Any) -> Any:
        """Return the stored value, None where a parent is missing."""
        holder = self.parent(store, row)
        return None if holder is None else holder.get(self.field.name)


@dataclass(frozen=True)
class Computed:
    """What a function makes of a row, or of a group of rows; `field` describes the value."""

    field: Field
    compute: Callable[[Store, Any], Any]
    steps: tuple[Field, ...] = ()

    def value(self, store: Store, row: Any) -> Any:
        """Return the value, None where the function has nothing to work on."""
        return self.compute(store, row)


@dataclass(frozen=True)
class Scope:
    """What names in one SELECT refer to."""

    store: Store
    sobject: SObject
    query: str
    aliases: frozenset[str]

    def expression(self, item: Expression) -> Column | Computed:
        """Resolve a field, or a function of a date.

        Raises:
            ApiError: INVALID_FIELD; MALFORMED_QUERY for a function of a field that is no date.
        """
        if isinstance(item, Path):
            return self.column(item)
        column = self.column(item.path)
        function = dates.FUNCTIONS.get(item.name)
        if function is None or column.field.type not in {"date", "datetime"}:
            raise self.unsupported(item, column.field)
        kind = "date" if item.name == "day_only" else "int"

        def compute(store: Store, row: Row) -> Any:
            moment = column.value(store, row)
            return None if moment is None else function(moment)

        return Computed(Field(f"{item.name}({column.field.name})", kind, item.name), compute)

    def unsupported(self, item: Function, field: Field) -> ApiError:
        """Build the refusal of a function for a field of the wrong type."""
        return malformed(
            self.query, item.column, f"field {field.name} does not support aggregate operator {item.name.upper()}"
        )

    def column(self, path: Path) -> Column:
        """Resolve a path.

        Raises:
            ApiError: INVALID_FIELD, worded as Salesforce does.
        """
        parts = list(path.parts)
        if len(parts) > 1 and parts[0].lower() in self.aliases and self.sobject.by_relationship(parts[0]) is None:
            parts.pop(0)
        sobject = self.sobject
        steps: list[Field] = []
        for name in parts[:-1]:
            step = sobject.by_relationship(name)
            if step is None or len(steps) == _MAX_STEPS:
                raise self._invalid(
                    path,
                    f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                    "relationship, be sure to append the '__r' after the custom relationship name. Please reference "
                    "your WSDL or the describe call for the appropriate names.",
                )
            steps.append(step)
            sobject = self._target(step)
        field = sobject.find(parts[-1])
        if field is None:
            raise self._invalid(
                path,
                f"No such column '{parts[-1]}' on entity '{sobject.name}'. If you are attempting to use a custom "
                "field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the "
                "describe call for the appropriate names.",
            )
        return Column(tuple(steps), sobject, field)

    def _target(self, step: Field) -> SObject:
        """Return the object a relationship leads to; one with several targets offers only the fields of Name."""
        target = self.store.schema.find("User" if "User" in step.reference_to else step.reference_to[0])
        if target is None:
            raise ApiError("INVALID_FIELD", f"the relationship {step.relationship} leads to an unknown object")
        return target

    def _invalid(self, path: Path, message: str) -> ApiError:
        return ApiError("INVALID_FIELD", locate(self.query, path.column) + message)


def follow(store: Store, step: Field, row: Mapping[str, Any] | None) -> Row | None:
    """Return the parent row a reference field points to."""
    record_id = None if row is None else row.get(step.name)
    if record_id is None:
        return None
    for target in step.reference_to:
        found = store.table(target).rows.get(record_id)
        if found is not None:
            return found
    return None
