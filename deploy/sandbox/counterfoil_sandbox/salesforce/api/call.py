"""A request and its answer as plain values, apart from any web framework."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from counterfoil_sandbox.salesforce.dml import WriteContext
from counterfoil_sandbox.salesforce.errors import ApiError

UNSET: Any = object()


@dataclass
class Call:
    """One API request. ``segments`` are the decoded parts of the path after ``/services/data/vNN.0``."""

    method: str
    version: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    user: str = ""
    parsed: Any = UNSET
    is_locked: Callable[[str, Mapping[str, Any]], bool] = field(default=lambda _name, _record: False)
    refusal: tuple[str, str] | None = None
    bulk_rows: int | None = None

    @property
    def base(self) -> str:
        """The path every URL in an answer begins with."""
        return f"/services/data/{self.version}"

    @property
    def context(self) -> WriteContext:
        """Who writes, for the write path."""
        return WriteContext(self.user, self.is_locked, self.refusal)

    def json(self) -> Any:
        """Return the body, numbers as Decimals or ints.

        Raises:
            ApiError: JSON_PARSER_ERROR.
        """
        if self.parsed is UNSET:
            self.parsed = parse_json(self.body)
        return self.parsed

    def record(self) -> dict[str, Any]:
        """Return the body, which must be an object.

        Raises:
            ApiError: JSON_PARSER_ERROR.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise ApiError("JSON_PARSER_ERROR", "The HTTP entity body is required, and must be a JSON object")
        return body


@dataclass
class Answer:
    """Status, JSON body (None for no content) or text such as a CSV file, and headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    text_type: str = "text/csv"


def parse_json(text: bytes) -> Any:
    """Parse a request body.

    Raises:
        ApiError: JSON_PARSER_ERROR, with the place.
    """
    if not text.strip():
        raise ApiError("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.")
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ApiError("JSON_PARSER_ERROR", f"{error.msg} at [line:{error.lineno}, column:{error.colno}]") from error
    except UnicodeDecodeError as error:
        raise ApiError("JSON_PARSER_ERROR", "the entity body is not valid UTF-8") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ApiError("JSON_PARSER_ERROR", f"{name} is not a JSON number")
