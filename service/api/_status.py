"""The one place where an error becomes the google.rpc.Status a gRPC client sees.

An error of ours brings its own reason and status; anything else becomes INTERNAL with a fixed sentence, and only its
type and our own part of its stack are logged.
"""

from datetime import timedelta
from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from service.api._faults import INTERNAL_MESSAGE
from service.errors import CounterfoilError, InvalidRequest

DOMAIN = "counterfoil"
DETAILS_KEY = "grpc-status-details-bin"
RETRY_AFTER = timedelta(seconds=1)
# Trailers share 8 KiB by default in gRPC's clients: a status over it would arrive as no status at all.
MAX_MESSAGE = 1000
MAX_VIOLATIONS = 20
MAX_METADATA_VALUE = 200


class DeadlineTooShort(CounterfoilError):
    """The caller's deadline leaves no time for the work."""

    reason = "DEADLINE_TOO_SHORT"
    status = "DEADLINE_EXCEEDED"


def to_status(error: BaseException) -> status_pb2.Status:
    """Return the status of an error, with ErrorInfo and, where they fit, BadRequest and RetryInfo."""
    if not isinstance(error, CounterfoilError):
        return _status("INTERNAL", INTERNAL_MESSAGE, error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))
    metadata = {key: value[:MAX_METADATA_VALUE] for key, value in error.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    status = _status(error.status, error.message[:MAX_MESSAGE], info)
    if isinstance(error, InvalidRequest):
        status.details.add().Pack(_bad_request(error))
    if error.retryable:
        delay = Duration()
        delay.FromTimedelta(error.retry_after or RETRY_AFTER)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _status(code: str, message: str, info: error_details_pb2.ErrorInfo) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(code), message=message)
    status.details.add().Pack(info)
    return status


def _bad_request(error: InvalidRequest) -> error_details_pb2.BadRequest:
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description[:200])
        for violation in error.violations[:MAX_VIOLATIONS]
    ]
    return error_details_pb2.BadRequest(field_violations=violations)


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """Return the status's code as grpc's own enumeration."""
    return grpc.StatusCode[code_pb2.Code.Name(status.code)]


async def abort_with(context: Any, error: BaseException) -> NoReturn:
    """End a call with the status of an error."""
    status = to_status(error)
    details = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(code_of(status), status.message, details)
    raise AssertionError("abort raises")  # pragma: no cover
