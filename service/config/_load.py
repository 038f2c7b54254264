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
    "model_type": "Write its fields below it",
    "extra_forbidden": "Remove it, or correct its spelling",
    "string_pattern_mismatch": "Write it in the form the schema shows",
    "union_tag_not_found": "Add 'flow: jwt_bearer' or 'flow: client_credentials'",
    "union_tag_invalid": "Use 'jwt_bearer' or 'client_credentials'",
}
_SECRETS = ("secret_key", "read_key", "setup_key", "webhook_secrets", "private_key", "client_secret")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML's own loader would silently drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _explain(error: ValidationError, name: Callable[[str], str]) -> ConfigurationError:
    """Return the first fault with all others behind it; no value of the input is in it, which might be a secret."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first, *others = (_fault(detail, name) for detail in details)
    return ConfigurationError(*first, others=[ConfigurationError(*other) for other in others])


def _fault(detail: ErrorDetails, name: Callable[[str], str]) -> tuple[str, str, str]:
    # The tag of a union is in the path, but not in the file.
    where = ".".join(str(part) for part in detail["loc"] if part not in ("jwt_bearer", "client_credentials"))
    fault = detail["msg"].removeprefix("Value error, ")
    remedy = _REMEDIES.get(detail["type"], "Correct it")
    if detail["type"] == "model_type" and any(secret in where for secret in _SECRETS):
        fault, remedy = "must not hold the secret itself", "Say where it is kept: 'env: NAME' or 'file: PATH'"
    return name(where), fault[:1].lower() + fault[1:], remedy


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
    return parse_installation(_decode(path, text))


def _decode(path: Path, text: bytes) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a safe loader that is stricter still)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        # The text around the fault stays out: it may be next to anything.
        problem = "a key is there twice" if getattr(error, "problem", None) == "a key is there twice" else "is not YAML"
        raise ConfigurationError(str(path), f"{problem}{line}", "Correct it there") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(str(path), "holds a value that is none, such as a 13th month", "Quote it") from None


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
