"""The project of records that ask by themselves: what it selects is what rules can be about, and it may be read."""

from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

from service.config.changes import OBJECT_OF, ChangedObject

PROJECT = Path(__file__).parents[2] / "deploy" / "salesforce-changes" / "force-app" / "main" / "default"
SF = "{http://soap.sforce.com/2006/04/metadata}"


def texts(path: Path, name: str) -> list[str]:
    return [node.text or "" for node in ET.parse(path).getroot().iter(f"{SF}{name}")]  # noqa: S314  (our own file)


def test_it_selects_the_objects_of_the_rules() -> None:
    members = sorted((PROJECT / "platformEventChannelMembers").iterdir())
    selected = {text for path in members for text in texts(path, "selectedEntity")}
    assert selected == {f"{name}ChangeEvent" for name in get_args(ChangedObject)}
    assert set(OBJECT_OF.values()) == set(get_args(ChangedObject))
    assert all(texts(path, "eventChannel") == ["ChangeEvents"] for path in members)
    # Metadata API Developer Guide, "PlatformEventChannelMember": one underscore in the name of the file.
    names = {path.name for path in members}
    assert names == {f"{name}_ChangeEvent.platformEventChannelMember-meta.xml" for name in get_args(ChangedObject)}


def test_its_permission_set_sees_every_record_of_them() -> None:
    [path] = (PROJECT / "permissionsets").iterdir()
    root = ET.parse(path).getroot()  # noqa: S314  (our own file)
    seen = {
        node.findtext(f"{SF}object")
        for node in root.iter(f"{SF}objectPermissions")
        if node.findtext(f"{SF}viewAllRecords") == "true"
    }
    assert seen == set(get_args(ChangedObject))
