"""What an object and a field are: the facts that describe, SOQL and writes all read.

A plain description without behaviour; the rules of single objects live in ``behaviours``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

TEXT_TYPES = frozenset({"string", "textarea", "phone", "email", "url", "picklist", "combobox", "multipicklist"})
NUMBER_TYPES = frozenset({"currency", "double", "percent", "int"})


@dataclass(frozen=True)
class PicklistValue:
    """One value of a picklist: the API name a record holds and the label a person sees."""

    value: str
    label: str
    default: bool = False


@dataclass(frozen=True)
class Field:
    """One field. ``length`` counts characters; precision and scale count decimal digits."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = True
    defaulted: bool = False
    default: object = None
    filterable: bool = True
    sortable: bool = True
    groupable: bool = False
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    restricted: bool = False
    picklist: tuple[PicklistValue, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    on_delete: str = "setnull"
    is_name: bool = False
    auto_number: str | None = None
    calculated: bool = False
    custom: bool = False
    help_text: str | None = None

    @property
    def required(self) -> bool:
        """Whether a create must carry a value."""
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"

    @property
    def indexed(self) -> bool:
        """Whether records are found by this field often enough to keep an index."""
        return self.external_id or self.unique or self.id_lookup or self.type == "reference"


@dataclass
class SObject:
    """One object: its key prefix, labels, capabilities and fields in the order describe gives them."""

    name: str
    key_prefix: str
    label: str
    plural: str
    fields: dict[str, Field] = field(default_factory=dict)
    custom: bool = False
    is_event: bool = False
    publishes_at_once: bool = False
    writeable: bool = True
    hard_delete: bool = False
    viewed: bool = False
    _folded: dict[str, Field] = field(default_factory=dict)

    def add(self, fields: Iterable[Field]) -> None:
        """Append fields."""
        for item in fields:
            self.fields[item.name] = item
            self._folded[item.name.lower()] = item

    def remove(self, name: str) -> None:
        """Take a field away, if it is there."""
        self.fields.pop(name, None)
        self._folded.pop(name.lower(), None)

    def find(self, name: str) -> Field | None:
        """Return a field by its API name, whatever its case."""
        return self._folded.get(name.lower())

    def by_relationship(self, name: str) -> Field | None:
        """Return the reference field that is followed by a relationship name such as ``Account`` or ``Payment__r``."""
        folded = name.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == folded), None)

    @property
    def name_field(self) -> str | None:
        """The field that names a record to people."""
        return next((f.name for f in self.fields.values() if f.is_name), None)


@dataclass
class Schema:
    """All objects of the org; those in `hidden` are there only with a feature that is off, and are not found."""

    objects: dict[str, SObject] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    _folded: dict[str, SObject] = field(default_factory=dict)

    def add(self, sobject: SObject) -> None:
        """Add or replace an object."""
        self.objects[sobject.name] = sobject
        self._folded[sobject.name.lower()] = sobject

    def find(self, name: str) -> SObject | None:
        """Return an object by its API name, whatever its case."""
        found = self._folded.get(name.lower())
        return None if found is None or found.name in self.hidden else found

    def children_of(self, parent: str) -> list[tuple[SObject, Field]]:
        """Return every (object, field) that refers to the parent object."""
        return [
            (child, item)
            for child in self.objects.values()
            for item in child.fields.values()
            if parent in item.reference_to
        ]
