"""Record-triggered flows of two simple shapes: events after the save, or constants in fields of the record before it.

After the save: conditions on the record, then Create Records of platform events. Before it: conditions, then one
Assignment of constants to fields of the record.

Anything else a flow can hold (decisions, loops, formulas, lookups, other triggers) is refused by file and element.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from counterfoil_sandbox.salesforce.deployment.errors import MetadataError
from counterfoil_sandbox.salesforce.deployment.xml import Node, read_xml
from counterfoil_sandbox.salesforce.model import Field, Schema, SObject
from counterfoil_sandbox.salesforce.store import Row
from counterfoil_sandbox.salesforce.values import accept

Resolver = Callable[[str], Any]

_FLOW_ELEMENTS = frozenset(
    {
        "apiVersion",
        "description",
        "environments",
        "interviewLabel",
        "label",
        "processMetadataValues",
        "processType",
        "assignments",
        "recordCreates",
        "start",
        "status",
        "constants",
        "triggerOrder",
    }
)
_START_ELEMENTS = frozenset(
    {
        "locationX",
        "locationY",
        "connector",
        "doesRequireRecordChangedToMeetCriteria",
        "filterLogic",
        "filters",
        "object",
        "recordTriggerType",
        "triggerType",
    }
)
_CREATE_ELEMENTS = frozenset(
    [
        "description",
        "name",
        "label",
        "locationX",
        "locationY",
        "connector",
        "inputAssignments",
        "object",
        "storeOutputAutomatically",
    ]
)
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "EqualTo": lambda have, want: have == want,
    "NotEqualTo": lambda have, want: have != want,
    "GreaterThan": lambda have, want: have is not None and have > want,
    "GreaterThanOrEqualTo": lambda have, want: have is not None and have >= want,
    "LessThan": lambda have, want: have is not None and have < want,
    "LessThanOrEqualTo": lambda have, want: have is not None and have <= want,
    "Contains": lambda have, want: have is not None and want in have,
    "StartsWith": lambda have, want: have is not None and have.startswith(want),
    "EndsWith": lambda have, want: have is not None and have.endswith(want),
    "IsNull": lambda have, want: (have is None) == want,
}


@dataclass(frozen=True)
class Condition:
    """One entry condition; ``IsChanged`` compares with the row before."""

    field: str
    operator: str
    value: Any

    def holds(self, old: Row | None, new: Row) -> bool:
        """Whether the condition is true of a row."""
        if self.operator == "IsChanged":
            changed = old is not None and old.get(self.field) != new.get(self.field)
            return changed is bool(self.value)
        return _TESTS[self.operator](new.get(self.field), self.value)


@dataclass(frozen=True)
class CreateEvent:
    """One Create Records element: the event and, by field, a constant or a reference such as ``$Record.Id``."""

    event: str
    constants: dict[str, Any]
    references: dict[str, str]


@dataclass(frozen=True)
class Flow:
    """One active record-triggered flow."""

    name: str
    active: bool
    sobject: str
    on_create: bool
    on_update: bool
    only_when_it_becomes_true: bool
    any_condition: bool
    conditions: tuple[Condition, ...]
    creates: tuple[CreateEvent, ...]
    assigns: dict[str, Any]

    def starts(self, old: Row | None, new: Row) -> bool:
        """Whether saving a row starts the flow."""
        if not (self.on_create if old is None else self.on_update) or not self._met(old, new):
            return False
        return not (self.only_when_it_becomes_true and old is not None and self._met(None, old))

    def _met(self, old: Row | None, new: Row) -> bool:
        results = [condition.holds(old, new) for condition in self.conditions]
        return not results or (any(results) if self.any_condition else all(results))


def read_flow(file: Path, schema: Schema) -> Flow:
    """Read one flow.

    Raises:
        MetadataError: it is of another shape than the one imitated, or names what the org lacks.
    """
    root = read_xml(file, "Flow")
    root.allow(_FLOW_ELEMENTS)
    start = root.child("start")
    if start is None or root.text("processType") != "AutoLaunchedFlow":
        raise MetadataError(file, "only record-triggered flows are imitated")
    start.allow(_START_ELEMENTS)
    if start.text("triggerType") not in {"RecordAfterSave", "RecordBeforeSave"}:
        raise MetadataError(file, f"the sandbox does not imitate flows triggered {start.text('triggerType')}")
    logic, kind = start.text("filterLogic", "and").lower(), start.text("recordTriggerType")
    if logic not in {"and", "or"} or kind not in {"Create", "Update", "CreateAndUpdate"}:
        raise MetadataError(file, f"the sandbox does not imitate filterLogic {logic} with recordTriggerType {kind}")
    sobject = _find_object(schema, file, start.text("object"))
    constants = {node.text("name"): _constant(node.child("value"), file) for node in root.all("constants")}
    after = start.text("triggerType") == "RecordAfterSave"
    return Flow(
        name=file.name.split(".")[0],
        active=root.text("status") == "Active",
        sobject=sobject.name,
        on_create="Create" in kind,
        on_update="Update" in kind,
        only_when_it_becomes_true=start.flag("doesRequireRecordChangedToMeetCriteria"),
        any_condition=logic == "or",
        conditions=tuple(_condition(node, sobject, constants) for node in start.all("filters")),
        creates=_creates(root, start, schema, sobject, constants) if after else (),
        assigns={} if after else _assigns(root, start, sobject),
    )


def _assigns(root: Node, start: Node, sobject: SObject) -> dict[str, Any]:
    """Return what a flow before the save sets, by field."""
    elements = root.all("assignments")
    connector = start.child("connector")
    reached = connector.text("targetReference") if connector else ""
    if (
        [node.text("name") for node in elements] != [reached]
        or root.all("recordCreates")
        or elements[0].all("connector")
    ):
        raise MetadataError(root.file, "before a save the sandbox imitates a single Assignment, where the flow starts")
    found: dict[str, Any] = {}
    for item in elements[0].all("assignmentItems"):
        source, _, name = item.text("assignToReference").partition(".")
        if source != "$Record" or item.text("operator") != "Assign":
            raise MetadataError(root.file, f"the sandbox does not imitate {item.text('operator')} to {source}.{name}")
        field = _find_field(sobject, root.file, name)
        found[field.name] = accept(field, _constant(item.child("value"), root.file))
    return found


def _condition(node: Node, sobject: SObject, constants: dict[str, Any]) -> Condition:
    field, operator = _find_field(sobject, node.file, node.text("field")), node.text("operator")
    if operator not in _TESTS and operator != "IsChanged":
        raise MetadataError(node.file, f"the sandbox does not imitate the operator {operator}")
    value_node = node.child("value")
    reference = value_node.child("elementReference") if value_node else None
    if reference is not None:
        if reference.value not in constants:
            raise MetadataError(node.file, f"the sandbox does not imitate a condition on {reference.value}")
        value = constants[reference.value]
    else:
        value = _constant(value_node, node.file)
    if operator in {"IsChanged", "IsNull"}:
        return Condition(field.name, operator, bool(value))
    return Condition(field.name, operator, value if value is None else accept(field, value))


def _creates(
    root: Node, start: Node, schema: Schema, sobject: SObject, constants: dict[str, Any]
) -> tuple[CreateEvent, ...]:
    """Follow the connectors from the start, so that an element nobody reaches is not run."""
    elements = {node.text("name"): node for node in root.all("recordCreates")}
    found: list[CreateEvent] = []
    connector = start.child("connector")
    while connector is not None:
        node = elements.pop(connector.text("targetReference"), None)
        if node is None:
            raise MetadataError(root.file, f"there is no element {connector.text('targetReference')} to go on to")
        node.allow(_CREATE_ELEMENTS)
        found.append(_create(node, schema, sobject, constants))
        connector = node.child("connector")
    if not found:
        raise MetadataError(root.file, "the flow does nothing")
    return tuple(found)


def _create(node: Node, schema: Schema, sobject: SObject, named: dict[str, Any]) -> CreateEvent:
    event = _find_object(schema, node.file, node.text("object"))
    if not event.is_event:
        raise MetadataError(node.file, f"the sandbox does not imitate creating {event.name} in a flow")
    constants: dict[str, Any] = {}
    references: dict[str, str] = {}
    for assignment in node.all("inputAssignments"):
        target = _find_field(event, node.file, assignment.text("field"))
        value = assignment.child("value")
        reference = value.child("elementReference") if value else None
        if reference is None:
            constants[target.name] = _constant(value, node.file)
        elif reference.value in named:
            constants[target.name] = named[reference.value]
        else:
            references[target.name] = _reference(reference.value, schema, sobject, node.file)
    return CreateEvent(event.name, constants, references)


def _reference(text: str, schema: Schema, sobject: SObject, file: Path) -> str:
    root, _, name = text.partition(".")
    sources = {"$Record": sobject, "$User": schema.objects["User"], "$Organization": schema.objects["Organization"]}
    if root not in sources or "." in name:
        raise MetadataError(file, f"the sandbox does not imitate the reference {text}")
    return f"{root}.{_find_field(sources[root], file, name).name}"


def _constant(node: Node | None, file: Path) -> Any:
    """Return the Python value of a <value> element."""
    if node is None:
        return None
    for item in node.children():
        if item.tag in {"stringValue", "dateValue", "dateTimeValue"}:
            return item.value
        if item.tag == "booleanValue":
            return item.value == "true"
        if item.tag == "numberValue":
            return Decimal(item.value)
        raise MetadataError(file, f"the sandbox does not imitate <{item.tag}> as a value")
    return None


def _find_object(schema: Schema, file: Path, name: str) -> SObject:
    sobject = schema.find(name)
    if sobject is None:
        raise MetadataError(file, f"there is no object {name}")
    return sobject


def _find_field(sobject: SObject, file: Path, name: str) -> Field:
    field = sobject.find(name)
    if field is None:
        raise MetadataError(file, f"there is no field {sobject.name}.{name}")
    return field
