"""Reading only what changed, and writing only what did not.

After "Conditional Request Headers" of the REST API Developer Guide: dates for records and describes, entity tags for
Account records alone. Dates have whole seconds.
"""

import hashlib
import json
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.store import Row

_TAGGED = "Account"
_NOT_MODIFIED, _PRECONDITION_FAILED = 304, 412


def read(call: Call, answer: Answer, changed: datetime, name: str = "") -> Answer:
    """Return what a reader gets who says what it has: the answer with its date, or 304 without a body.

    Raises:
        ApiError: 412, where the reader wants it only if it did not change.
    """
    check(call, changed)
    headers = {"Last-Modified": format_datetime(changed.astimezone(UTC), usegmt=True)}
    if name == _TAGGED:
        text = json.dumps([answer.body, changed.isoformat()], default=str, sort_keys=True)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:22]}"'
        headers["ETag"] = tag
        wanted = [one.strip() for one in call.headers.get("if-match", "*").split(",")]
        if tag not in wanted and wanted != ["*"]:
            raise _failed()
        if tag in [one.strip() for one in call.headers.get("if-none-match", "").split(",")]:
            return Answer(_NOT_MODIFIED, headers=headers)
    since = _date(call, "if-modified-since")
    if since is not None and changed.replace(microsecond=0) <= since:
        return Answer(_NOT_MODIFIED, headers=headers)
    answer.headers |= headers
    return answer


def check(call: Call, changed: datetime) -> None:
    """Refuse a request that is meant for a record as it was before it changed.

    Raises:
        ApiError: 412.
    """
    before = _date(call, "if-unmodified-since")
    if before is not None and changed.replace(microsecond=0) > before:
        raise _failed()


def check_row(call: Call, row: Row) -> None:
    """Like ``check``, for a row about to be written."""
    check(call, row["SystemModstamp"])


def _failed() -> ApiError:
    return ApiError(
        "PRECONDITION_FAILED", "The resource has changed since the date of the request", status=_PRECONDITION_FAILED
    )


def _date(call: Call, header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(call.headers.get(header, ""))
    except ValueError:
        return None  # a date that cannot be read counts as none (RFC 9110, 13.1.3)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
