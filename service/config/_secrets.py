"""A secret is named in the configuration and lives elsewhere: in a file or in an environment variable."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.errors import ConfigurationError

MAX_SECRET_BYTES = 16_384


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
