"""A secret is named in the configuration and lives elsewhere: in a file or in an environment variable."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.errors import ConfigurationError

MAX_SECRET_BYTES = 16_384
_LOOK_SECONDS = 1.0
# Told (action, field): "secret.renewed", or "secret.unread" when a file cannot be taken anew.
Told = Callable[[str, str], None]


class SecretRef(BaseModel):
    """Where a secret is kept. Exactly one of the two is given; the value itself never enters the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = Field(default=None, description="Path of a file that holds the secret and nothing else.")
    env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the environment variable that holds the secret.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("needs exactly one of 'file' and 'env'")
        return self

    def watched(self, field: str, told: Told) -> "WatchedSecret":
        """Return the secret as one that may be replaced while we run.

        Raises:
            ConfigurationError: as `read`.
        """
        return WatchedSecret(self, field, told)

    def read(self, field: str) -> str:
        """Return the secret, without surrounding white space.

        Raises:
            ConfigurationError: it is missing, empty, unreadable or longer than 16 KiB; names `field`, never the value.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise ConfigurationError(
                    field, f"the environment variable {self.env} is empty", "Set it, or name a file instead"
                )
            return value
        path = self.file or Path()
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                field, f"the file {path} cannot be read ({error.strerror})", "Create it and let this user read it"
            ) from error
        value = raw.decode("utf-8", "replace").strip()
        if not value or len(raw) > MAX_SECRET_BYTES:
            raise ConfigurationError(field, f"the file {path} is empty or over 16 KiB", "Put only the secret in it")
        return value


class WatchedSecret:
    """A secret whose file is looked at again, at most once a second. One of the environment stays as it was.

    A file that cannot be taken anew (half written, emptied, gone) leaves the former secret in use.
    """

    def __init__(self, ref: SecretRef, field: str, told: Told) -> None:
        self._ref = ref
        self._field = field
        self._told = told
        self._looked = time.monotonic()
        self._stamp = self._look()
        self._value = ref.read(field)

    def value(self) -> str:
        """Return the secret as it is now."""
        now = time.monotonic()
        if self._ref.file is None or now - self._looked < _LOOK_SECONDS:
            return self._value
        self._looked = now
        stamp = self._look()
        if stamp == self._stamp:
            return self._value
        self._stamp = stamp
        try:
            value = self._ref.read(self._field)
        except ConfigurationError:
            self._told("secret.unread", self._field)
            return self._value
        if value != self._value:
            self._told("secret.renewed", self._field)
            self._value = value
        return self._value

    def _look(self) -> tuple[int, int, int] | None:
        """Return what tells one content of the file from another; None without a file."""
        try:
            status = self._ref.file.stat() if self._ref.file is not None else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None
