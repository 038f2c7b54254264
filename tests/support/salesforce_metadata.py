"""Reads the Salesforce package as data: its files, its fields, and the schema of the Metadata API.

Salesforce itself is the only judge of a deployment. Short of an org, the nearest witness is the Metadata API WSDL that
simple-salesforce ships; everything that the WSDL leaves open is in `salesforce_rules`. Nothing here knows what the
package should contain, and nothing is repaired on the way in.
"""

import copy
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

SOURCE = Path(__file__).parents[2] / "deploy" / "salesforce"
METADATA_NS = "http://soap.sforce.com/2006/04/metadata"
XSD_NS = "http://www.w3.org/2001/XMLSchema"


@cache
def metadata_schema() -> etree.XMLSchema:
    """Build a schema in which every type of the Metadata API may be the root of a document.

    A WSDL declares the types for its messages, whereas a source file has the type's own name as its root element, so
    a global element is added for each type.
    """
    package = importlib.util.find_spec("simple_salesforce")
    if package is None or package.origin is None:
        raise FileNotFoundError("simple_salesforce is not installed, and its metadata.wsdl is the schema")
    wsdl = etree.parse(str(Path(package.origin).with_name("metadata.wsdl")))
    schema = copy.deepcopy(wsdl.find(f".//{{{XSD_NS}}}schema"))
    declared = {element.get("name") for element in schema.findall(f"{{{XSD_NS}}}element")}
    root = etree.Element(schema.tag, dict(schema.attrib), nsmap={**wsdl.getroot().nsmap, "m": METADATA_NS})
    root.extend(list(schema))
    for kind in root.findall(f"{{{XSD_NS}}}complexType"):
        if kind.get("name") not in declared:
            etree.SubElement(root, f"{{{XSD_NS}}}element", name=kind.get("name"), type=f"m:{kind.get('name')}")
    return etree.XMLSchema(root)


@dataclass(frozen=True)
class Node:
    """One element of a metadata file, read by plain child names."""

    element: etree._Element

    def text(self, path: str) -> str | None:
        """Return the text at a slash-separated path of child names; None if there is no such element."""
        found = self.element.find("/".join(f"{{*}}{step}" for step in path.split("/")))
        return None if found is None else (found.text or "")

    def value(self, path: str) -> str:
        """Return the text at a path, or an empty string where the element is absent."""
        return self.text(path) or ""

    def is_true(self, path: str) -> bool:
        """Return whether the element is there and true."""
        return self.text(path) == "true"

    def all(self, name: str) -> list["Node"]:
        """Return the children of a name, in the order of the file."""
        return [Node(found) for found in self.element.findall(f"{{*}}{name}")]

    def texts(self, path: str) -> list[str]:
        """Return the texts of all elements at a path."""
        found = self.element.findall("/".join(f"{{*}}{step}" for step in path.split("/")))
        return [element.text or "" for element in found]


@dataclass(frozen=True)
class Package:
    """The source of the package under one folder (the folder that holds sfdx-project.json)."""

    root: Path

    def files(self, kind: str = "*") -> list[Path]:
        """Return the metadata files whose name ends in `.{kind}-meta.xml`."""
        found = self.root.rglob(f"*.{kind}-meta.xml")
        return sorted(path for path in found if "node_modules" not in path.parts)

    def named(self, kind: str) -> Iterator[tuple[str, Node]]:
        """Yield the developer name (from the file name) and the content of every file of a kind."""
        for path in self.files(kind):
            yield path.name.removesuffix(f".{kind}-meta.xml"), Node(etree.parse(str(path)).getroot())

    def under_objects(self, kind: str) -> Iterator[tuple[str, str, Node]]:
        """Yield object, name and content of the files that lie in an object's folder (fields, list views, ...)."""
        for path in self.files(kind):
            yield path.parents[1].name, path.name.split(".")[0], Node(etree.parse(str(path)).getroot())

    @cached_property
    def objects(self) -> dict[str, Node]:
        """Return the custom objects and platform events of the package by API name."""
        return dict(self.named("object"))

    @cached_property
    def fields(self) -> dict[tuple[str, str], Node]:
        """Return the custom fields of the package by object and field name."""
        return {(parent, name): node for parent, name, node in self.under_objects("field")}

    @cached_property
    def value_sets(self) -> dict[str, set[str]]:
        """Return the API names of the values of every global value set."""
        return {name: set(node.texts("customValue/fullName")) for name, node in self.named("globalValueSet")}
