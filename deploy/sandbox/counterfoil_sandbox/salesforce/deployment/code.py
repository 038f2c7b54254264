"""Apex classes, Lightning web components and what refers to them: deployed, and never run.

The sandbox has no Apex and no browser. It checks what a deployment would refuse without compiling anything: a source
without its metadata file or the other way round, and a quick action or a permission set that names what is not there.
"""

from dataclasses import dataclass
from pathlib import Path

from counterfoil_sandbox.salesforce.deployment.errors import MetadataError
from counterfoil_sandbox.salesforce.deployment.xml import read_xml
from counterfoil_sandbox.salesforce.model import Schema

_CLASS, _CLASS_META = ".cls", ".cls-meta.xml"
_COMPONENT_META = ".js-meta.xml"


@dataclass(frozen=True)
class Code:
    """The names of the classes, components and custom permissions of a package."""

    classes: frozenset[str]
    components: frozenset[str]
    custom_permissions: frozenset[str]

    def check_permission_set(self, path: Path) -> None:
        """Refuse a permission set that grants a class or a custom permission which is not there."""
        root = read_xml(path, "PermissionSet")
        for entry in root.all("classAccesses"):
            if entry.text("apexClass") not in self.classes:
                raise MetadataError(path, f"there is no Apex class {entry.text('apexClass')}")
        for entry in root.all("customPermissions"):
            if entry.text("name") not in self.custom_permissions:
                raise MetadataError(path, f"there is no custom permission {entry.text('name')}")

    def check_quick_action(self, path: Path, schema: Schema) -> None:
        """Refuse a quick action of an object or a component which is not there."""
        root = read_xml(path, "QuickAction")
        owner = path.name.split(".")[0]
        if path.name.count(".") > 2 and schema.find(owner) is None:  # noqa: PLR2004  (object, action, kind and ending)
            raise MetadataError(path, f"there is no object {owner}")
        if root.text("type") == "LightningWebComponent" and root.text("lightningWebComponent") not in self.components:
            raise MetadataError(path, f"there is no Lightning web component {root.text('lightningWebComponent')}")


def read_code(by_kind: dict[str, list[Path]]) -> Code:
    """Return what code a package brings.

    Raises:
        MetadataError: a class or a component lacks one of its files.
    """
    return Code(
        classes=_classes(by_kind.get("classes", [])),
        components=_components(by_kind.get("lwc", [])),
        custom_permissions=frozenset(path.name.split(".")[0] for path in by_kind.get("customPermissions", [])),
    )


def _classes(files: list[Path]) -> frozenset[str]:
    sources = {path.name.removesuffix(_CLASS): path for path in files if path.name.endswith(_CLASS)}
    described = {path.name.removesuffix(_CLASS_META): path for path in files if path.name.endswith(_CLASS_META)}
    for name in sources.keys() ^ described.keys():
        missing = _CLASS_META if name in sources else _CLASS
        raise MetadataError(sources.get(name) or described[name], f"there is no {name}{missing} beside it")
    for path in described.values():
        read_xml(path, "ApexClass").text("apiVersion")
    return frozenset(sources)


def _components(files: list[Path]) -> frozenset[str]:
    found: set[str] = set()
    for path in files:
        if path.name.endswith(_COMPONENT_META):
            name = path.name.removesuffix(_COMPONENT_META)
            read_xml(path, "LightningComponentBundle")
            if name != path.parent.name or not path.with_name(f"{name}.js").is_file():
                raise MetadataError(path, f"there is no {name}.js beside it, or the folder has another name")
            found.add(name)
    return frozenset(found)
