"""The rules of the house that no linter knows, read from the source itself."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent for path in (ROOT / "service").glob("*/__init__.py") if path.parent.name != "gen")
OURS = sorted(
    path
    for folder in ("service", "subscribers", "deploy", "protos")
    for path in (ROOT / folder).rglob("*.py")
    if "gen" not in path.relative_to(ROOT).parts and "_pb" not in path.parts
)
SERVICE = [path for path in OURS if path.relative_to(ROOT).parts[0] in {"service", "subscribers"}]
NAMES_AT_THE_DOOR = 20
LINES_IN_A_FILE = 350
LINES_IN_A_FUNCTION = 70


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
        case ast.Name(id=identifier):
            return identifier
        case ast.Call(func=function):
            return f"{dotted(function)}()"
    return ""


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_has_a_front_door(room: Path) -> None:
    door = tree(room / "__init__.py")
    assert ast.get_docstring(door), "says what it owns, its verbs, what it touches, what it refuses"
    exported = [node for node in door.body if isinstance(node, ast.Assign) and dotted(node.targets[0]) == "__all__"]
    assert exported, "names what it shows"
    names = ast.literal_eval(exported[0].value)
    assert len(names) <= NAMES_AT_THE_DOOR


@pytest.mark.parametrize("path", OURS, ids=name)
def test_a_file_says_why_it_exists_and_fits_in_the_head(path: Path) -> None:
    if path.read_text().strip():
        assert ast.get_docstring(tree(path)), "opens with the reason it exists"
    assert len(path.read_text().splitlines()) <= LINES_IN_A_FILE
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < LINES_IN_A_FUNCTION, function.name


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_private_modules_stay_private(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and re.match(r"(service|subscribers)\S*\._", node.module):
            owner = node.module.split("._")[0].replace(".", "/")
            assert str(path.relative_to(ROOT)).startswith(owner), f"imports {node.module}"


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_only_the_database_room_commits(path: Path) -> None:
    if path.relative_to(ROOT).parts[1] in {"db", "migrations"}:
        return
    calls = [dotted(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    assert not [call for call in calls if call.endswith((".commit", ".rollback"))]


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_time_and_chance_come_from_the_clock(path: Path) -> None:
    if path.name == "clock.py":
        return
    forbidden = {
        "datetime.now",
        "datetime.utcnow",
        "time.time",
        "uuid.uuid4",
        "uuid4",
        "random.random",
        "random.choice",
    }
    calls = {dotted(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
    assert not calls & forbidden


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_a_function_takes_a_transaction_or_a_client_never_both(path: Path) -> None:
    clients = {"StripeApi", "SalesforceApi"}
    for function in functions(path):
        words = {
            word
            for argument in (*function.args.args, *function.args.kwonlyargs)
            if argument.annotation is not None
            for word in re.findall(r"\w+", ast.unparse(argument.annotation))
        }
        assert not ("Transaction" in words and words & clients), function.name


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_no_float_is_made_from_money(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and dotted(node.func) == "float":
            assert "amount" not in ast.unparse(node), ast.unparse(node)


@pytest.mark.parametrize("path", SERVICE, ids=name)
def test_a_log_entry_begins_with_a_stable_action(path: Path) -> None:
    for node in ast.walk(tree(path)):
        levels = {"debug", "info", "warning", "error", "critical"}
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in levels):
            continue
        if "log()" not in dotted(node.func):
            continue
        action = node.args[0] if node.args else None
        if isinstance(action, ast.Name):
            continue  # handed in by a caller, which is looked at there
        assert isinstance(action, ast.Constant), ast.unparse(node)
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", str(action.value)), ast.unparse(node)


@pytest.mark.parametrize("path", [*OURS, *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_every_exception_from_a_rule_has_a_reason(path: Path) -> None:
    if path == Path(__file__):
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.search(r"#\s*noqa|#\s*type:\s*ignore", line):
            reason = re.sub(r"#\s*noqa:?\s*[A-Z0-9, ]*|#\s*type:\s*ignore(\[[^\]]*\])?", "", line.split("#", 1)[1])
            assert len(re.findall(r"[A-Za-z]{2,}", "#" + reason)) >= 2, f"line {number}: {line.strip()}"


def test_every_ignored_rule_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    settings = tomllib.loads(text)["tool"]["ruff"]["lint"]
    codes = [*settings["ignore"], *(code for codes in settings["per-file-ignores"].values() for code in codes)]
    for code in codes:
        assert re.search(rf'"{code}",\s*# \w+', text), code


def test_the_top_level_is_the_agreed_one() -> None:
    agreed = {"pyproject.toml", "README.md", "protos", "service", "subscribers", "tests", "deploy", "buf.yaml"}
    beside = {"Makefile", "LICENSE", "requirements.lock", "requirements-dev.lock"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert agreed <= found
    assert found - agreed - beside <= {"build", "dist"}
