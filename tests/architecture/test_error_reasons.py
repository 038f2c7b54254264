"""The reasons of the contract and the reasons of the code are equal sets, and the contract shows each as it is told.

A reason is used where it is given by name (`reason="X"`), is the reason of an error class, or stands in a vendor's
error table; so every text constant that is spelled like a reason of the contract counts as a use.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service.gen.counterfoil.v1 import error_reason_pb2

REPOSITORY = Path(__file__).parents[2]
PREFIX = "ERROR_REASON_"
DECLARED = {name.removeprefix(PREFIX) for name in error_reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
# An inbox row's reason says why an event was set aside; operators see it, callers never do.
NO_ERRORS = {"InboxRow"}
REASON = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ("service", "subscribers"):
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            if "gen" not in path.relative_to(REPOSITORY).parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def texts(node: ast.AST | None) -> Iterator[str]:
    """The text constants an expression may come to: of itself, or of either side of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from texts(value)


def given(tree: ast.Module) -> Iterator[str]:
    """Reasons given by name: `reason="X"` in a call, `reason = "X"` in a class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) not in NO_ERRORS:
            for keyword in node.keywords:
                if keyword.arg == "reason":
                    yield from texts(keyword.value)
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                target = (
                    statement.target
                    if isinstance(statement, ast.AnnAssign)
                    else statement.targets[0]
                    if isinstance(statement, ast.Assign)
                    else None
                )
                if isinstance(target, ast.Name) and target.id == "reason":
                    yield from texts(getattr(statement, "value", None))


def test_every_reason_given_is_declared() -> None:
    used = {(reason, path.name) for path, tree in trees() for reason in given(tree) if REASON.fullmatch(reason)}
    assert used, "the scan finds nothing: it has gone blind"
    assert {(reason, path) for reason, path in used if reason not in DECLARED} == set()


def test_every_vendor_reason_in_a_table_is_declared() -> None:
    vendor = re.compile(r"(STRIPE|SALESFORCE|VENDOR)_[A-Z_]+")
    tables = (REPOSITORY / "service" / "clients").rglob("_errors.py")
    found = {
        node.value
        for path in tables
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and vendor.fullmatch(node.value)
    }
    assert found, "the scan finds nothing: it has gone blind"
    assert found - DECLARED == set()


def test_every_declared_reason_is_used() -> None:
    constants = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert DECLARED - constants == set()


def test_the_contract_shows_every_reason_as_a_client_sees_it() -> None:
    contract = (REPOSITORY / "protos/counterfoil/v1/error_reason.proto").read_text(encoding="utf-8")
    blocks = re.findall(r"((?:  //.*\n)+)  ERROR_REASON_(\w+) = \d+;", contract)
    shown = {name for comment, name in blocks if f'"domain": "counterfoil", "reason": "{name}"' in comment}
    assert shown == DECLARED
