"""What the check tries of a Stripe key is all that the service does with it."""

import ast
from pathlib import Path

from service.commands import CREATED_TYPES
from service.maintenance._check_stripe import READ_TYPES

SERVICE = Path(__file__).parents[2] / "service"


def literal_types(method: str) -> set[str]:
    """Return the object types that code names when it calls a method of the Stripe client."""
    found: set[str] = set()
    for path in SERVICE.rglob("*.py"):
        if "gen" in path.relative_to(SERVICE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method):
                continue
            # An action is named with its object's type: ("payment_intent", "capture").
            named = [one.elts[0] if isinstance(one, ast.Tuple) and one.elts else one for one in node.args[:2]]
            found |= {one.value for one in named if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def test_all_that_is_made_is_tried() -> None:
    assert literal_types("make") == set(CREATED_TYPES)
    assert not literal_types("create"), "things are made in one place only"


def test_whatever_something_is_done_with_is_made_as_well() -> None:
    acted = literal_types("act")
    assert "payment_intent" in acted
    assert acted <= set(CREATED_TYPES), "the permission to make a thing is that to do something with it"


def test_all_that_is_read_is_tried() -> None:
    read = literal_types("retrieve") | literal_types("list")
    assert {"payment_method", "payment_intent"} <= read
    assert read <= set(READ_TYPES)
