"""What a failed attempt means for a record: a pure decision by the error's class and the record's past.

passing (lock, timeout, limit)   again, with a doubling pause
taken along by another record    again at once: the culprit has its own verdict
what it refers to is missing   again: another lane brings it
two writers created it at once   again at once, which updates what the other one made; a second time is for good
a permission is missing          again, slowly: a person mends it
anything else                    dead: new content, a person, or a release tries it again
"""

from dataclasses import dataclass
from datetime import timedelta

from service.domain import retry_delay
from service.errors import VendorDenied, VendorError
from service.outbox import Claimed

_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=5)
# A missing permission is mended by a person, not by haste.
_DENIED_DELAY = timedelta(minutes=2)
_LONGEST_DENIED_DELAY = timedelta(hours=1)
_COLLATERAL = frozenset(
    {
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "BATCH_PROCESSING_HALTED",
        "FAILED_DUE_TO_OTHER_INPUTS",
        "PROCESSING_HALTED",
    }
)
_DUPLICATE = "DUPLICATE_VALUE"
# "Foreign key external ID: ... not found", which is no other use of this code.
_REFERENCE_MISSING = ("INVALID_FIELD", "SALESFORCE_NOT_FOUND")
# Salesforce's own faults, which the same record may cause each time.
_FEW_ATTEMPTS = {"UNKNOWN_EXCEPTION": 5, "INTERNAL_ERROR": 5}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`delay` before the next attempt; None makes the record a dead one."""

    delay: timedelta | None


def verdict(record: Claimed, error: VendorError, *, attempts_limit: int) -> Verdict:
    """Decide about one record that Salesforce answered for."""
    if record.attempts >= _FEW_ATTEMPTS.get(error.code or "", attempts_limit):
        return Verdict(None)
    if error.code == _DUPLICATE and error.retryable:
        return Verdict(None if record.error_code == _DUPLICATE else timedelta())
    if error.code in _COLLATERAL:
        return Verdict(timedelta())
    if isinstance(error, VendorDenied):
        return Verdict(retry_delay(record.attempts, first=_DENIED_DELAY, longest=_LONGEST_DENIED_DELAY))
    if not error.retryable and (error.code, error.reason) != _REFERENCE_MISSING:
        return Verdict(None)
    return Verdict(error.retry_after or retry_delay(record.attempts, first=_FIRST_DELAY, longest=_LONGEST_DELAY))
