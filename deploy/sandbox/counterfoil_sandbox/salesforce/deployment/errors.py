"""The one error of a deployment."""

from pathlib import Path


class MetadataError(Exception):
    """A metadata file that cannot be honoured; the message begins with its path."""

    def __init__(self, file: Path, message: str) -> None:
        super().__init__(f"{file}: {message}")
