"""Errors in Salesforce's shape: a code of the StatusCode family, a message, the fields concerned, and an HTTP status.

Codes and shapes follow the REST API Developer Guide, "Status Codes and Error Responses". Only failures a client could
meet are raised as these; a defect of the sandbox itself stays an ordinary exception and becomes a 500.
"""

from collections.abc import Sequence
from typing import Any

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_IMITATED = 400, 401, 403, 404, 501


class ApiError(Exception):
    """One error entry of an answer."""

    def __init__(self, code: str, message: str, fields: Sequence[str] | None = None, status: int = BAD_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.status = status

    def body(self) -> list[dict[str, Any]]:
        """Return the body of an ordinary answer: a list, keyed ``errorCode``."""
        entry: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = self.fields
        return [entry]

    def row(self) -> dict[str, Any]:
        """Return the entry of a per-record result: keyed ``statusCode``, always with fields."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


class RecordError(ApiError):
    """A record that cannot be written; the answer always names the fields, be it none."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = (), status: int = BAD_REQUEST) -> None:
        super().__init__(code, message, fields, status)


def not_found() -> ApiError:
    """Nothing is served at this address."""
    return ApiError("NOT_FOUND", "The requested resource does not exist", status=NOT_FOUND)


def not_imitated(what: str) -> ApiError:
    """Salesforce can do this and the sandbox cannot; said plainly instead of making an answer up."""
    return ApiError("SANDBOX_NOT_IMITATED", f"The sandbox does not imitate {what}", status=NOT_IMITATED)
