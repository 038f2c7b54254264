"""The settings as a file that a person fills in: every variable with its meaning, limits and default."""

import annotated_types
from pydantic.fields import FieldInfo

from service.config._load import variable
from service.config._settings import Settings

_HEAD = """\
# Every setting of Counterfoil's environment, at its default and commented out. An empty one means its default too.
# Printed by `counterfoil settings`. Keys and secrets are named in the YAML file; this file needs none of them.
"""


def settings_reference() -> str:
    """Return every variable with its meaning, limits and default, in the form of an env file."""
    return _HEAD + "".join(f"\n{_entry(name, field)}" for name, field in Settings.model_fields.items())


def _entry(name: str, field: FieldInfo) -> str:
    lines = [f"# {sentence}" for sentence in (field.description, _limits(field)) if sentence]
    return "\n".join([*lines, f"#{variable(name)}={_default(field)}"]) + "\n"


def _default(field: FieldInfo) -> str:
    """Return the default as one writes it; nothing when it is none, or depends on who runs us."""
    if field.default_factory is not None or field.default is None:
        return ""
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def _limits(field: FieldInfo) -> str:
    if field.annotation is bool:
        return "true or false."
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return f"One of {', '.join(choices)}."
    least = next((rule.ge for rule in field.metadata if isinstance(rule, annotated_types.Ge)), None)
    most = next((rule.le for rule in field.metadata if isinstance(rule, annotated_types.Le)), None)
    return f"From {least} to {most}." if least is not None and most is not None else ""
