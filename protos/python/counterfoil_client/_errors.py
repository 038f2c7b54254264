"""What a call raises: one class for each kind of failure, whatever the contract's reason says more exactly.

    CounterfoilError
    |-- InvalidRequest      INVALID_ARGUMENT      the request is malformed: `violations` has every fault
    |-- NotFound            NOT_FOUND             the named thing does not exist
    |-- Conflict            ALREADY_EXISTS        the same request was made before with other content
    |-- Refused             FAILED_PRECONDITION   not possible in the present state; nothing was done
    |-- Unauthenticated     UNAUTHENTICATED       the caller did not prove who it is
    |-- PermissionDenied    PERMISSION_DENIED     the caller may not do this
    |-- LimitReached        RESOURCE_EXHAUSTED    a stated limit, such as that of a message's size
    |-- DeadlineExceeded    DEADLINE_EXCEEDED     no answer in time: what was asked may be done, and may be asked again
    |-- Unavailable         UNAVAILABLE           not reached, or not now; tried again already, within the deadline
    |-- Cancelled           CANCELLED             the call was ended on this side
    `-- InternalError       everything else       a fault of the service's

A bank's no is no error: it is a payment with STATE_FAILED.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"
_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request: the path of the `field`, and the fault with its remedy."""

    field: str
    description: str


class CounterfoilError(Exception):
    """Base of all errors of a call.

    Attributes:
        code: the gRPC status.
        message: one sentence for a person.
        reason: a `Reason`, or the word of a later version; empty when the service was not reached.
        metadata: details for a program, such as "payment_id".
        violations: what is wrong with the request, all at once.
        retry_delay: how long to wait at least before another try; None if the service does not advise one.
        request_id: the id that the request was sent with; sent with it again, nothing happens twice. Empty without one.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_delay: timedelta | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(f"{reason or code.name}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_delay = retry_delay
        self.request_id = request_id

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without a change."""
        return self.code is grpc.StatusCode.UNAVAILABLE or self.retry_delay is not None


class InvalidRequest(CounterfoilError):
    """The request is malformed; `violations` has every fault."""


class NotFound(CounterfoilError):
    """The named thing does not exist."""


class Conflict(CounterfoilError):
    """The same request was made before with other content; nothing was done."""


class Refused(CounterfoilError):
    """Not possible in the present state of things; nothing was done."""


class Unauthenticated(CounterfoilError):
    """The caller did not prove who it is."""


class PermissionDenied(CounterfoilError):
    """The caller may not do this, or not for this entity."""


class LimitReached(CounterfoilError):
    """A stated limit is reached."""


class DeadlineExceeded(CounterfoilError):
    """There was no answer in time. What was asked may be done all the same; ask again with the same `request_id`."""


class Unavailable(CounterfoilError):
    """The service, or a vendor behind it, was not reached."""


class Cancelled(CounterfoilError):
    """The call was ended on this side."""


class InternalError(CounterfoilError):
    """A fault of the service's; its log has the cause."""


_KINDS: Mapping[grpc.StatusCode, type[CounterfoilError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitReached,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Cancelled,
}


def error_of(failure: Any, request: Message) -> CounterfoilError:
    """Return the error for a failed call, which is both grpc's error and grpc's call."""
    code: grpc.StatusCode = failure.code()
    status = _status(failure)
    info = _detail(status, error_details_pb2.ErrorInfo) or error_details_pb2.ErrorInfo()
    bad = _detail(status, error_details_pb2.BadRequest) or error_details_pb2.BadRequest()
    retry = _detail(status, error_details_pb2.RetryInfo)
    return _KINDS.get(code, InternalError)(
        code,
        str(failure.details() or ""),
        reason=info.reason,
        metadata=info.metadata,
        violations=[Violation(one.field, one.description) for one in bad.field_violations],
        retry_delay=retry.retry_delay.ToTimedelta() if retry is not None else None,
        request_id=str(getattr(request, "request_id", "")),
    )


def _status(failure: Any) -> status_pb2.Status:
    raw = next((value for key, value in failure.trailing_metadata() or () if key == _DETAILS), b"")
    try:
        return status_pb2.Status.FromString(raw)
    except DecodeError:
        return status_pb2.Status()  # a proxy's: what grpc itself carries has to do


def _detail(status: status_pb2.Status, kind: type[_M]) -> _M | None:
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    return None
