"""Reading a package folder in the order of the platform: value sets, objects, fields, code, permissions, flows."""

from dataclasses import dataclass, field
from pathlib import Path

from counterfoil_sandbox.salesforce.deployment.code import read_code
from counterfoil_sandbox.salesforce.deployment.errors import MetadataError
from counterfoil_sandbox.salesforce.deployment.flows import Flow, read_flow
from counterfoil_sandbox.salesforce.deployment.objects import ValueSets, read_field, read_object, read_value_set
from counterfoil_sandbox.salesforce.deployment.xml import read_xml
from counterfoil_sandbox.salesforce.model import Schema, SObject
from counterfoil_sandbox.salesforce.store import Row

# Folders that shape the screens of Salesforce and nothing an API answers.
_NO_EFFECT = frozenset(
    {
        "layouts",
        "tabs",
        "applications",
        "flexipages",
        "compactLayouts",
        "listViews",
        "labels",
        "homePageLayouts",
        "pathAssistants",
        "reports",
        "reportTypes",
        "dashboards",
        "groups",
        "webLinks",
    }
)
_KNOWN = frozenset(
    {
        "objects",
        "fields",
        "globalValueSets",
        "flows",
        "permissionsets",
        "notificationtypes",
        "classes",
        "lwc",
        "quickActions",
        "customPermissions",
    }
)
# Custom fields of tasks and calendar events are deployed to what both are; of the two the sandbox has tasks.
_ALIASES = {"Activity": "Task"}
_PREFIXES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass
class Package:
    """What a package brings besides the schema it was added to."""

    flows: list[Flow] = field(default_factory=list)
    notification_types: list[tuple[str, str]] = field(default_factory=list)

    def before_save(self, sobject: SObject, old: Row | None, new: Row) -> None:
        """Change a row as the flows say that run before it is saved."""
        for flow in self.flows:
            if flow.assigns and flow.sobject == sobject.name and flow.starts(old, new):
                new |= flow.assigns


def read_package(folder: Path, schema: Schema) -> Package:
    """Add a package's objects and fields to the schema and return its flows.

    Raises:
        MetadataError: something cannot be honoured; the message names the file and what in it.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise MetadataError(folder, "there is no metadata in this folder")
    by_kind: dict[str, list[Path]] = {}
    for path in files:
        by_kind.setdefault(_kind(path), []).append(path)
    value_sets: ValueSets = dict(read_value_set(path) for path in by_kind.get("globalValueSets", []))
    for number, path in enumerate(by_kind.get("objects", [])):
        family = "e" if path.name.split(".")[0].endswith("__e") else "a"
        high, low = divmod(number, len(_PREFIXES))
        read_object(schema, path, f"{family}{_PREFIXES[high]}{_PREFIXES[low]}")
    for path in by_kind.get("fields", []):
        named = path.parent.parent.name
        owner = schema.find(_ALIASES.get(named, named))
        if owner is None:
            raise MetadataError(path, f"there is no object {named}")
        read_field(schema, owner, path, value_sets)
    code = read_code(by_kind)
    for path in by_kind.get("permissionsets", []):
        _check_permission_set(path, schema)
        code.check_permission_set(path)
    for path in by_kind.get("quickActions", []):
        code.check_quick_action(path, schema)
    flows = [read_flow(path, schema) for path in by_kind.get("flows", [])]
    types = [read_xml(path, "CustomNotificationType") for path in by_kind.get("notificationtypes", [])]
    return Package(
        [flow for flow in flows if flow.active],
        [(node.text("customNotifTypeName"), node.text("masterLabel")) for node in types],
    )


def _kind(path: Path) -> str:
    """Return the metadata folder a file lies in."""
    folder = path.parent.name
    if folder in _KNOWN or folder in _NO_EFFECT:
        return folder
    if path.parent.parent.name == "objects":
        return "objects"
    if "lwc" in {path.parents[1].name, path.parents[2].name}:  # each component in a folder, its tests in one below
        return "lwc"
    if path.parent.parent.name in {"reports", "dashboards"}:  # each in a folder of its own
        return path.parent.parent.name
    raise MetadataError(path, f"the sandbox does not imitate metadata of the folder {folder}")


def _check_permission_set(path: Path, schema: Schema) -> None:
    root = read_xml(path, "PermissionSet")
    for entry in root.all("objectPermissions"):
        if schema.find(entry.text("object")) is None:
            raise MetadataError(path, f"there is no object {entry.text('object')}")
    for entry in root.all("fieldPermissions"):
        object_name, _, field_name = entry.text("field").partition(".")
        sobject = schema.find(object_name)
        target = sobject.find(field_name) if sobject else None
        if target is None:
            raise MetadataError(path, f"there is no field {entry.text('field')}")
        if target.required or target.is_name:
            raise MetadataError(path, f"You cannot deploy to a required field: {entry.text('field')}")
