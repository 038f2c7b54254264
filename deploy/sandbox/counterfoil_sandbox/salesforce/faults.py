"""Misbehaviour on request: which requests a fault strikes, and which records it calls locked.

Any fault may name ``method``, ``path_prefix`` and ``sobject`` (in the path or among the records) to choose requests,
and ``times`` (-1 for always). Kinds: ``status`` (``status``, ``error_code``, ``message``, ``after_effect``),
``row_lock`` (``values`` of any text field to choose records, ``rows`` at most), ``expired_token``, ``request_limit``
(``message``), ``bulk_failure`` (``rows`` of a job are done before it fails), ``delay`` (``ms``), ``disconnect``
(``after_effect``) and ``after_effect_disconnect``. ``record_error`` chooses records as ``row_lock`` does and refuses
them with ``error_code`` and ``message``, as a validation rule or a missing permission would.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterfoil_sandbox.faults import FaultBook
from counterfoil_sandbox.salesforce.errors import ApiError

KINDS = frozenset(
    {
        "status",
        "row_lock",
        "record_error",
        "expired_token",
        "request_limit",
        "bulk_failure",
        "delay",
        "disconnect",
        "after_effect_disconnect",
    }
)
_CODES = {500: "UNKNOWN_EXCEPTION", 502: "SERVER_UNAVAILABLE", 503: "SERVER_UNAVAILABLE", 504: "SERVER_UNAVAILABLE"}
Fault = dict[str, Any]


def check_fault(fault: Mapping[str, Any]) -> None:
    """Refuse a fault nobody could strike with.

    Raises:
        ValueError: naming what is wrong.
    """
    if fault.get("fault") not in KINDS:
        raise ValueError(f"fault must be one of {', '.join(sorted(KINDS))}")
    if fault["fault"] == "status" and not isinstance(fault.get("status"), int):
        raise ValueError("a fault of kind status needs a status")


def take_fault(book: FaultBook, doors: Sequence[tuple[str, str]], names: set[str]) -> Fault | None:
    """Return the fault that strikes a request.

    ``doors`` are method and path of the request and of the subrequests of a composite one: a fault of one of them
    strikes the whole. ``names`` are the objects that its paths and records name.
    """

    def matches(fault: Fault) -> bool:
        wanted, prefix = fault.get("method", "").upper(), fault.get("path_prefix", "/")
        return any(wanted in {"", method} and path.startswith(prefix) for method, path in doors) and (
            "sobject" not in fault or fault["sobject"].lower() in names
        )

    return book.take(matches)


def locked_records(fault: Fault) -> Callable[[str, Mapping[str, Any]], bool]:
    """Return which records a row_lock fault holds: of ``sobject``, with a value among ``values``, at most ``rows``."""
    left = [int(fault.get("rows", -1))]
    wanted, values = str(fault.get("sobject", "")).lower(), fault.get("values")

    def is_locked(name: str, record: Mapping[str, Any]) -> bool:
        if left[0] == 0 or (wanted and name.lower() != wanted):
            return False
        if values is not None and not any(value in values for value in record.values() if isinstance(value, str)):
            return False
        left[0] -= 1
        return True

    return is_locked


def status_error(fault: Fault) -> ApiError:
    """Return the error a status fault answers."""
    status = int(fault["status"])
    code = str(fault.get("error_code") or _CODES.get(status, "UNKNOWN_EXCEPTION"))
    return ApiError(code, str(fault.get("message", "An unexpected error occurred.")), status=status)


def request_limit_error(fault: Fault) -> ApiError:
    """Return the error of a spent daily allocation."""
    message = str(fault.get("message", "TotalRequests Limit exceeded."))
    return ApiError("REQUEST_LIMIT_EXCEEDED", message, status=403)
