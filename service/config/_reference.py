"""The settings as a file that a person fills in: every variable with its meaning, limits and default."""

from typing import Any

from service.config._load import variable
from service.config._settings import Settings

_HEAD = """\
# Every setting of Counterfoil's environment, at its default and commented out. An empty one means its default too.
# Printed by `counterfoil settings`. Keys and secrets are named in the YAML file; this file needs none of them.
"""


def settings_reference() -> str:
    """Return every variable with its meaning, limits and default, in the form of an env file."""
    settings = Settings.model_json_schema()["properties"]
    return _HEAD + "".join(f"\n{_entry(name, setting)}" for name, setting in settings.items())


def _entry(name: str, setting: dict[str, Any]) -> str:
    lines = [f"# {sentence}" for sentence in (setting["description"], _limits(setting)) if sentence]
    return "\n".join([*lines, f"#{variable(name)}={_default(setting)}"]) + "\n"


def _default(setting: dict[str, Any]) -> str:
    """Return the default as one writes it; nothing when it is none, or depends on who runs us."""
    value = setting.get("default")
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _limits(setting: dict[str, Any]) -> str:
    if setting.get("type") == "boolean":
        return "true or false."
    if "enum" in setting:
        return f"One of {', '.join(setting['enum'])}."
    return f"From {setting['minimum']} to {setting['maximum']}." if "minimum" in setting else ""
