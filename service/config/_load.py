"""Reading the settings, and turning every fault into a sentence that names the field and the remedy."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

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


def _explain(error: ValidationError, prefix: str = "") -> ConfigurationError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("jwt_bearer", "client_credentials"))
    fault = first["msg"].removeprefix("Value error, ")
    remedy = _REMEDIES.get(first["type"], "Correct it")
    others = error.error_count() - 1
    more = f" ({others} more after this one)" if others else ""
    field = f"{prefix}{where}" if where else prefix.rstrip("_.") or "the file"
    return ConfigurationError(field, fault, f"{remedy}{more}")


def parse_installation(document: Any) -> Installation:
    """Check a decoded YAML document.

    Raises:
        ConfigurationError: the first fault found, and how many more there are.
    """
    try:
        return Installation.model_validate(document)
    except ValidationError as error:
        raise _explain(error) from None


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


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` win over it (command-line options).

    Raises:
        ConfigurationError: a variable is wrong; names it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        fault = _explain(error)
        name = f"COUNTERFOIL_{fault.field.upper()}" if fault.field != "the file" else "the environment"
        raise ConfigurationError(name, fault.fault, fault.remedy) from None


def installation_schema() -> dict[str, Any]:
    """Return the JSON Schema of the YAML file."""
    schema = Installation.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Counterfoil installation"
    return schema
