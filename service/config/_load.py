"""Reading the settings, and turning every fault into a sentence that names the field and the remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.config._installation import Installation
from service.config._settings import Settings
from service.errors import ConfigurationError

MAX_FILE_BYTES = 4_194_304

_REMEDIES = {
    "missing": "Add it",
    "extra_forbidden": "Remove it, or correct its spelling",
    "string_pattern_mismatch": "Write it in the form the schema shows",
    "union_tag_not_found": "Add 'flow: jwt_bearer' or 'flow: client_credentials'",
    "union_tag_invalid": "Use 'jwt_bearer' or 'client_credentials'",
}


def _explain(error: ValidationError, name: Callable[[str], str]) -> ConfigurationError:
    """Return the first fault with all others behind it; no value of the input is in it, which might be a secret."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first, *others = (_fault(detail, name) for detail in details)
    return ConfigurationError(*first, others=[ConfigurationError(*other) for other in others])


def _fault(detail: ErrorDetails, name: Callable[[str], str]) -> tuple[str, str, str]:
    # The tag of a union is in the path, but not in the file.
    where = ".".join(str(part) for part in detail["loc"] if part not in ("jwt_bearer", "client_credentials"))
    fault = detail["msg"].removeprefix("Value error, ")
    return name(where), fault[:1].lower() + fault[1:], _REMEDIES.get(detail["type"], "Correct it")


def parse_installation(document: Any) -> Installation:
    """Check a decoded YAML document.

    Raises:
        ConfigurationError: the first fault found, with the others behind it.
    """
    try:
        return Installation.model_validate(document)
    except ValidationError as error:
        raise _explain(error, lambda where: where or "the file") from None


def load_installation(path: Path) -> Installation:
    """Read and check the YAML file at `path`.

    Raises:
        ConfigurationError: it is missing, not YAML, or wrong; names the field, the fault and the remedy.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            str(path), f"cannot be read ({error.strerror})", "Set COUNTERFOIL_CONFIG_FILE to the YAML file"
        ) from error
    if len(text) > MAX_FILE_BYTES:
        raise ConfigurationError(str(path), "is over 4 MiB", "Split the installation")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ConfigurationError(str(path), f"is not YAML{line}", "Correct it there") from None
    return parse_installation(document)


def variable(field: str) -> str:
    """Return the environment variable of a field of the settings."""
    return f"COUNTERFOIL_{field.upper()}"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` win over it (command-line options).

    Raises:
        ConfigurationError: a variable is wrong; names it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise _explain(error, lambda where: variable(where) if where else "the environment") from None


def installation_schema() -> dict[str, Any]:
    """Return the JSON Schema of the YAML file."""
    schema = Installation.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Counterfoil installation"
    return schema
