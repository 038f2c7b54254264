"""Key services: where data keys are kept wrapped, somebody else unwraps them, such as a cloud's KMS or Vault's transit.

What is shipped calls a command, since every such service has one. Another is a class named by
`COUNTERFOIL_ENCRYPTION_KEY_SERVICE`. Nothing here is asked on the data path: a key is unwrapped once by each process.
"""

import base64
import binascii
import importlib
import shlex
import subprocess
from typing import Any, Protocol

from service.config import Settings
from service.errors import ConfigurationError

_SECONDS = 30
KEY_BYTES = 32


class KeyService(Protocol):
    """Wraps and unwraps data keys of 32 bytes. Errors of any kind mean that the key cannot be had now."""

    def wrap(self, data_key: bytes) -> str:
        """Return the key in a form that only the service can read."""

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key that `wrap` was given."""


class CommandKeyService:
    """Asks commands: `unwrap` reads the wrapped key from stdin and prints the key in base64, `wrap` the reverse.

    A command is split into words as a shell would, and run without one.
    """

    def __init__(self, unwrap: str, wrap: str | None) -> None:
        self._unwrap = unwrap
        self._wrap = wrap

    def wrap(self, data_key: bytes) -> str:
        """Return the key as the command wraps it.

        Raises:
            ConfigurationError: there is no such command, or it failed.
        """
        field = "COUNTERFOIL_ENCRYPTION_WRAP_COMMAND"
        if self._wrap is None:
            raise ConfigurationError(field, "is not set", "Set it, or wrap a key with the service's own tools")
        return _run(field, self._wrap, base64.b64encode(data_key).decode())

    def unwrap(self, wrapped: str) -> bytes:
        """Return the key that the command prints.

        Raises:
            ConfigurationError: it failed, took over 30 seconds, or printed no base64.
        """
        field = "COUNTERFOIL_ENCRYPTION_UNWRAP_COMMAND"
        printed = _run(field, self._unwrap, wrapped)
        try:
            return base64.b64decode(printed, validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(field, "printed no base64", "Have it print the data key in base64") from None


def _run(field: str, command: str, given: str) -> str:
    """Return what a command prints; nothing of its output reaches an error, which might hold a key."""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, input=given.encode(), capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603  (the operator's own command)
        return done.stdout.decode("ascii").strip()
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(field, f"ended with code {error.returncode}", "Run it by hand and see why") from None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        fault = f"cannot be run ({type(error).__name__})"
        raise ConfigurationError(field, fault, "Name a program this user may run") from None


def key_service(settings: Settings) -> KeyService | None:
    """Return the service the settings name, None without one.

    Raises:
        ConfigurationError: the named class cannot be loaded.
    """
    if settings.encryption_unwrap_command is not None:
        return CommandKeyService(settings.encryption_unwrap_command, settings.encryption_wrap_command)
    if settings.encryption_key_service is None:
        return None
    module, _, name = settings.encryption_key_service.partition(":")
    try:
        made: Any = getattr(importlib.import_module(module), name)()
    except Exception as error:
        fault = f"{settings.encryption_key_service} cannot be loaded ({type(error).__name__})"
        remedy = "Name an installed class as package.module:Class, that takes no arguments"
        raise ConfigurationError("COUNTERFOIL_ENCRYPTION_KEY_SERVICE", fault, remedy) from error
    service: KeyService = made
    return service
