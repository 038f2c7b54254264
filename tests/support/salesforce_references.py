"""Whether everything that the Salesforce package names exists, and may be named where it is.

References to the package's own parts are settled from the package alone. References to standard fields need the field
lists of the Object Reference, which are handed in by the caller. What a standard object is called is taken as known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from tests.support.salesforce_metadata import Node, Package
from tests.support.salesforce_rules import LAYOUT_SYSTEM_FIELDS

StandardFields = Mapping[
    str, Mapping[str, frozenset[str]]
]  # object -> field -> properties, as the Object Reference has it


def _unknown(package: Package, parent: str, used: Iterable[str], also: frozenset[str] = frozenset()) -> Iterator[str]:
    yield from (
        f"{parent}.{name} is not there" for name in used if name not in also and (parent, name) not in package.fields
    )


def views(package: Package) -> Iterator[str]:
    """List views, compact layouts and the layouts with their related lists show fields that exist."""
    for parent, name, view in package.under_objects("listView"):
        yield from _unknown(package, parent, view.texts("columns"), frozenset({"NAME"}))
        for condition in view.all("filters"):
            yield from _unknown(package, parent, [condition.value("field")])
            yield from _filter_values(package, parent, name, condition)
    for parent, name, compact in package.under_objects("compactLayout"):
        yield from _unknown(package, parent, compact.texts("fields"), frozenset({"Name"}))
        if package.objects[parent].value("compactLayoutAssignment") != name:
            yield f"{parent}: compact layout {name} is not assigned"
    for name, layout in package.named("layout"):
        parent, _, label = name.partition("-")
        if parent not in package.objects or label != f"{package.objects[parent].value('label')} Layout":
            yield f"layout {name} is not named as Salesforce names the first layout of an object"
        shown = layout.texts("layoutSections/layoutColumns/layoutItems/field")
        yield from _unknown(package, parent, shown, frozenset(LAYOUT_SYSTEM_FIELDS))
        missing = {field for owner, field in package.fields if owner == parent} - set(shown)
        yield from (f"layout {name} does not show {field}" for field in sorted(missing))
        for related in layout.all("relatedLists"):
            child, _, lookup = related.value("relatedList").partition(".")
            yield from _unknown(package, child, [lookup])
            yield from _unknown(package, child, related.texts("fields"), frozenset({"NAME"}))
    yield from (f"tab {name} has no object" for name, _ in package.named("tab") if name not in package.objects)


def _filter_values(package: Package, parent: str, view: str, condition: Node) -> Iterator[str]:
    field = package.fields.get((parent, condition.value("field")))
    values = condition.value("value").split(",") if condition.value("value") else []
    if field is not None and field.value("type") == "Picklist":
        known = package.value_sets.get(field.value("valueSet/valueSetName"), set())
        yield from (
            f"{parent}: view {view} filters by {value}, which is no value" for value in values if value not in known
        )


def flows(package: Package) -> Iterator[str]:
    """A flow fills existing fields of an object of the package, all that are required, and starts where it says."""
    for name, flow in package.named("flow"):
        for create in flow.all("recordCreates"):
            target, filled = create.value("object"), create.texts("inputAssignments/field")
            if target not in package.objects:
                yield f"flow {name} creates {target}, which is not there"
            yield from _unknown(package, target, filled)
            required = {
                field for (owner, field), node in package.fields.items() if owner == target and node.is_true("required")
            }
            yield from (f"flow {name} leaves {field} empty" for field in sorted(required - set(filled)))
        if flow.value("start/connector/targetReference") not in flow.texts("recordCreates/name"):
            yield f"flow {name} starts nowhere"


def permissions(package: Package) -> Iterator[str]:
    """Permission sets name existing custom fields, and none that Salesforce refuses to see in a permission set."""
    for name, granted in package.named("permissionset"):
        for reference in granted.texts("fieldPermissions/field"):
            owner, _, field_name = reference.partition(".")
            # Fields of tasks are deployed to what tasks and calendar events both are, and granted by the name of each.
            field = package.fields.get(("Activity" if owner == "Task" else owner, field_name))
            if field is None:
                if field_name.endswith("__c") or owner in package.objects:
                    yield f"{name}: {reference} is not there"
            elif field.is_true("required") or owner.endswith("__e"):
                yield f"{name}: Salesforce refuses {reference}, which is required or belongs to an event"
        yield from (f"{name}: object {owner} is not there" for owner in granted.texts("objectPermissions/object")
                    if owner.endswith(("__c", "__e")) and owner not in package.objects)  # fmt: skip
        yield from (f"{name}: tab {tab} is not there" for tab in granted.texts("tabSettings/tab")
                    if tab not in dict(package.named("tab")))  # fmt: skip


def standard_fields(package: Package, known: StandardFields) -> Iterator[str]:
    """Standard fields exist; in a permission set they may be empty: required ones are refused."""
    for name, granted in package.named("permissionset"):
        for reference in granted.texts("fieldPermissions/field"):
            owner, _, field = reference.partition(".")
            if owner in package.objects or field.endswith("__c"):
                continue
            if "Nillable" not in known.get(owner, {}).get(field, frozenset()):
                yield f"{name}: {reference} does not exist or is required"
    for name, flow in package.named("flow"):
        owner = flow.value("start/object")
        values = flow.texts("recordCreates/inputAssignments/value/elementReference")
        taken = [value.removeprefix("$Record.") for value in values if value.startswith("$Record.")]
        for field in [*taken, *flow.texts("start/filters/field")]:
            if field != "Id" and field not in known.get(owner, {}) and (owner, field) not in package.fields:
                yield f"flow {name}: {owner}.{field} does not exist"


REFERENCES: dict[str, Callable[[Package], Iterator[str]]] = {
    rule.__name__: rule for rule in (views, flows, permissions)
}
