"""Reading metadata XML strictly: every element is asked for by name, and what nobody asked for can be told.

The namespace is Salesforce's metadata namespace; another root or namespace is refused.
"""

import re
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree as ET

from counterfoil_sandbox.salesforce.deployment.errors import MetadataError

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


class Node:
    """One element of a metadata file."""

    def __init__(self, file: Path, element: ET.Element) -> None:
        self.file = file
        self._element = element

    @property
    def tag(self) -> str:
        """The element's name without namespace."""
        return self._element.tag.removeprefix(_NAMESPACE)

    def text(self, name: str, default: str | None = None) -> str:
        """Return the text of a child.

        Raises:
            MetadataError: it is absent and there is no default.
        """
        child = self._element.find(_NAMESPACE + name)
        value = None if child is None else (child.text or "").strip()
        if value is not None:
            return value
        if default is None:
            raise MetadataError(self.file, f"<{name}> is missing in <{self.tag}>")
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean child."""
        return self.text(name, str(default).lower()) == "true"

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        return int(self.text(name, None if default is None else str(default)))

    def child(self, name: str) -> "Node | None":
        """Return the first child of a name."""
        found = self._element.find(_NAMESPACE + name)
        return None if found is None else Node(self.file, found)

    def all(self, name: str) -> list["Node"]:
        """Return the children of a name."""
        return [Node(self.file, item) for item in self._element.findall(_NAMESPACE + name)]

    def children(self) -> list["Node"]:
        """Return all children."""
        return [Node(self.file, item) for item in self._element]

    @property
    def value(self) -> str:
        """The element's own text."""
        return (self._element.text or "").strip()

    def allow(self, names: Collection[str]) -> None:
        """Refuse children nobody knows what to do with.

        Raises:
            MetadataError: naming the first of them.
        """
        for item in self.children():
            if item.tag not in names:
                raise MetadataError(self.file, f"the sandbox does not imitate <{item.tag}> in <{self.tag}>")


def read_xml(file: Path, root: str) -> Node:
    """Parse a file and check its root.

    Raises:
        MetadataError: it is not XML or has another root.
    """
    text = file.read_text(encoding="utf-8")
    if re.search(r"<!DOCTYPE|<!ENTITY", text):
        raise MetadataError(file, "document types are not allowed")
    try:
        element = ET.fromstring(text)  # noqa: S314  # entities were refused above
    except ET.ParseError as error:
        raise MetadataError(file, f"not well-formed XML: {error}") from error
    if element.tag != _NAMESPACE + root:
        raise MetadataError(file, f"the root must be <{root}> in Salesforce's metadata namespace")
    return Node(file, element)
