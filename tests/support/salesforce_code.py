"""Whether the Apex and the Lightning web components of the Salesforce package fit the package, and keep its rules.

Read as text: that they are Apex and JavaScript at all is the business of their own tools. Names of standard fields and
objects are taken as known.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.salesforce_metadata import Node, Package

_API_NAME = re.compile(r"\b([A-Za-z]\w*__[cer])\b")
_IMPORT = re.compile(r"from '@salesforce/(label|apex)/(?:c\.)?([\w.]+)'")
_QUERY = re.compile(r"\[\s*SELECT\b.*?\]", re.DOTALL)
_ENTRY = re.compile(r"@(?:AuraEnabled|InvocableMethod)[^\n]*\n\s*public static")
_RECORD_ID = re.compile(r"'[0-9a-zA-Z]{3}0[0-9a-zA-Z]{11}(?:[0-9A-Z]{3})?'")


def sources(package: Package, pattern: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a pattern with their text; tests and installed tools are no sources."""
    for path in sorted(package.root.rglob(pattern)):
        if not {"node_modules", "__tests__"} & set(path.parts):
            yield path, path.read_text()


def is_test(text: str) -> bool:
    """Return whether an Apex class is one of tests."""
    return "@IsTest" in text


def classes(package: Package) -> Iterator[str]:
    """Classes run with the sharing of the user, query in user mode, and hold no ids; each has a metadata file."""
    described = {name for name, _ in package.named("cls")}
    for path, text in sources(package, "classes/*.cls"):
        if path.stem not in described:
            yield f"{path.name} has no metadata file"
        if is_test(text):
            continue
        if f"public with sharing class {path.stem} " not in text:
            yield f"{path.name} does not run with the sharing of the user"
        for query in _QUERY.findall(text):
            if "WITH USER_MODE" not in query:
                yield f"{path.name} has a query that is not in user mode: {' '.join(query.split())[:60]}"
        if _RECORD_ID.search(text):
            yield f"{path.name} holds the id of a record"


def names_in_code(package: Package) -> Iterator[str]:
    """Custom objects, fields and relationships that code names are there."""
    known = set(package.objects) | {name for _, name in package.fields}
    for pattern in ("classes/*.cls", "lwc/*/*.js", "quickActions/*"):
        for path, text in sources(package, pattern):
            for name in sorted(set(_API_NAME.findall(text))):
                if name not in known and name.replace("__r", "__c") not in known:
                    yield f"{path.name} names {name}, which is not there"


def labels(package: Package) -> Iterator[str]:
    """Every text that code shows is a label that is there, and every label is used."""
    there = {name for _, node in package.named("labels") for name in node.texts("labels/fullName")}
    used: dict[str, str] = {}
    for path, text in sources(package, "classes/*.cls"):
        used |= dict.fromkeys(re.findall(r"System\.Label\.(\w+)", text), path.name)
    for path, text in sources(package, "lwc/*/*.js"):
        used |= {name: path.name for kind, name in _IMPORT.findall(text) if kind == "label"}
    yield from (f"{used[name]}: label {name} is not there" for name in sorted(used.keys() - there))
    yield from (f"label {name} is used nowhere" for name in sorted(there - used.keys()))


def entries(package: Package) -> Iterator[str]:
    """Components call methods that are there, and whoever may press the button may call them."""
    texts = {path.stem: text for path, text in sources(package, "classes/*.cls")}
    for path, text in sources(package, "lwc/*/*.js"):
        for owner, _, method in (name.partition(".") for kind, name in _IMPORT.findall(text) if kind == "apex"):
            if not re.search(rf"@AuraEnabled[^\n]*\n\s*public static \S+ {method}\(", texts.get(owner, "")):
                yield f"{path.name}: {owner}.{method} is not there"
    granted = {name for _, node in package.named("permissionset") for name in node.texts("classAccesses/apexClass")}
    doors = {name for name, text in texts.items() if _ENTRY.search(text)}
    yield from (f"{name} is granted to nobody" for name in sorted(doors - granted))
    yield from (f"{name} is granted, and nobody calls it" for name in sorted(granted - doors))


def custom_permissions(package: Package) -> Iterator[str]:
    """Custom permissions that code asks for and permission sets grant are the ones that are there."""
    there = {name for name, _ in package.named("customPermission")}
    granted = {name for _, node in package.named("permissionset") for name in node.texts("customPermissions/name")}
    asked = {
        name
        for _, text in sources(package, "classes/CounterfoilPublisher.cls")
        for name in re.findall(r"static final String \w+ = '(Counterfoil_\w+)'", text)
    }
    yield from (f"custom permission {name} is not there" for name in sorted((granted | asked) - there))
    yield from (f"custom permission {name} is granted to nobody" for name in sorted(there - granted))
    yield from (f"custom permission {name} is asked for nowhere" for name in sorted(there - asked))


def quick_actions(package: Package) -> Iterator[str]:
    """Quick actions open components made for record pages, and components made for them have one."""
    screens = {name for name, node in package.named("js") if _is_action(node)}
    opened: set[str] = set()
    for name, action in package.named("quickAction"):
        component = action.value("lightningWebComponent")
        opened.add(component)
        if component not in screens:
            yield f"{name} opens {component}, which is no screen action"
    yield from (f"no quick action opens {name}" for name in sorted(screens - opened))
    known = {name for name, _ in package.named("quickAction")}
    for name, layout in package.named("layout"):
        for item in layout.all("platformActionList"):
            for entry in item.all("platformActionListItems"):
                if entry.value("actionType") == "QuickAction" and entry.value("actionName") not in known:
                    yield f"layout {name} offers {entry.value('actionName')}, which is not there"


def _is_action(component: Node) -> bool:
    return "lightning__RecordAction" in component.texts("targets/target")


CODE: dict[str, Callable[[Package], Iterator[str]]] = {
    rule.__name__: rule for rule in (classes, names_in_code, labels, entries, custom_permissions, quick_actions)
}
