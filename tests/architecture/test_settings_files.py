"""The files of deploy/config are what the code says, and every setting has a meaning and a limit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import orjson
import pytest
import yaml

from service.config import Settings, installation_schema, load_installation, load_settings, settings_reference

FOLDER = Path(__file__).parents[2] / "deploy" / "config"
EXAMPLE = FOLDER / "counterfoil.example.yaml"


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model, definition in [("", schema), *schema.get("$defs", {}).items()]:
        yield from ((f"{model}.{name}", one) for name, one in definition.get("properties", {}).items())


EVERY = [*properties(Settings.model_json_schema()), *properties(installation_schema())]


@pytest.mark.parametrize(("name", "setting"), EVERY, ids=[name for name, _ in EVERY])
def test_every_setting_has_a_meaning_and_every_number_both_limits(name: str, setting: dict[str, Any]) -> None:
    assert setting.get("description", "").endswith("."), f"{name} says what it is for"
    for form in [setting, *setting.get("anyOf", [])]:
        if form.get("type") in {"integer", "number"} and "const" not in form:
            assert {"minimum", "maximum"} <= set(form), name
        if form.get("type") == "array":
            assert "maxItems" in form, name
        if {"additionalProperties", "patternProperties"} & set(form):
            assert "maxProperties" in form or form.get("additionalProperties") is False, name


def test_the_schema_is_the_code_s() -> None:
    published = orjson.loads((FOLDER / "counterfoil.schema.json").read_bytes())
    assert published == installation_schema(), "run: counterfoil schema > deploy/config/counterfoil.schema.json"


def test_the_env_file_is_the_code_s() -> None:
    published = (FOLDER / "counterfoil.env.example").read_text()
    assert published == settings_reference(), "run: counterfoil settings > deploy/config/counterfoil.env.example"
    for name in Settings.model_fields:
        assert f"#COUNTERFOIL_{name.upper()}=" in published


def test_the_env_file_changes_nothing_when_it_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for line in (FOLDER / "counterfoil.env.example").read_text().splitlines():
        if line.startswith("#COUNTERFOIL_"):
            monkeypatch.setenv(*line.removeprefix("#").split("=", 1))
    assert load_settings() == before


def test_the_example_is_right_for_us_and_for_editors() -> None:
    assert EXAMPLE.read_text().startswith("# yaml-language-server: $schema=counterfoil.schema.json\n")
    installation = load_installation(EXAMPLE)
    assert set(installation.entities) == {"acme-gmbh", "acme-inc"}
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text()), installation_schema())


def test_what_the_example_leaves_out_is_right_too() -> None:
    lines = EXAMPLE.read_text().splitlines()
    start = lines.index("# mappings:")
    mappings = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines[start:]))
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text()) | mappings, installation_schema())
