"""The API of Counterfoil for Python programs: typed answers, typed errors, and calls that are safe to repeat.

`Client` holds the connection, `types` the messages and enumerations of the contract, `Reason` the reasons of errors. It
keeps nothing on disk, logs nothing, and knows nothing of the service but its contract.
"""

from counterfoil_client._client import TLS, Client
from counterfoil_client._errors import (
    Cancelled,
    Conflict,
    CounterfoilError,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    LimitReached,
    NotFound,
    PermissionDenied,
    Refused,
    Unauthenticated,
    Unavailable,
    Violation,
)
from counterfoil_client._pb.reasons import Reason
from counterfoil_client._watch import Watch

__all__ = [
    "TLS",
    "Cancelled",
    "Client",
    "Conflict",
    "CounterfoilError",
    "DeadlineExceeded",
    "InternalError",
    "InvalidRequest",
    "LimitReached",
    "NotFound",
    "PermissionDenied",
    "Reason",
    "Refused",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "Watch",
]
